"""What is timed of a network: in which engine and precision, and whether its deployed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import unknown
from bench.results.record_types import PRECISIONS, form_of

if TYPE_CHECKING:
    import torch

    from bench.speed.device import Device
    from bench.speed.engines.engine import Engine


@dataclass(frozen=True)
class Variant:
    """One way to run a network.

    Attributes:
        engine: A name of ``bench.speed.engines.engine.ENGINES``; ``eager`` takes the device's own layout.
        precision: ``fp32``, ``bf16``, ``fp16`` or ``int8``.
        deploy: Whether the network is folded for inference first (``carnet.fast.deploy``).
    """

    engine: str = "eager"
    precision: str = "fp32"
    deploy: bool = False

    def on(self, device: Device) -> Engine:
        """Return the engine, or refuse what it cannot do here.

        Raises:
            UsageError: An unknown engine, or one without this precision or device.
        """
        from bench.speed.engines.engine import find_engine, require  # noqa: PLC0415 - imports torch

        engine = find_engine(self.engine)
        require(engine, self.precision, device.kind)
        return engine

    def layout(self, device: Device) -> torch.memory_format:
        """Return the memory format of the input."""
        return self.on(device).layout or device.memory_format

    def identity(self, device: Device) -> dict[str, Any]:
        """Return its part of a record's identity; ``deploy`` is present only when true.

        Records of eager networks are older than the other engines, and their ids must not change.
        """
        found: dict[str, Any] = {
            "engine": self.on(device).identity,
            "memory_format": str(self.layout(device)).removeprefix("torch."),
            "precision": PRECISIONS[self.precision],
        }
        return {**found, "deploy": True} if self.deploy else found

    def is_plain(self, device: Device) -> bool:
        """Return whether this is the network as it is, which needs no check against itself."""
        return self.identity(device) == Variant().identity(device)


def form_of_variant(variant: Variant, device: str) -> str:
    """Return a variant in the words of `SpeedIdentity.form`, on a device of this name, present or not.

    ``auto`` is this machine's best device, or one that the engine runs on: a table can be shown anywhere.

    Raises:
        UsageError: No such device or engine, or an engine without this precision or device.
    """
    if variant == Variant():
        return ""
    # torch, which a table of eager times does not need
    import torch  # noqa: PLC0415

    from bench.fabric import DEVICES  # noqa: PLC0415
    from bench.speed.device import Device, layout_of_device, open_device  # noqa: PLC0415
    from bench.speed.engines.engine import find_engine  # noqa: PLC0415

    if device not in DEVICES:
        raise unknown("device", device, list(DEVICES))
    kind, runs_on = device, find_engine(variant.engine).devices
    if kind == "auto":
        here = open_device("auto").kind
        kind = here if here in runs_on else runs_on[0]
    there = torch.device(kind)
    found = variant.identity(Device(there, lambda: None, layout_of_device(there)))
    return form_of(found["engine"], kind, found["memory_format"], found["precision"], deploy=variant.deploy)
