"""Runs on several devices that fail, simulated: a device that is free takes the longest run that is left."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UsageError


@dataclass(frozen=True)
class Failures:
    """How often a device fails, and what that costs.

    Attributes:
        mean_between_s: Mean seconds of a device's work between two failures, which come as a Poisson process;
            infinite for devices that never fail.
        checkpoint_s: Seconds of work between checkpoints: a failure loses what was done since the last one.
            Infinite without checkpoints: it loses the whole run. Writing one costs nothing here.
        restart_s: Seconds from a failure until the run works again, on the same device or in its place.
    """

    mean_between_s: float
    checkpoint_s: float
    restart_s: float

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            UsageError: A time that is not positive; a restart may take none.
        """
        if not (self.mean_between_s > 0 and self.checkpoint_s > 0 and 0 <= self.restart_s < math.inf):
            raise UsageError(f"{self}; expected positive seconds, and a restart of 0 s or more")


@dataclass(frozen=True)
class Schedule:
    """What a simulation came to.

    Attributes:
        makespan_s: Seconds until the last run has ended.
        busy_s: Seconds that all devices together spent on runs, lost work and restarts among them.
        failures: Failures of all runs.
    """

    makespan_s: float
    busy_s: float
    failures: int


def list_schedule(
    work_s: Sequence[float], devices: int, failures: Failures | None = None, seed: int = 0
) -> Schedule:
    """Simulate runs on equal devices, the longest first.

    Graham's list scheduling by longest processing time: at most 4/3 - 1/(3 devices) of the shortest possible
    makespan without failures (R. L. Graham, SIAM J. Appl. Math. 17, 1969). The failures of a run depend on
    the seed and its place in the list, not on the number of devices.

    Args:
        work_s: Seconds of work of each run, on one device.
        devices: Number of devices; each works on one run at a time, to its end.
        failures: None for devices that never fail.
        seed: Seed of the failures.

    Raises:
        UsageError: No device.
    """
    if devices < 1:
        raise UsageError(f"{devices} devices; expected one or more")
    free_at = [0.0] * devices
    busy_s, count = 0.0, 0
    for index in sorted(range(len(work_s)), key=lambda one: -work_s[one]):
        taken_s, failed = work_s[index], 0
        if failures is not None:
            taken_s, failed = _with_failures(work_s[index], failures, random.Random(f"{seed}/{index}"))
        heapq.heapreplace(free_at, free_at[0] + taken_s)
        busy_s += taken_s
        count += failed
    return Schedule(max(free_at), busy_s, count)


def _with_failures(work_s: float, failures: Failures, chance: random.Random) -> tuple[float, int]:
    """Return the seconds that a run takes on a device that fails, and how often that does."""
    taken_s, done_s, count = 0.0, 0.0, 0
    while (until_s := failures.mean_between_s * chance.expovariate(1.0)) < work_s - done_s:
        taken_s += until_s + failures.restart_s
        if failures.checkpoint_s < math.inf:
            done_s += until_s // failures.checkpoint_s * failures.checkpoint_s
        count += 1
    return taken_s + work_s - done_s, count
