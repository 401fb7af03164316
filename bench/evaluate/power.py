"""How many seeds detect a gain, and the smallest gain that a number of seeds detects.

A gain counts as detected when the interval of `bench.evaluate.differences.compare` lies above 0. With n seeds
the variance of a difference is C + P / n: C is the part of the images' noise that all seeds share, which no
seed makes smaller; P is the seeds' part of one pair, with what the images make each seed differ. The chance
is the mean over what a study may estimate of both.
"""

from __future__ import annotations

import math

import numpy as np

from bench.evaluate.differences import SEEDS_AND_IMAGES, Difference
from bench.evaluate.image_counts import Array
from bench.evaluate.interval_width import half_width_squared

POWER = 0.8
"""Chance with which a gain is to be detected."""
LEAST_SEEDS, MOST_SEEDS = 3, 1000
"""Fewer seeds get no verdict; more are not searched."""
_QUANTILES = 200
"""Of each estimate; with these a chance is exact to about a thousandth."""


def equal_variants(shared: float, own: float, seeds: float, count: int, blocks: int = 29) -> Difference:
    """Return the difference of two equal variants whose noise is known, to ask `chance` what is made of it.

    Args:
        shared, own, seeds: Variances of the mean difference: of the images that all seeds share, of each
            seed's own images, and of the seeds.
        count: Number of seeds of each.
        blocks: Blocks of neighbouring images.
    """
    half = math.sqrt(shared + own + seeds)
    return Difference(
        0.0,
        -half,
        half,
        0.95,
        (count, count),
        blocks,
        blocks,
        True,
        SEEDS_AND_IMAGES,
        shared + own,
        shared,
        count * seeds,
        count * (own + seeds),
    )


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
    if difference.pair_variance is None or chance(difference, gain, MOST_SEEDS) < power:
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
    if difference.pair_variance is None or seeds < LEAST_SEEDS:
        return None
    from scipy.optimize import brentq  # noqa: PLC0415 - most importers ask for no power

    scale = math.sqrt(sum(_parts(difference, seeds)[::2]))
    if scale == 0:
        return 0.0

    def excess(gain: float) -> float:
        return chance(difference, gain, seeds) - power

    return float(brentq(excess, 0, 100 * scale))  # type: ignore[no-untyped-call]


def chance(difference: Difference, gain: float, seeds: int) -> float:
    """Return the chance that the interval with so many seeds in each variant lies above 0."""
    from scipy.special import ndtr  # noqa: PLC0415 - most importers ask for no power

    shared, own, by_seeds = _parts(difference, seeds)
    scale = math.sqrt(shared + by_seeds)
    if scale == 0:
        return float(gain > 0)
    found_shared = shared * _estimates(difference.blocks - 1)[:, None]
    found_by_seeds = by_seeds * _estimates(seeds - 1)
    squared = half_width_squared(
        found_shared + own,
        found_shared,
        difference.blocks - 1,
        [(found_by_seeds, seeds - 1)],
        difference.level,
    )
    return float(ndtr((gain - np.sqrt(squared)) / scale).mean())


def _parts(difference: Difference, seeds: int) -> tuple[float, float, float]:
    """Return C, the images' part that falls with the seeds, and P / n, which holds it too."""
    shared = difference.shared_variance
    own = min(difference.seeds) * (difference.image_variance - shared)
    # by chance the seeds may vary less than their images must make them
    return shared, own / seeds, max(own, difference.pair_variance or 0.0) / seeds


def _estimates(degrees: int) -> Array:
    """Return what an estimate of a variance of 1 may come to, at evenly spread quantiles."""
    from scipy.special import chdtri  # noqa: PLC0415 - most importers ask for no power

    above = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    return np.asarray(chdtri(degrees, above)) / degrees
