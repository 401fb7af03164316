"""The device that measures, and how to wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from bench.errors import UsageError
from bench.fabric import launch_fabric
from bench.heap import Heap, keep_heap


@dataclass(frozen=True)
class Device:
    """A device under measurement.

    Attributes:
        torch_device: Device of models and inputs.
        synchronise: Waits until everything given to the device is done; on a CPU, where a call returns when
            it is done, it does nothing (and must not touch a GPU of the machine).
        memory_format: The layout of models and inputs: channels last on a CPU, where it is the faster one.
        heap: Heap of the process: ``kept`` from call to call, or the ``system``'s (`bench.heap`).
    """

    torch_device: torch.device
    synchronise: Callable[[], None]
    memory_format: torch.memory_format
    heap: Heap = "system"

    @property
    def kind(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.torch_device.type


def open_device(name: str) -> Device:
    """Return the device of this name, through Lightning Fabric; ``auto`` is the best available.

    Raises:
        UsageError: No such name, or no such device on this machine.
    """
    device = launch_fabric(name).device
    heap = keep_heap() if device.type == "cpu" else "system"
    waits = {"cuda": lambda: torch.cuda.synchronize(device), "mps": torch.mps.synchronize}
    return Device(device, waits.get(device.type, lambda: None), layout_of_device(device), heap)


def layout_of_device(device: torch.device) -> torch.memory_format:
    """Return the layout that a device of this kind computes faster in."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


@contextmanager
def measuring_conditions(threads: int | None) -> Iterator[int]:
    """Set what would otherwise be ambient, and restore it: threads, full fp32, no autotuning.

    Precision ``32-true`` means 32 bits: cuDNN would use TF32 in convolutions, but not in `torch.mm`, and
    the GEMM rate would bound nothing.

    Args:
        threads: Threads of one operator on a CPU; None leaves torch's own choice.

    Yields:
        The threads in force.

    Raises:
        UsageError: Fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads {threads}: expected 1 or more")
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with (
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=False),
            torch.inference_mode(),
        ):
            yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
