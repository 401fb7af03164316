"""The most memory that a piece of work took."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

import torch

from bench.files import tell_kernel
from bench.heap import release_free_memory

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what proc(5) names for VmHWM


class PeakMemory:
    """Measures while it is entered; ``mib`` and ``measured`` say the outcome.

    On CUDA it is the most that torch had allocated, weights included. On a CPU under Linux it is how far the
    process's resident memory rose above what it was at the start, so without weights. Elsewhere it is not
    measured.

    Attributes:
        mib: Peak in MiB; None before the end and where it is not measured.
        measured: How, in words; None where it is not measured.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.mib: float | None = None
        self.measured: str | None = None
        self._before: float | None = None

    def __enter__(self) -> PeakMemory:
        """Start at the present state."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        elif self.device.type == "cpu" and sys.platform == "linux":
            release_free_memory()  # pages that the heap kept would hide the rise
            try:
                tell_kernel(_RESET, _RESET_PEAK)
                self._before = _kib("VmRSS")
            except OSError:
                self._before = None  # a sandbox without /proc: not measured
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read the peak."""
        if self.device.type == "cuda":
            self.mib = torch.cuda.max_memory_allocated(self.device) / 2**20
            self.measured = "allocated by torch, weights included"
        elif self._before is not None:
            self.mib = max(_kib("VmHWM") - self._before, 0.0) / 2**10
            self.measured = "rise of the resident memory"


def _kib(field: str) -> float:
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1])
    raise OSError(f"no {field} in {_STATUS}")
