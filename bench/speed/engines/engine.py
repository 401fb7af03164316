"""The engines by name: what each can do, and where its file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from baselines.method import import_named
from bench.errors import UsageError, unknown
from bench.speed.engines.calibration import Calibration

Infer = Callable[[Tensor], Tensor]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_TORCH = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Conditions:
    """Conditions that an engine is prepared for.

    Attributes:
        device: Device of the network and its inputs.
        threads: CPU threads of one operator, the same for every engine.
        precision: A key of ``PRECISIONS``.
        calibration: Source of int8's ranges; the other precisions ignore it.
    """

    device: torch.device
    threads: int
    precision: str = "fp32"
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Prepared:
    """A network in an engine.

    Attributes:
        infer: From a float32 image (b, 3, h, w) of the example's size and layout to float32 logits (b, c, h,
            w), whatever the precision between them: every engine is timed from and to the same. The next call
            may overwrite the logits.
        versions: Versions of the engine's own libraries; torch's stands in every record.
    """

    infer: Infer
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: Name on the command line.
        file: Module of this package with ``prepare``.
        identity: Name in records: eager in three layouts is one engine there, with its layout.
        layout: Memory format of the input; None is the device's own.
        precisions: Keys of ``PRECISIONS`` that it supports; the device may support fewer.
        devices: Kinds of device that it runs on.
    """

    name: str
    file: str
    identity: str
    layout: torch.memory_format | None = None
    precisions: tuple[str, ...] = _TORCH
    devices: tuple[str, ...] = ("cpu", "cuda", "mps")

    def prepare(self, network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
        """Return the network in this engine.

        Args:
            network: In eval mode, fp32, on the device; it is left as it is.
            example: A float32 image (b, 3, h, w) in the engine's layout; its shape is the only one it is
                called with.
            conditions: Device, threads and precision.

        Raises:
            UsageError: A precision or device that the engine lacks, or a library that is not installed.
            RefusedInput: The network cannot be brought into this engine.
        """
        require(self, conditions.precision, conditions.device.type)
        prepared: Prepared = import_named(f"bench.speed.engines.{self.file}:prepare")(
            network, example, conditions
        )
        return prepared


_ALL = [
    Engine("eager", "eager", "eager"),
    Engine("nchw", "eager", "eager", torch.contiguous_format),
    Engine("channels_last", "eager", "eager", torch.channels_last),
    Engine("compile", "compiled", "compile"),
    Engine("cudagraphs", "cuda_graphs", "cudagraphs", devices=("cuda",)),
    Engine("onnxruntime", "onnx_runtime", "onnxruntime", torch.contiguous_format, ("fp32", "int8"), ("cpu",)),
    Engine("openvino", "open_vino", "openvino", torch.contiguous_format, (*_TORCH, "int8"), ("cpu",)),
    Engine("tensorrt", "tensor_rt", "tensorrt", torch.contiguous_format, _TORCH, ("cuda",)),
]
ENGINES = {engine.name: engine for engine in _ALL}


def find_engine(name: str) -> Engine:
    """Return the engine of this name; the error lists the names."""
    if name not in ENGINES:
        raise unknown("engine", name, list(ENGINES))
    return ENGINES[name]


def require(engine: Engine, precision: str, device_kind: str) -> None:
    """Refuse a precision or a kind of device that the engine does not have.

    Raises:
        UsageError: Listing what it has.
    """
    if precision not in engine.precisions:
        choices = ", ".join(engine.precisions)
        raise UsageError(f"{engine.name}: no precision '{precision}'; choose from {choices}")
    if device_kind not in engine.devices:
        raise UsageError(f"{engine.name}: runs on {', '.join(engine.devices)}, not on {device_kind}")
