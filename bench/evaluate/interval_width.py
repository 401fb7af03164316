"""How wide the interval of a mean over seeds is: the variance of seeds and that of images, combined.

A score has two sources of noise: the seed of the training and the images of the split. Its variance has two
parts, each with an estimate of its own:

* C: what all seeds have in common of the images' noise, by leaving out one block of neighbouring images at a
  time (jackknife): I - J, with I that of the mean over the seeds, and J that part of it in which the seeds
  differ. It has b - 1 degrees of freedom for b blocks.
* S^2 / n: the variance between the n seeds, their own noise of the images in it. It has n - 1.

The parts are combined by Banerjee (1960), with t_k the quantile of Student's t of k degrees of freedom:

    half width^2 = max(t_(b-1)^2 I,  t_(b-1)^2 C + t_(n-1)^2 S^2 / n)

For independent normal parts such an interval covers at least what it claims whatever their mixture, and
exactly that where one of them is 0. A quantile with Satterthwaite's degrees of freedom is shorter and does
not: 3 seeds now and then agree by chance, and then both the estimate and the quantile are too small.

Source: Banerjee, Approximate confidence interval for linear functions of means of k populations when the
population variances are not equal, Sankhya 22 (1960).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.evaluate.replicates import Replicates, jackknife


@dataclass(frozen=True)
class SeedPart:
    """What the seeds of one side, or of all pairs, vary.

    Attributes:
        between: S^2, the variance between the seeds.
        own: What the images make of it that each seed has of its own.
        share: Of both in the variance of the mean.
        degrees: Degrees of freedom of ``between``.
    """

    between: float
    own: float
    share: float
    degrees: int


def seed_part(group: Replicates, share: float) -> SeedPart:
    """Return what the seeds of a group vary; nothing is known of it with one seed."""
    if group.seeds < 2:
        return SeedPart(0.0, 0.0, share, 1)
    own = jackknife(group.left_out - group.left_out.mean(axis=0)).sum() / (group.seeds - 1)
    return SeedPart(float(group.whole.var(ddof=1)), float(own), share, group.seeds - 1)


def unpaired_parts(before: Replicates, after: Replicates) -> list[SeedPart]:
    """Return the seeds' part of each side; a side of one seed is taken to vary as the other does."""
    if before.seeds == 1 or after.seeds == 1:
        largest = max(before, after, key=lambda group: group.seeds)
        return [seed_part(largest, 1 / group.seeds) for group in (before, after)]
    return [seed_part(group, 1 / group.seeds) for group in (before, after)]


def half_width(group: Replicates, parts: Sequence[SeedPart], level: float) -> float:
    """Return half the interval of the mean over the seeds."""
    return math.sqrt(
        half_width_squared(
            image_variance(group),
            shared_variance(group, parts),
            group.blocks - 1,
            [(part.share * part.between, part.degrees) for part in parts],
            level,
        )
    )


def half_width_squared(
    images: Any, shared: Any, images_degrees: int, seeds: Sequence[tuple[Any, int]], level: float
) -> Any:
    """Return the square of half an interval; the variances may be numbers or arrays of them.

    Args:
        images, shared: I and C.
        images_degrees: Degrees of freedom of both.
        seeds: S^2 / n and its degrees of freedom, of each independent set of seeds.
        level: Confidence level of the interval.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - Student's t; most importers compare nothing

    def t2(degrees: int) -> float:
        return float(stdtrit(degrees, (1 + level) / 2)) ** 2

    by_images = t2(images_degrees)
    together = by_images * shared + sum(t2(degrees) * part for part, degrees in seeds)
    return np.maximum(by_images * images, together)


def image_variance(group: Replicates) -> float:
    """Return I, the images' part of the variance of the mean over the seeds."""
    return float(jackknife(group.left_out.mean(axis=0)))


def shared_variance(group: Replicates, parts: Sequence[SeedPart]) -> float:
    """Return C, that part of I which the seeds have in common."""
    return max(0.0, image_variance(group) - sum(part.share * part.own for part in parts))
