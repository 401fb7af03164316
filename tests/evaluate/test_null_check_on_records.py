"""The null check on recorded runs: three seeds of BS against three others, and against a better network."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from dense_matrices import dense

from baselines.registry import METHODS
from bench.evaluate.differences import compare
from bench.evaluate.image_counts import Array
from bench.evaluate.neighbours import Blocks
from bench.paper.studies import component_variant
from bench.reproduce.study_records import AblationRecords
from bench.results.store import read_arrays

ROOT = Path(__file__).parents[2]
RECIPE, SEEDS = "camvid-ablation", (0, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def runs() -> tuple[dict[int, Array], Blocks]:
    """Confusion matrices of each image, by seed, and the blocks of neighbouring images."""
    bs = component_variant("bs", "mobile")
    groups = AblationRecords(ROOT, METHODS).every([bs])
    (group,) = [one for one in groups if one.example.identity.run.recipe.name == RECIPE]
    found = group.of(bs)
    assert tuple(found) == SEEDS
    return {seed: dense(read_arrays(record, ROOT)) for seed, record in found.items()}, group.blocks


def improved(matrices: Array, share: float) -> Array:
    """Return matrices in which a share of the misses of each class and image are hits."""
    moved = np.floor(share * matrices).astype(np.int64)
    diagonal = np.arange(matrices.shape[1])
    moved[:, diagonal, diagonal] = 0
    better = matrices - moved
    better[:, diagonal, diagonal] += moved.sum(axis=2)
    return better


def test_three_seeds_are_not_told_apart_from_the_three_others(runs: tuple[dict[int, Array], Blocks]) -> None:
    seeds, blocks = runs
    told_apart = []
    for first in (one for one in combinations(SEEDS, 3) if 0 in one):
        second = [seed for seed in SEEDS if seed not in first]
        difference = compare([seeds[one] for one in first], [seeds[one] for one in second], blocks)
        if difference.sign:
            told_apart.append((first, second))
    # this split was fixed before the last three seeds were trained; of all 10, 5 % are half a split
    assert ((0, 1, 2), [3, 4, 5]) not in told_apart
    assert len(told_apart) <= 1


@pytest.mark.parametrize("paired", [True, False])
def test_a_network_that_misses_a_fifth_less_is_found(
    paired: bool, runs: tuple[dict[int, Array], Blocks]
) -> None:
    seeds, blocks = runs
    others = [seeds[0], seeds[1], seeds[2]] if paired else [seeds[3], seeds[4], seeds[5]]
    better = [improved(one, 0.2) for one in others]
    difference = compare([seeds[0], seeds[1], seeds[2]], better, blocks, paired=paired)
    assert difference.sign == 1
    assert 0.04 < difference.mean < 0.12
