"""How much two mIoUs differ, with an interval that covers other seeds and other images.

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

Measured (`tests/evaluate/test_null_check.py`):

* Two equal recipes with 3 seeds and 29 blocks, estimates drawn 40,000 times: called different in 4.8 % of
  them where images alone vary, in 5.0 % where seeds alone do, else in 1.1 % (each seed's own images alone) to
  4.6 % (seeds with eight times the variance of their images). Satterthwaite's would be 11.2 % there.
* 2,000 trials of images, 3 seeds whose noise is twice that of their images: 3.6 % seed by seed, 1.3 % of 3
  seeds against 3 others. Of 20 trials with a variant 10 points of error better, all find it.
* Test sets drawn with replacement from the 29 blocks of CamVid's 233 test images, with two recorded runs of
  mIoU 0.54 and 0.33: the jackknife covers their difference in 93.6 % (the first's mIoU in 95.8), the standard
  deviation of a bootstrap in 93.2 (95.5), its percentiles in 90.7 (92.9), the linearised variance in 92.8
  (94.7). The jackknife also gives the same interval each time.

Source: Banerjee, Approximate confidence interval for linear functions of means of k populations when the
population variances are not equal, Sankhya 22 (1960).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import RefusedInput
from bench.evaluate.image_counts import Matrices
from bench.evaluate.neighbours import Blocks
from bench.evaluate.replicates import Replicates, jackknife, replicated

SEEDS_AND_IMAGES = "seeds and images"
IMAGES_ONLY = "images only"


@dataclass(frozen=True)
class Interval:
    """The mean mIoU of the seeds of one run, as fractions.

    Attributes:
        mean, low, high: The mean of the seeds and its interval.
        level: What the interval claims to cover, e.g. 0.95.
        std: Standard deviation between the seeds; None with one seed.
        seeds, images, blocks: How many there are of each.
        covers: `SEEDS_AND_IMAGES`, or `IMAGES_ONLY` with one seed, whose noise nobody knows.
    """

    mean: float
    low: float
    high: float
    level: float
    std: float | None
    seeds: int
    images: int
    blocks: int
    covers: str


@dataclass(frozen=True)
class Difference:
    """Mean mIoU of the second less that of the first, as fractions.

    Attributes:
        mean, low, high: The difference and its interval.
        level: What the interval claims to cover, e.g. 0.95.
        seeds: Numbers of seeds of the first and of the second.
        images, blocks: How many there are of each; the images are the same in both.
        paired: Whether it is a difference seed by seed.
        covers: `SEEDS_AND_IMAGES`, or `IMAGES_ONLY` with one seed in each, whose noise nobody knows.
        image_variance: I, the images' part of its variance.
        shared_variance: C, that part of it which no seed makes smaller.
        seed_variance: The seeds' part of the variance of one pair of runs, without their images'; None with
            one seed in each.
        pair_variance: The same with their images': S^2.
    """

    mean: float
    low: float
    high: float
    level: float
    seeds: tuple[int, int]
    images: int
    blocks: int
    paired: bool
    covers: str
    image_variance: float = 0.0
    shared_variance: float = 0.0
    seed_variance: float | None = None
    pair_variance: float | None = None

    @property
    def sign(self) -> int:
        """1 when the interval lies above 0, -1 when below, 0 when it contains 0 (or ends there)."""
        return (self.low > 0) - (self.high < 0)


def compare(
    first: Sequence[Matrices],
    second: Sequence[Matrices],
    blocks: Blocks | Sequence[int] | None = None,
    *,
    level: float = 0.95,
    paired: bool = False,
) -> Difference:
    """Return by how much the mIoU of the second exceeds that of the first.

    Args:
        first, second: One entry a seed: the confusion matrices of the same images in the same order.
        blocks: Number of the block of neighbours that each image is in (`bench.evaluate.neighbours`); None:
            each image is its own.
        level: Confidence level of the interval.
        paired: ``first[i]`` and ``second[i]`` have the same seed, hence the same order of the data and as far
            as can be the same initial weights. The seeds' variance is then that of the differences, whatever
            their correlation, with n - 1 degrees of freedom. Otherwise it is the sum of both (Welch); a side
            of one seed takes the variance of the other.

    Raises:
        RefusedInput: Shapes, or true labels of an image, that differ; no seed; pairs of unequal number.
        NotMeasured: Fewer than two blocks, or no labelled pixel without one of them: how the images vary is
            unknown.
    """
    if paired and len(first) != len(second):
        raise RefusedInput(f"pairs need equally many seeds; found {len(first)} and {len(second)}")
    before, after = replicated([first, second], blocks)
    if paired:
        change = after.less(before)
        parts = [_seed_part(change, 1 / len(first))]
    else:
        change = after.averaged.less(before.averaged)
        parts = _unpaired_parts(before, after)
    lone = len(first) == len(second) == 1
    mean = float(change.whole.mean())
    half = _half_width(change, parts, level)
    return Difference(
        mean,
        mean - half,
        mean + half,
        level,
        (len(first), len(second)),
        before.images,
        change.blocks,
        paired,
        IMAGES_ONLY if lone else SEEDS_AND_IMAGES,
        _image_variance(change),
        _shared_variance(change, parts),
        None if lone else sum(max(0.0, part.between - part.own) for part in parts),
        None if lone else sum(part.between for part in parts),
    )


def compare_seeds(
    first: Mapping[int, Matrices],
    second: Mapping[int, Matrices],
    blocks: Blocks | Sequence[int] | None = None,
) -> tuple[Difference, tuple[int, ...]]:
    """Compare seed by seed where both have two seeds in common or the same one; errors as `compare`.

    Returns the difference, and the seeds that it leaves out because one side lacks them.
    """
    shared = [seed for seed in first if seed in second]
    if len(shared) < 2 and list(first) != list(second):
        return compare(list(first.values()), list(second.values()), blocks), ()
    before, after = ([side[seed] for seed in shared] for side in (first, second))
    left_out = tuple(sorted({*first, *second} - set(shared)))
    return compare(before, after, blocks, paired=True), left_out


def interval(
    seeds: Sequence[Matrices], blocks: Blocks | Sequence[int] | None = None, *, level: float = 0.95
) -> Interval:
    """Return the mean mIoU of the seeds of one run with its interval; parameters and errors as `compare`."""
    (group,) = replicated([seeds], blocks)
    mean = float(group.whole.mean())
    half = _half_width(group, [_seed_part(group, 1 / len(seeds))], level)
    return Interval(
        mean,
        mean - half,
        mean + half,
        level,
        float(group.whole.std(ddof=1)) if len(seeds) > 1 else None,
        len(seeds),
        group.images,
        group.blocks,
        SEEDS_AND_IMAGES if len(seeds) > 1 else IMAGES_ONLY,
    )


@dataclass(frozen=True)
class _SeedPart:
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


def _seed_part(group: Replicates, share: float) -> _SeedPart:
    if group.seeds < 2:
        return _SeedPart(0.0, 0.0, share, 1)
    own = jackknife(group.left_out - group.left_out.mean(axis=0)).sum() / (group.seeds - 1)
    return _SeedPart(float(group.whole.var(ddof=1)), float(own), share, group.seeds - 1)


def _unpaired_parts(before: Replicates, after: Replicates) -> list[_SeedPart]:
    """Return the seeds' part of each side; a side of one seed is taken to vary as the other does."""
    if before.seeds == 1 or after.seeds == 1:
        largest = max(before, after, key=lambda group: group.seeds)
        return [_seed_part(largest, 1 / group.seeds) for group in (before, after)]
    return [_seed_part(group, 1 / group.seeds) for group in (before, after)]


def _half_width(group: Replicates, parts: Sequence[_SeedPart], level: float) -> float:
    """Return half the interval of the mean over the seeds."""
    return math.sqrt(
        half_width_squared(
            _image_variance(group),
            _shared_variance(group, parts),
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


def _image_variance(group: Replicates) -> float:
    return float(jackknife(group.left_out.mean(axis=0)))


def _shared_variance(group: Replicates, parts: Sequence[_SeedPart]) -> float:
    return max(0.0, _image_variance(group) - sum(part.share * part.own for part in parts))
