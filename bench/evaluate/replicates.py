"""Scores of runs, each on all images and on all but one block of neighbours, and how they vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.image_counts import TRUE, Array, Matrices, counts_of, miou_of
from bench.evaluate.neighbours import Blocks


@dataclass(frozen=True)
class Replicates:
    """A score of each seed: on all images, (seeds,), and without one block each, (seeds, blocks)."""

    whole: Array
    left_out: Array
    images: int

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.whole)

    @property
    def averaged(self) -> Replicates:
        """The mean over the seeds, as one."""
        return Replicates(
            self.whole.mean(keepdims=True), self.left_out.mean(axis=0, keepdims=True), self.images
        )

    def less(self, other: Replicates) -> Replicates:
        """Return the differences from another, seed by seed."""
        return Replicates(self.whole - other.whole, self.left_out - other.left_out, self.images)

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return int(self.left_out.shape[1])


def jackknife(left_out: Array) -> Array:
    """Return the variance of a score from its values without one block each, along the last axis."""
    blocks = left_out.shape[-1]
    return np.asarray((blocks - 1) * left_out.var(axis=-1))


def replicated(
    groups: Sequence[Sequence[Matrices]], blocks: Blocks | Sequence[int] | None
) -> list[Replicates]:
    """Return each group's scores, after it is certain that all are of the same images.

    Raises:
        RefusedInput, NotMeasured: As `bench.evaluate.differences.compare`.
    """
    counts = [[counts_of(seed) for seed in group] for group in groups]
    if not all(counts):
        raise RefusedInput("no seed to compare; each side must have at least one")
    model = counts[0][0]
    for one in (seed for group in counts for seed in group):
        if one.shape != model.shape:
            raise RefusedInput(
                f"matrices of {one.shape[0]} images and {one.shape[2]} classes next to {model.shape[0]} and "
                f"{model.shape[2]}; must be of the same images"
            )
        if differing := np.flatnonzero((one[:, TRUE] != model[:, TRUE]).any(axis=1)).tolist():
            raise RefusedInput(
                f"image {differing[0]} has other true labels in two of the runs; must be of the same images"
            )
    numbers = np.arange(len(model)) if blocks is None else np.asarray(blocks)
    if numbers.shape != (len(model),):
        raise RefusedInput(f"blocks of {len(numbers)} images for {len(model)} images; expected one per image")
    _, numbers = np.unique(numbers, return_inverse=True)
    count = int(numbers.max(initial=-1)) + 1
    if count < 2:
        raise NotMeasured(f"{len(model)} images in {count} block; at least 2 show how images vary")
    return [_scored(group, numbers, count) for group in counts]


def _scored(group: Sequence[Array], numbers: Array, count: int) -> Replicates:
    by_block = np.zeros((len(group), count, *group[0].shape[1:]), np.int64)
    for seed, counts in enumerate(group):
        np.add.at(by_block[seed], numbers, counts)
    total = by_block.sum(axis=1)
    return Replicates(miou_of(total), miou_of(total[:, None] - by_block), len(numbers))
