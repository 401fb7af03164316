"""What else the machine was doing while it measured: CPU time of other processes, clock of the cores.

Load average, threads and usable cores are in every record's provenance already.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

# idle and iowait are not work; Linux counts guest time in user time already
_WORK = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True)
class CpuReading:
    """The system's CPU counters at one moment, all in seconds since some fixed start.

    Attributes:
        busy_s: CPU time of all processes on all cores, time stolen by the hypervisor included.
        idle_s: Idle time of all cores; it tells counters that stand still from a machine that is idle.
        own_s: CPU time of this process, all its threads.
        wall_s: Monotonic wall time.
        cores: Logical cores of the system.
    """

    busy_s: float
    idle_s: float
    own_s: float
    wall_s: float
    cores: int


def read_cpu() -> CpuReading:
    """Read the counters now; their resolution is a kernel tick (10 ms on most systems)."""
    times = psutil.cpu_times()
    return CpuReading(
        busy_s=float(sum(getattr(times, name, 0.0) for name in _WORK)),
        idle_s=float(times.idle),
        own_s=time.process_time(),
        wall_s=time.monotonic(),
        cores=psutil.cpu_count(logical=True) or 1,
    )


def foreign_share(before: CpuReading, after: CpuReading) -> float | None:
    """Return the share of the machine that other processes took between two readings.

    It is (CPU time of everybody - our own) / (wall time x cores), so 0 on a quiet machine and 0.5 when one
    of two cores is busy otherwise. The load average does not serve: our threads make a load of 1 per core.

    Returns:
        At least 0; None (not measured) when no time passed or the system's counters stand still, as they do
        in some sandboxes.
    """
    wall_s = after.wall_s - before.wall_s
    busy_s = after.busy_s - before.busy_s
    if wall_s <= 0 or busy_s + (after.idle_s - before.idle_s) <= 0:
        return None
    own_s = after.own_s - before.own_s
    # the two counters tick apart, so a quiet machine can come out a little below 0
    return max(0.0, busy_s - own_s) / (wall_s * after.cores)


def own_cores(before: CpuReading, after: CpuReading) -> float | None:
    """Return how many cores this process kept busy between two readings; None when no time passed."""
    wall_s = after.wall_s - before.wall_s
    return (after.own_s - before.own_s) / wall_s if wall_s > 0 else None


def cpu_mhz() -> float | None:
    """Return the clock of the cores as the system reports it now, MHz; None where it does not."""
    try:
        frequency = psutil.cpu_freq()
    except (AttributeError, NotImplementedError, OSError):  # not every system has it
        return None
    return float(frequency.current) if frequency and frequency.current else None
