"""The null check: equal recipes with other seeds are not told apart, whatever the mixture of noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from bench.evaluate.differences import Difference, compare
from bench.evaluate.image_counts import Array
from bench.evaluate.interval_width import half_width_squared
from bench.evaluate.power import chance, equal_variants

TRIALS = 2000
ALLOWED = 0.05 + 1.645 * math.sqrt(0.05 * 0.95 / TRIALS)
"""5 %, and what 2,000 trials of a rule of exactly 5 % exceed it by in one of twenty cases: 5.8 %."""
SEEDS, BLOCKS = 3, 29

MIXTURES = {
    "images alone": (1.0, 0.0, 0.0),
    "each seed's own images alone": (0.0, 1.0, 0.0),
    "seeds alone": (0.0, 0.0, 1.0),
    "shared images, seeds as much": (1.0, 0.0, 1.0),
    "shared images, seeds ten times as much": (1.0, 0.0, 10.0),
    "own images, seeds as much": (0.0, 1.0, 1.0),
    "own images, seeds four times as much": (0.0, 1.0, 4.0),
    "own images, seeds eight times as much": (0.0, 1.0, 8.0),
    "all three": (0.5, 0.5, 2.0),
}
"""Variances of the mean difference: of the images that all seeds share, of each seed's own, of the seeds."""


def by_satterthwaite(images: Array, between: Array, own: Array) -> Array:
    """Return the squared half width of the rule that this one replaced."""
    seeds = np.maximum(0.0, between - own)
    variance = images + seeds
    degrees = variance**2 / (images**2 / (BLOCKS - 1) + seeds**2 / (SEEDS - 1))
    return np.asarray(stdtrit(degrees, 0.975) ** 2 * variance)


def wrongly_different(mixture: str, *, replaced: bool = False, trials: int = 40_000) -> float:
    """Return how often two equal recipes would be told apart, from estimates drawn as they are estimated."""
    shared, own, seeds = MIXTURES[mixture]
    rng = np.random.default_rng(16)

    def estimate(variance: float, degrees: int) -> Array:
        return variance * rng.chisquare(degrees, trials) / degrees

    difference = math.sqrt(shared + own + seeds) * rng.normal(size=trials)
    found_shared, found_own = estimate(shared, BLOCKS - 1), estimate(own, (BLOCKS - 1) * (SEEDS - 1))
    between, images = estimate(own + seeds, SEEDS - 1), found_shared + found_own
    squared = (
        by_satterthwaite(images, between, found_own)
        if replaced
        else half_width_squared(images, found_shared, BLOCKS - 1, [(between, SEEDS - 1)], 0.95)
    )
    return float((difference**2 > squared).mean())


@pytest.mark.parametrize("mixture", MIXTURES)
def test_equal_recipes_are_called_different_in_at_most_5_percent_of_any_mixture(mixture: str) -> None:
    # the standard error of 40,000 trials is 0.11 points
    assert wrongly_different(mixture) <= 0.05 + 3 * 0.0011


def test_satterthwaites_degrees_of_freedom_would_call_twice_as_many_different() -> None:
    assert wrongly_different("own images, seeds four times as much", replaced=True) > 0.10


@pytest.mark.parametrize("mixture", MIXTURES)
def test_the_published_chance_is_the_simulated_one(mixture: str) -> None:
    computed = 2 * chance(equal_variants(*MIXTURES[mixture], SEEDS, BLOCKS), 0.0, SEEDS)
    assert computed == pytest.approx(wrongly_different(mixture), abs=0.005)


@pytest.mark.parametrize("mixture", ["images alone", "seeds alone"])
def test_with_one_source_of_noise_the_interval_is_exact(mixture: str) -> None:
    assert wrongly_different(mixture) == pytest.approx(0.05, abs=3 * 0.0011)


def images(rates: Array, pixels: int = 1_000_000) -> Array:
    """Images half of class 0 and half of class 1, of each of which a fraction is called the other."""
    wrong = np.rint(np.clip(rates, 0, 1) * pixels).astype(np.int64)
    right = pixels - wrong
    return np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2)


def study(rng: np.random.Generator, first: float, second: float, *, paired: bool) -> Difference:
    """Compare 3 seeds of one error rate with 3 of another; the seeds' noise is twice that of their images."""
    hard = rng.normal(0, 0.03, 20)
    before, after = (
        [images(rate + hard + rng.normal(0, 0.005) + rng.normal(0, 0.01, 20)) for _ in range(SEEDS)]
        for rate in (first, second)
    )
    return compare(before, after, paired=paired)


@pytest.mark.parametrize("paired", [True, False])
def test_seeds_against_other_seeds_are_not_told_apart_and_a_planted_better_variant_is(paired: bool) -> None:
    rng = np.random.default_rng(5)
    # at 5 %, more than 10 of 60 have a chance of 1 in 2,000
    assert sum(study(rng, 0.2, 0.2, paired=paired).sign != 0 for _ in range(60)) <= 10
    assert all(study(rng, 0.2, 0.1, paired=paired).sign == 1 for _ in range(20))


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
def test_equal_recipes_are_called_different_in_at_most_5_percent_of_2000_trials(paired: bool) -> None:
    rng = np.random.default_rng(3)
    wrong = sum(study(rng, 0.2, 0.2, paired=paired).sign != 0 for _ in range(TRIALS))
    assert wrong / TRIALS <= ALLOWED
