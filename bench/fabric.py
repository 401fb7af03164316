"""Device, precision and strategy, by Lightning Fabric, the one place that lists them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

import torch

from bench.errors import UsageError, unknown
from bench.heap import keep_heap

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

DEVICES = ("auto", "cpu", "cuda", "mps")
STRATEGIES = ("auto", "ddp")
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
"""Short names of precisions, and what Fabric calls them."""

_SRUN = "srun --ntasks-per-node=N carnet-bench ... --devices N, or no srun"
_PR_SET_PDEATHSIG = 1  # prctl.h


def launch_fabric(
    device: str, precision: str = "32-true", devices: int = 1, strategy: str = "auto"
) -> Fabric:
    """Return Lightning Fabric; ``auto`` is the best device available.

    A process that computes on the CPU keeps its heap from here on (`bench.heap`).

    With ``ddp`` this process starts the others, which rerun the same command up to this line.

    Args:
        device: One of `DEVICES`.
        precision: As Fabric names it, one of `PRECISIONS`' values.
        devices: Training processes, one per device (on the CPU they share it).
        strategy: ``ddp`` is one process per device with averaged gradients; ``auto`` takes it for several
            devices.

    Raises:
        UsageError: No such name, no such device on this machine, fewer devices than requested, or 16-bit
            floats on a device that has no training in them; an unknown heap.
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
    most = {"cuda": torch.cuda.device_count(), "mps": 1}.get(chosen)
    if devices < 1 or (most is not None and devices > most):
        raise UsageError(
            f"{devices} {chosen} devices; available: {most if most is not None else 'one or more'}"
        )
    if chosen == "cpu":
        keep_heap()
    from lightning_fabric import Fabric  # noqa: PLC0415 - takes a second, and only a run needs it

    if devices > 1:
        strategy = "ddp"
    plugins = _launcher(devices)
    try:
        fabric = Fabric(
            accelerator=chosen,
            devices=devices,
            precision=precision,  # type: ignore[arg-type]
            strategy=strategy,
            plugins=plugins,
        )
        if strategy == "ddp":
            _end_with_parent()
            fabric.launch()
    except (KeyError, RuntimeError, ValueError) as error:
        if not any(name.startswith("SLURM_") for name in os.environ):
            raise
        raise UsageError(f"Slurm's variables and --devices {devices}: {error}", then=_SRUN) from error
    return fabric


def _launcher(devices: int) -> ClusterEnvironment | None:
    """Return what starts the training processes, where Slurm's variables would mislead Fabric; else None.

    A job's variables are there without ``srun`` too; then nobody but this process starts the others.
    """
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment  # noqa: PLC0415
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment  # noqa: PLC0415

    if TorchElasticEnvironment.detect() or "SLURM_NTASKS" not in os.environ:
        return None
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS")
    if tasks is None:
        return LightningEnvironment()
    if tasks != str(devices):
        raise UsageError(f"srun started {tasks} tasks; expected --devices {devices} of them", then=_SRUN)
    return None


def _end_with_parent() -> None:
    """Let the kernel end this process, where it is one that another started, when that one is killed."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def leave(fabric: Fabric) -> None:
    """Leave the group of training processes."""
    if fabric.world_size > 1:
        torch.distributed.destroy_process_group()
