"""Whether CARNet trains on a CPU in its fast form, in C made by the machine's compiler, or by torch alone."""

from __future__ import annotations

from torch import nn

from bench.environment import chosen
from carnet.fast.training import compiler_in_use, use_fast_training

VARIABLE = "CARNET_TRAINING"
"""Environment variable: ``torch`` leaves CARNet's modules as they are, ``fast`` is the default."""


def choose_kernels(
    network: nn.Module, criterion: nn.Module, device: str, precision: str = "32-true"
) -> str | None:
    """Give a CARNet and its loss their fast form where available; return the compiler of its C.

    Args:
        network, criterion: What is trained; other networks stay as they are.
        device, precision: Kind of the device, and the precision as Fabric names it: the C is for 32-bit
            floats.

    Returns:
        None where torch computes everything.

    Raises:
        UsageError: `VARIABLE` is neither ``fast`` nor ``torch``.
    """
    if chosen(VARIABLE, "fast", "torch") == "torch" or device != "cpu" or precision != "32-true":
        return None
    use_fast_training(network, criterion)
    return compiler_in_use(network)
