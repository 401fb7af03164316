"""How a step is computed: CARNet's fast form on a CPU, a CUDA graph on a GPU, or torch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from bench.environment import chosen
from bench.errors import UsageError
from carnet.fast.training import compiler_in_use, use_fast_training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from bench.train.recipe import Recipe

VARIABLE = "CARNET_TRAINING"
"""Environment variable: ``torch`` leaves CARNet's modules as they are, ``fast`` is the default, and ``graph``
records the forward and backward pass of a step as a CUDA graph (`bench.train.step_graph`)."""


def choose_kernels(
    network: nn.Module, criterion: nn.Module, device: str, precision: str = "32-true"
) -> str | None:
    """Give a CARNet and its loss their fast form where available; return the compiler of its C.

    Args:
        network, criterion: What is trained; of other networks the 1x1 convolutions alone change.
        device, precision: Kind of the device, and the precision as Fabric names it: the C is for 32-bit
            floats.

    Returns:
        None where torch computes everything.

    Raises:
        UsageError: `VARIABLE` has another value.
    """
    if _chosen() != "fast" or device != "cpu" or precision != "32-true":
        return None
    use_fast_training(network, criterion)
    return compiler_in_use(network)


def records_steps(recipe: Recipe, fabric: Fabric) -> bool:
    """Say whether a run's steps are recorded as a CUDA graph.

    Raises:
        UsageError: It is wanted, and a graph cannot hold such a step: not on CUDA, a gradient that several
            processes or several parts of a batch add up, a loss scale, or a choice of pixels by their loss.
    """
    if _chosen() != "graph":
        return False
    obstacles = {
        f"device {fabric.device.type}": fabric.device.type != "cuda",
        f"{fabric.world_size} devices": fabric.world_size > 1,
        f"accumulate = {recipe.accumulate}": recipe.accumulate > 1,
        f"precision {recipe.precision}": recipe.precision == "16-mixed",
        f"ohem_threshold = {recipe.ohem_threshold}": recipe.ohem_threshold > 0,
    }
    found = [name for name, there in obstacles.items() if there]
    if found:
        raise UsageError(
            f"{VARIABLE}=graph with {', '.join(found)}; expected one cuda device, accumulate = 1, "
            "fp32 or bf16, no ohem",
            then=f"leave {VARIABLE} out",
        )
    return True


def _chosen() -> str:
    return chosen(VARIABLE, "fast", "torch", "graph")
