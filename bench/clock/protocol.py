"""The rules of a timing: how long, and what makes it valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.clock.statistics import drift, quantile, spread

PROTOCOL_VERSION = 1
"""Part of a speed record's identity; raise it when a rule below changes what a number means."""


@dataclass(frozen=True)
class Protocol:
    """How long to measure, and what makes a measurement valid.

    Attributes:
        samples: Samples per model.
        budget_s: Seconds for everything: all models, warm-up and further attempts included. The last round
            started may end a little later.
        least_samples: Fewest valid samples: a third of them must hold a median.
        least_window_s: Sampling continues beyond ``samples`` until it took this long: the system counts other
            processes' CPU time in ticks of 10 ms, and over a shorter window their share would be noise.
        warmup_calls: Most warm-up calls per model.
        warmup_share: Most of the budget that warm-up may take, all models together.
        warmup_tolerance: Largest difference, as a share, of the medians of the last two groups of three calls
            once warm.
        drift, spread, foreign: Most that a valid measurement may show: drift of the median from the first
            third to the last, interquartile range over median, share of the cores that other processes took.
        spare_cores: Cores that this process may keep busy beyond its threads: Python's own work beside them.
        attempts: Most attempts at a set of models that are all valid.
    """

    samples: int = 100
    budget_s: float = 60.0
    least_samples: int = 9
    least_window_s: float = 0.5
    warmup_calls: int = 30
    warmup_share: float = 0.2
    warmup_tolerance: float = 0.05
    drift: float = 0.05
    spread: float = 0.10
    foreign: float = 0.25
    spare_cores: float = 0.25
    attempts: int = 3


def reasons_against(times_ms: Sequence[float], share: float | None, allowed: Protocol) -> tuple[str, ...]:
    """Say what makes samples not valid, each reason with the value and its limit.

    Args:
        times_ms: At least one sample in ms, in the order taken.
        share: Share of the cores that other processes took meanwhile; None when it is not known.
        allowed: The limits.

    Returns:
        Empty when the samples are valid.
    """
    found = []
    if (count := len(times_ms)) < allowed.least_samples:
        samples = "1 sample" if count == 1 else f"{count} samples"
        found.append(f"{samples} before the time was up, at least {allowed.least_samples} needed")
    if quantile(times_ms, 0.5) <= 0.0:
        return (*found, "median 0 ms: the clock cannot resolve this call")
    if abs(drift(times_ms)) > allowed.drift:
        found.append(
            f"drift {drift(times_ms):+.1%} from the first third of the samples to the last, "
            f"allowed {allowed.drift:.0%}"
        )
    if spread(times_ms) > allowed.spread:
        found.append(
            f"spread {spread(times_ms):.1%} (interquartile range / median), allowed {allowed.spread:.0%}"
        )
    if share is None:
        found.append("the share of other processes is not known: the system's CPU counters stand still")
    elif share > allowed.foreign:
        found.append(
            f"other processes took {share:.0%} of the cores during the samples, allowed {allowed.foreign:.0%}"
        )
    return tuple(found)


def reasons_against_cores(busy: float | None, cores: int | None, allowed: Protocol) -> tuple[str, ...]:
    """Say that the process had more threads at work than the samples are recorded with, if so.

    Args:
        busy: Cores that the process kept busy; None when it is not known.
        cores: Threads that it was told to use; None for any number.
        allowed: The limits.
    """
    if busy is None or cores is None or busy <= cores + allowed.spare_cores:
        return ()
    return (
        f"this process kept {busy:.1f} cores busy with {cores} threads: something that was timed runs "
        "threads of its own",
    )
