"""Statistics of timing samples: which number, by which definition, and when it is None."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLES_FOR_P99 = 100
"""Below this many samples the 99th percentile would be the largest sample or a guess at it."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile by linear interpolation between ranks: rank = share x (n - 1).

    The same definition as numpy's default (type 7 of Hyndman and Fan, 1996).

    Args:
        values: At least one value, in any order.
        share: 0 to 1; 0.5 is the median.

    Raises:
        ValueError: No values, or a share outside 0..1.
    """
    if not values:
        raise ValueError("no values: a quantile needs at least one")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share {share}: expected 0..1")
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


@dataclass(frozen=True)
class Summary:
    """Statistics of a list of samples.

    Attributes:
        median_ms, p90_ms: Percentiles, see `quantile`.
        p99_ms: None below 100 samples.
        mean_ms: Arithmetic mean.
        std_ms: Sample standard deviation (n - 1); None for one sample.
        calls_per_s: 1000 / median; None when the clock could not resolve the call.
    """

    median_ms: float
    p90_ms: float
    p99_ms: float | None
    mean_ms: float
    std_ms: float | None
    calls_per_s: float | None


def summarise(times_ms: Sequence[float]) -> Summary:
    """Return the statistics of at least one sample in ms."""
    count = len(times_ms)
    median_ms = quantile(times_ms, 0.5)
    mean_ms = math.fsum(times_ms) / count
    variance = math.fsum((value - mean_ms) ** 2 for value in times_ms) / (count - 1) if count > 1 else None
    return Summary(
        median_ms=median_ms,
        p90_ms=quantile(times_ms, 0.9),
        p99_ms=quantile(times_ms, 0.99) if count >= SAMPLES_FOR_P99 else None,
        mean_ms=mean_ms,
        std_ms=None if variance is None else math.sqrt(variance),
        calls_per_s=1000.0 / median_ms if median_ms > 0 else None,
    )


def drift(times_ms: Sequence[float]) -> float:
    """Return how far the median moved from the first third of the samples to the last, as a signed share.

    0.05 is "5 % slower at the end": throttling, or a warm-up that was too short when negative. The third is
    n // 3 samples; below three samples there is no drift to see and the answer is 0.
    """
    third = len(times_ms) // 3
    if third == 0:
        return 0.0
    first_ms, last_ms = quantile(times_ms[:third], 0.5), quantile(times_ms[-third:], 0.5)
    if first_ms == last_ms:
        return 0.0
    return last_ms / first_ms - 1.0 if first_ms > 0 else math.inf


def spread(times_ms: Sequence[float]) -> float:
    """Return the interquartile range over the median.

    The range between quartiles, not the standard deviation: one stray sample in a hundred belongs in p99
    and does not make a measurement wrong, half of the samples elsewhere does.
    """
    median_ms = quantile(times_ms, 0.5)
    width_ms = quantile(times_ms, 0.75) - quantile(times_ms, 0.25)
    if width_ms == 0.0:
        return 0.0
    return width_ms / median_ms if median_ms > 0 else math.inf
