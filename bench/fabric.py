"""Device and precision, by Lightning Fabric: the one place that says which devices there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda", "mps")


def launch_fabric(device: str, precision: str = "32-true") -> Fabric:
    """Return Lightning Fabric for one device; ``auto`` is the best there is.

    Parameters
    ----------
    device
        One of `DEVICES`.
    precision
        As Fabric names it, e.g. ``32-true`` or ``bf16-mixed``.

    Raises
    ------
    UsageError
        No such name, or no such device on this machine.
    """
    if device not in DEVICES:
        raise UsageError(f"no device '{device}'; have {', '.join(DEVICES)}")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device, True):
        have = ["cpu", *(name for name, found in there.items() if found)]
        raise UsageError(f"device '{device}' is not on this machine; have {', '.join(have)}")
    from lightning_fabric import Fabric  # noqa: PLC0415 - takes a second, and only a run needs it

    return Fabric(accelerator=device, devices=1, precision=precision)  # type: ignore[arg-type]
