"""Several training processes, one per device, that must decide alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from torch import Tensor

from bench.errors import BenchError, RefusedInput

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")


def agreed(fabric: Fabric, value: float, how: Literal["sum", "max"] = "sum") -> float:
    """Return the sum or the largest of a number over the processes; with one process the number itself."""
    if fabric.world_size == 1:
        return value
    # whole numbers up to 2^53 and float32 losses are exact in it
    number = torch.tensor(value, dtype=torch.float64, device=fabric.device)
    return float(_tensor(fabric.all_reduce(number, reduce_op=how)))


def by_first(fabric: Fabric, action: Callable[[], T]) -> T | None:
    """Let the first process alone do something and return what it gives; the others wait and get None.

    When it is refused there, the others end with it, quietly.
    """
    found, refusal = None, None
    if fabric.is_global_zero:
        try:
            found = action()
        except BenchError as error:
            refusal = error
    if agreed(fabric, float(refusal is not None), "max"):
        raise refusal or SystemExit(0)
    return found


def require_alike(fabric: Fabric, number: float, message: str, then: str) -> None:
    """Refuse, in every process, to go on where a number is not the same in all of them.

    Raises:
        RefusedInput: With the message.
    """
    # a whole number up to 2^53 is exact
    if agreed(fabric, number, "max") != -agreed(fabric, -number, "max"):
        raise RefusedInput(message, then)


def require_same_run(fabric: Fabric, run_key: str) -> None:
    """Refuse processes that do not agree on what is trained, as nodes with different data do not.

    Args:
        run_key: Digest of the run's identity.

    Raises:
        RefusedInput: In every process.
    """
    message = "the processes of this run differ in data, initial weights, machine or threads"
    then = "give every node the same data and weights, and --threads"
    require_alike(fabric, int(run_key[:12], 16), message, then)


def summed(fabric: Fabric, numbers: Tensor) -> Tensor:
    """Return the sum of a tensor over the processes."""
    return _tensor(fabric.all_reduce(numbers, reduce_op="sum"))


def random_states(fabric: Fabric) -> dict[str, Tensor]:
    """Return the state of torch's generators; with several processes one row per rank."""
    states = {"rng": torch.get_rng_state()}
    if fabric.device.type == "cuda":
        states["cuda_rng"] = torch.cuda.get_rng_state(fabric.device)
    if fabric.world_size == 1:
        return states
    return {name: _tensor(fabric.all_gather(state)).cpu() for name, state in states.items()}


def set_random_states(fabric: Fabric, saved: dict[str, Any]) -> None:
    """Set this process's generators to what `random_states` returned."""
    # a copy: torch reads a state from the start of its storage (2.15 crashes on a row of a larger tensor)
    mine = {
        name: saved[name] if fabric.world_size == 1 else saved[name][fabric.global_rank].clone()
        for name in ("rng", "cuda_rng")
        if name in saved
    }
    torch.set_rng_state(mine["rng"])
    if "cuda_rng" in mine and fabric.device.type == "cuda":
        torch.cuda.set_rng_state(mine["cuda_rng"], fabric.device)


def _tensor(found: Any) -> Tensor:
    # Fabric reduces and gathers collections too, and says so in its types
    if not isinstance(found, Tensor):
        raise TypeError(f"Fabric returned a {type(found).__name__} for a tensor")
    return found
