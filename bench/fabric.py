"""Device, precision and strategy, by Lightning Fabric, the one place that lists them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.errors import UsageError, unknown
from bench.heap import keep_heap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning_fabric import Fabric

DEVICES = ("auto", "cpu", "cuda", "mps")
STRATEGIES = ("auto", "ddp")
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""Short names of precisions, and what Fabric calls them."""

ALONE = -1
"""As a number of devices: this process and its one device, whoever else a launcher has started."""

_THEN = {
    "srun": "srun --ntasks-per-node=N carnet-bench ... without --devices, or no srun",
    "torchrun": "torchrun --nproc-per-node N -m bench ... without --devices, or no torchrun",
}
_PR_SET_PDEATHSIG = 1  # prctl.h


def launch_fabric(
    device: str, precision: str = "32-true", devices: int | None = 1, strategy: str = "auto"
) -> Fabric:
    """Return Lightning Fabric; ``auto`` is the best device available.

    A process that computes on the CPU keeps its heap from here on (`bench.heap`).

    With ``ddp`` this process starts the others, which rerun the same command up to this line, unless torchrun
    or srun has started them all.

    Args:
        device: One of `DEVICES`.
        precision: As Fabric names it, one of `PRECISIONS`' values.
        devices: Processes on all nodes together, one per device (on the CPU they share it). None takes as
            many as torchrun or srun has started, or one; `ALONE` is one, whatever those have started.
        strategy: ``ddp`` is one process per device with averaged gradients; ``auto`` takes it for several
            devices.

    Raises:
        UsageError: No such name, no such device on this machine, fewer devices than requested, another number
            than torchrun or srun has started, or 16-bit floats on a device that has no training in them; an
            unknown heap.
    """
    if device not in DEVICES:
        raise unknown("device", device, list(DEVICES))
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, list(STRATEGIES))
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device, True):
        have = ["cpu", *(name for name, found in there.items() if found)]
        raise UsageError(f"device '{device}' is not on this machine; choose from {', '.join(have)}")
    chosen = device if device != "auto" else next((name for name, found in there.items() if found), "cpu")
    if precision not in PRECISIONS.values():
        raise unknown("precision", precision, list(PRECISIONS.values()))
    # Fabric would take bf16 instead, with no more than a warning
    if precision == "16-mixed" and chosen != "cuda":
        raise UsageError(
            f"precision fp16 (16-mixed) on {chosen}; expected a cuda device",
            then="take --precision bf16 or fp32, or --device cuda",
        )
    launched = None if devices == ALONE else launched_by()
    world = number_of_processes(devices)
    here = world if launched is None else world // launched.nodes
    most = {"cuda": torch.cuda.device_count(), "mps": 1}.get(chosen)
    if here < 1 or (most is not None and here > most):
        raise UsageError(f"{here} {chosen} devices; available: {most if most is not None else 'one or more'}")
    if chosen == "cpu":
        keep_heap()
    # to read its version Fabric imports all of torchmetrics where that is installed: 3.5 s on a slow core
    with _hidden("torchmetrics"):
        from lightning_fabric import Fabric  # noqa: PLC0415 - takes seconds, and only a run needs it
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment  # noqa: PLC0415

    if world > 1:
        strategy = "ddp"
    # a job's variables are there without srun too; then nobody but this process starts the others
    in_slurm = "SLURM_NTASKS" in os.environ
    own = LightningEnvironment() if devices == ALONE or (in_slurm and launched is None) else None
    try:
        fabric = Fabric(
            accelerator=chosen,
            devices=here,
            num_nodes=1 if launched is None else launched.nodes,
            precision=precision,  # type: ignore[arg-type]
            strategy=strategy,
            plugins=own,
        )
        if strategy == "ddp":
            _end_with_parent()
            fabric.launch()
    except (KeyError, RuntimeError, ValueError) as error:
        if launched is None or launched.name != "srun":
            raise
        raise UsageError(f"Slurm's variables and {world} devices: {error}", then=_THEN["srun"]) from error
    return fabric


@dataclass(frozen=True)
class Launched:
    """What a launcher has started: the same command, once per device.

    Attributes:
        name: ``torchrun`` or ``srun``.
        world: Processes on all nodes together.
        nodes: Nodes, each with equally many of them.
    """

    name: str
    world: int
    nodes: int


def launched_by() -> Launched | None:
    """Return what has started this process as one of several (or as the only one); None for nothing.

    Raises:
        UsageError: Nodes with different numbers of processes; variables that are no numbers.
    """
    variables = os.environ
    try:
        if "TORCHELASTIC_RUN_ID" in variables:  # torchrun inside a Slurm job is torchrun's
            name, world, here = "torchrun", int(variables["WORLD_SIZE"]), int(variables["LOCAL_WORLD_SIZE"])
            nodes = max(1, world // here)
        elif "SLURM_STEP_NUM_TASKS" in variables and "SLURM_NTASKS" in variables:
            name, world = "srun", int(variables["SLURM_STEP_NUM_TASKS"])
            nodes = int(variables.get("SLURM_STEP_NUM_NODES") or variables.get("SLURM_NNODES") or 1)
            here = world // nodes
        else:
            return None
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise UsageError(f"variables of torchrun or Slurm: {error!r}; expected whole numbers") from error
    if nodes * here != world:
        raise UsageError(
            f"{name} started {world} processes, {here} on this node; expected as many on each node",
            then=_THEN[name],
        )
    return Launched(name, world, nodes)


def number_of_processes(devices: int | None) -> int:
    """Return how many processes share a run.

    Args:
        devices: As `launch_fabric` takes it.

    Raises:
        UsageError: A launcher has started another number.
    """
    if devices == ALONE:
        return 1
    launched = launched_by()
    if launched is None:
        return 1 if devices is None else devices
    if devices is not None and devices != launched.world:
        raise UsageError(
            f"{launched.name} started {launched.world} processes; expected {devices} (--devices)",
            then=_THEN[launched.name],
        )
    return launched.world


@contextlib.contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Let imports not find a package that nothing has imported before."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # Python's own mark for what is not to be found
    try:
        yield
    finally:
        del sys.modules[package]


def _end_with_parent() -> None:
    """Let the kernel end this process, where it is one that another started, when that one is killed."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
