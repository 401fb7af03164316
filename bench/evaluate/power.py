"""How many seeds detect a gain, and the smallest gain that a number of seeds detects.

A gain counts as detected when the interval of `bench.evaluate.differences.compare` lies above 0. With n seeds
the variance of a difference is I + S / n: I is the images' part, which no seed makes smaller, and S the
seeds' part of one pair. The chance that the interval lies above 0 is that of a noncentral t (Satterthwaite's
degrees of freedom).
"""

from __future__ import annotations

import math

from bench.evaluate.differences import Difference

POWER = 0.8
"""Chance with which a gain is to be detected."""
LEAST_SEEDS, MOST_SEEDS = 3, 1000
"""Fewer seeds get no verdict; more are not searched."""


def seeds_needed(difference: Difference, gain: float, power: float = POWER) -> int | None:
    """Return the least number of seeds that detects a gain (a fraction).

    Args:
        difference: Of the two variants, as measured: its spreads are taken for those of any such pair.
        gain: True difference to detect; > 0.
        power: Chance with which it is to be detected.

    Returns:
        None where `MOST_SEEDS` are too few: the images alone leave too much in doubt. With a single seed in
        each variant, whose noise nobody knows, also None.
    """
    if difference.seed_variance is None or chance(difference, gain, MOST_SEEDS) < power:
        return None
    low, high = LEAST_SEEDS, MOST_SEEDS
    while low < high:
        middle = (low + high) // 2
        if chance(difference, gain, middle) >= power:
            high = middle
        else:
            low = middle + 1
    return low


def smallest_gain(difference: Difference, seeds: int, power: float = POWER) -> float | None:
    """Return the smallest true gain (a fraction) that these seeds detect; None as in `seeds_needed`."""
    if difference.seed_variance is None or seeds < LEAST_SEEDS:
        return None
    from scipy.optimize import brentq  # noqa: PLC0415 - most importers ask for no power

    scale = math.sqrt(_variance(difference, seeds))
    if scale == 0:
        return 0.0

    def excess(gain: float) -> float:
        return chance(difference, gain, seeds) - power

    return float(brentq(excess, 0, 100 * scale))  # type: ignore[no-untyped-call]


def chance(difference: Difference, gain: float, seeds: int) -> float:
    """Return the chance that the interval with so many seeds in each variant lies above 0."""
    from scipy.special import nctdtr, stdtrit  # noqa: PLC0415 - most importers ask for no power

    variance = _variance(difference, seeds)
    if variance == 0:
        return float(gain > 0)
    images, own = difference.image_variance, (difference.seed_variance or 0.0) / seeds
    freedom = variance**2 / (images**2 / (difference.blocks - 1) + own**2 / (seeds - 1))
    bound = float(stdtrit(freedom, (1 + difference.level) / 2))
    below = float(nctdtr(freedom, gain / math.sqrt(variance), bound))
    # far out, SciPy has no number: the gain is then far above the bound, or far below
    return float(gain / math.sqrt(variance) > bound) if math.isnan(below) else 1.0 - below


def _variance(difference: Difference, seeds: int) -> float:
    return difference.image_variance + (difference.seed_variance or 0.0) / seeds
