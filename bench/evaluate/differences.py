"""How much two mIoUs differ, with an interval that covers other seeds and other images.

How wide it is: `bench.evaluate.interval_width`.

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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import RefusedInput
from bench.evaluate.image_counts import Matrices
from bench.evaluate.interval_width import (
    SeedPart,
    half_width,
    image_variance,
    seed_part,
    shared_variance,
    unpaired_parts,
)
from bench.evaluate.neighbours import Blocks
from bench.evaluate.replicates import Replicates, replicated

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
        return _of_pairs(after.less(before), level)
    change, parts = after.averaged.less(before.averaged), unpaired_parts(before, after)
    return _difference(change, parts, (before.seeds, after.seeds), level, paired=False)


def compare_gains(
    gain: Sequence[Sequence[Matrices]],
    other: Sequence[Sequence[Matrices]],
    blocks: Blocks | Sequence[int] | None = None,
) -> Difference:
    """Return by how much one gain exceeds another, seed by seed; blocks and errors as `compare`.

    Args:
        gain, other: Runs before and after, the same seeds in the same order in all four.
    """
    groups = [*other, *gain]
    if len({len(group) for group in groups}) > 1:
        raise RefusedInput(f"gains need equally many seeds; found {[len(group) for group in groups]}")
    before, after, start, end = replicated(groups, blocks)
    return _of_pairs(end.less(start).less(after.less(before)), 0.95)


def compare_seeds(
    first: Mapping[int, Matrices],
    second: Mapping[int, Matrices],
    blocks: Blocks | Sequence[int] | None = None,
    *,
    level: float = 0.95,
) -> tuple[Difference, tuple[int, ...]]:
    """Compare seed by seed where both have two seeds in common or the same one; errors as `compare`.

    Returns the difference, and the seeds that it leaves out because one side lacks them.
    """
    shared = [seed for seed in first if seed in second]
    if len(shared) < 2 and list(first) != list(second):
        return compare(list(first.values()), list(second.values()), blocks, level=level), ()
    before, after = ([side[seed] for seed in shared] for side in (first, second))
    left_out = tuple(sorted({*first, *second} - set(shared)))
    return compare(before, after, blocks, level=level, paired=True), left_out


def interval(
    seeds: Sequence[Matrices], blocks: Blocks | Sequence[int] | None = None, *, level: float = 0.95
) -> Interval:
    """Return the mean mIoU of the seeds of one run with its interval; parameters and errors as `compare`."""
    (group,) = replicated([seeds], blocks)
    mean = float(group.whole.mean())
    half = half_width(group, [seed_part(group, 1 / len(seeds))], level)
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


def _of_pairs(change: Replicates, level: float) -> Difference:
    seeds, part = change.seeds, seed_part(change, 1 / change.seeds)
    return _difference(change, [part], (seeds, seeds), level, paired=True)


def _difference(
    change: Replicates, parts: Sequence[SeedPart], seeds: tuple[int, int], level: float, *, paired: bool
) -> Difference:
    lone = seeds == (1, 1)
    mean = float(change.whole.mean())
    half = half_width(change, parts, level)
    return Difference(
        mean,
        mean - half,
        mean + half,
        level,
        seeds,
        change.images,
        change.blocks,
        paired,
        IMAGES_ONLY if lone else SEEDS_AND_IMAGES,
        image_variance(change),
        shared_variance(change, parts),
        None if lone else sum(max(0.0, part.between - part.own) for part in parts),
        None if lone else sum(part.between for part in parts),
    )
