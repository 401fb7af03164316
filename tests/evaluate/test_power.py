"""How many seeds detect a gain, against the published sample sizes of the paired t-test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from bench.evaluate.differences import Difference, compare
from bench.evaluate.power import chance, seeds_needed, smallest_gain


def pair(images: float = 0.0, seeds: float | None = 1.0, blocks: int = 29) -> Difference:
    return Difference(0.0, -1.0, 1.0, 0.95, (3, 3), 233, blocks, True, "", images, images, seeds, seeds)


@pytest.mark.parametrize(("effect", "needed"), [(1.0, 10), (0.8, 15), (0.5, 34), (0.2, 199)])
def test_seeds_alone_need_what_the_paired_t_test_needs(effect: float, needed: int) -> None:
    # sample sizes of the two-sided paired t-test at 5 % and a power of 80 %, by effect size (G*Power 3.1)
    assert seeds_needed(pair(), effect) == needed


def test_a_gain_far_above_the_noise_still_takes_the_three_seeds_of_a_verdict() -> None:
    assert seeds_needed(pair(), 100.0) == 3


def test_where_the_images_leave_too_much_in_doubt_no_number_of_seeds_is_enough() -> None:
    # standard error of the images 1: a gain of 2 lies above 0 in half of all test sets
    assert seeds_needed(pair(images=1.0), 2.0) is None
    assert seeds_needed(pair(images=1.0), 4.0) is not None


def test_the_noise_of_a_single_seed_is_unknown() -> None:
    assert seeds_needed(pair(seeds=None), 1.0) is None
    assert smallest_gain(pair(seeds=None), 3) is None


def test_the_smallest_gain_is_detected_with_just_that_chance() -> None:
    one = pair(images=0.04, seeds=0.5)
    gain = smallest_gain(one, 5)
    assert gain is not None
    assert chance(one, gain, 5) == pytest.approx(0.8, abs=1e-4)
    assert smallest_gain(pair(), 10) == pytest.approx(1.0, abs=0.01)


def test_the_parts_of_a_difference_are_those_of_its_interval() -> None:
    rng = np.random.default_rng(0)

    def runs(mean: float) -> list[np.ndarray]:
        wrong = rng.normal(mean, 20, (3, 1)) + rng.normal(0, 10, (3, 12))
        counts = np.rint(wrong.clip(1, 999)).astype(np.int64)
        right = 1000 - counts
        return list(np.stack([np.stack([right, counts], -1), np.stack([counts, right], -1)], -2))

    first, second = runs(200), runs(250)
    for paired in (True, False):
        found = compare(first, second, paired=paired)
        assert found.pair_variance is not None
        by_seeds = stdtrit(2, 0.975) ** 2 * found.pair_variance / 3
        by_images = stdtrit(11, 0.975) ** 2 * np.array([found.image_variance, found.shared_variance])
        half = math.sqrt(max(by_images[0], by_images[1] + by_seeds))
        assert found.high - found.mean == pytest.approx(half)


def test_gains_are_detected_as_often_as_promised() -> None:
    # 400 trials of 5 pairs whose seeds alone differ: standard deviation of a pair sqrt(2) * 10 of 2000 pixels
    one = pair(seeds=2.0, blocks=1000)
    gain = smallest_gain(one, 5)
    assert gain is not None
    rng = np.random.default_rng(1)
    drawn = rng.normal(gain, math.sqrt(2.0), (400, 5))
    half = 2.776445 * drawn.std(axis=1, ddof=1) / math.sqrt(5)
    told = float((drawn.mean(axis=1) - half > 0).mean())
    assert told == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / 400))
