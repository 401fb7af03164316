"""All pairs at once: which differ, the group of the best, the front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from bench.evaluate.image_counts import Array
from bench.reproduce.verdict.groups import (
    Pair,
    accuracy_pairs,
    best_group,
    holm,
    time_pairs,
    without_lead,
)

TRIALS = 2000
ALLOWED = 0.05


def pair(first: str, second: str, mean: float, p: float) -> Pair:
    return Pair(first, second, mean, mean - 0.01, mean + 0.01, p)


def images(rates: Array, pixels: int = 1_000_000) -> Array:
    """Images half of class 0 and half of class 1, of each of which a fraction is called the other."""
    wrong = np.rint(np.clip(rates, 0, 1) * pixels).astype(np.int64)
    right = pixels - wrong
    return np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2)


def drawn(
    rng: np.random.Generator, errors: Mapping[str, float], seeds: int = 3, count: int = 20
) -> dict[str, dict[int, Array]]:
    """Methods of these error rates; images are hard or easy for all, seeds and their images vary for each."""
    hard = rng.normal(0, 0.03, count)
    return {
        name: {
            seed: images(error + hard + rng.normal(0, 0.005) + rng.normal(0, 0.01, count))
            for seed in range(seeds)
        }
        for name, error in errors.items()
    }


def test_holm_multiplies_the_smallest_by_all_the_next_by_one_less_and_never_falls() -> None:
    # 3 * 0.01 = 0.03; 2 * 0.04 = 0.08; 1 * 0.03 would be below its predecessor's
    corrected = [one.corrected for one in holm([pair("a", "b", 1, 0.04), pair("a", "c", 1, 0.01)])]
    assert corrected == [pytest.approx(0.04), pytest.approx(0.02)]
    three = holm([pair("a", "b", 1, 0.03), pair("a", "c", 1, 0.01), pair("b", "c", 1, 0.04)])
    assert [one.corrected for one in three] == [pytest.approx(0.06), pytest.approx(0.03), pytest.approx(0.06)]
    assert [one.leader for one in three] == [None, "c", None]


def test_the_noise_of_the_seeds_is_pooled_over_the_pairs_and_never_below_a_pairs_own() -> None:
    # mIoU is (1 - wrong) / (1 + wrong) of both classes; every image alike, so images add nothing
    noisy, still = {0: 0.30, 1: 0.20, 2: 0.25}, dict.fromkeys(range(3), 0.2)
    scores = {
        name: {seed: images(np.full(4, rate)) for seed, rate in rates.items()}
        for name, rates in {"a": still, "b": still, "c": noisy}.items()
    }
    found = {(one.first, one.second): one for one in accuracy_pairs(scores, None)}
    miou = {rate: (1 - rate) / (1 + rate) for rate in (0.3, 0.2, 0.25)}
    own = np.var([miou[0.3], miou[0.2], miou[0.25]], ddof=1)
    # a-b does not vary, a-c and b-c do: pooled is 2/3 of their own
    # the fewer of (3 - 1)(3 - 1) degrees and 4 images less 1
    t_3 = 3.182446
    assert found["a", "c"].high - found["a", "c"].mean == pytest.approx(t_3 * math.sqrt(own / 3))
    assert found["a", "b"].high == pytest.approx(t_3 * math.sqrt(own * 2 / 3 / 3))


def test_identical_methods_are_not_told_apart_and_a_constant_difference_is() -> None:
    rates = {seed: np.full(6, 0.2) for seed in range(3)}
    same = {name: {seed: images(one) for seed, one in rates.items()} for name in "ab"}
    assert accuracy_pairs(same, None)[0].leader is None
    same["b"] = {seed: images(one - 0.1) for seed, one in rates.items()}
    assert accuracy_pairs(same, None)[0].leader == "b"


def test_too_few_seeds_give_a_difference_and_no_verdict_and_do_not_count_as_pairs() -> None:
    rng = np.random.default_rng(2)
    scores = drawn(rng, {"a": 0.3, "b": 0.1, "c": 0.1})
    scores["c"] = {0: scores["c"][0]}
    found = {(one.first, one.second): one for one in accuracy_pairs(scores, None)}
    assert found["a", "b"].corrected == pytest.approx(found["a", "b"].p)
    assert found["a", "c"].corrected is None
    assert found["a", "c"].mean > 0.1
    assert found["a", "c"].leader is None


def test_the_group_of_the_best_is_what_the_best_does_not_lead() -> None:
    pairs = holm([pair("a", "b", 0.1, 1e-6), pair("a", "c", 0.09, 1e-6), pair("b", "c", -0.01, 0.4)])
    assert best_group({"a": 0.5, "b": 0.6, "c": 0.59}, pairs) == {"b", "c"}
    assert best_group({}, []) == frozenset()


def times(*medians_ms: float, rounds: int = 20) -> dict[str, list[float]]:
    return {
        name: [median * (1 + 0.001 * (number % 3)) for number in range(rounds)]
        for name, median in zip("abc", medians_ms, strict=False)
    }


def test_a_time_leads_when_it_is_shorter_by_more_than_two_processes_of_one_code_differ() -> None:
    assert time_pairs(times(10.0, 10.1))[0].leader is None
    assert time_pairs(times(10.0, 10.5))[0].leader == "b"  # the slower one
    assert time_pairs(times(10.0, 10.5, rounds=2)) == []


@pytest.mark.parametrize(
    ("mious", "medians_ms", "front"),
    [
        ((0.5, 0.6, 0.7), (1.0, 2.0, 3.0), "abc"),
        ((0.5, 0.6, 0.55), (1.0, 2.0, 3.0), "ab"),  # c is dominated by b
        ((0.5, 0.5, 0.7), (1.0, 2.0, 3.0), "ac"),  # b is no better than a and slower
        ((0.5, 0.6, 0.7), (1.0, 1.0, 1.0), "c"),
        ((0.5, 0.5, 0.4), (1.0, 1.0, 1.0), ""),  # a and b are level in both
    ],
)
def test_a_method_is_on_the_front_when_it_leads_each_other_in_miou_or_time(
    mious: Sequence[float], medians_ms: Sequence[float], front: str
) -> None:
    means, medians = dict(zip("abc", mious, strict=True)), dict(zip("abc", medians_ms, strict=True))
    pairs = holm(
        [
            pair(first, second, means[second] - means[first], 1e-9 if means[first] != means[second] else 1.0)
            for first, second in ("ab", "ac", "bc")
        ]
    )
    waits = time_pairs(times(*medians_ms))
    assert "".join(one for one in "abc" if not without_lead(one, means, medians, pairs, waits)) == front


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_equal_methods_are_called_different_in_at_most_5_percent_of_2000_trials(count: int) -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(TRIALS):
        found = accuracy_pairs(drawn(rng, dict.fromkeys("abcd"[:count], 0.2)), None)
        wrong += any(one.leader for one in found)
    assert wrong / TRIALS <= ALLOWED


@pytest.mark.slow
def test_a_planted_better_method_is_found_and_no_front_holds_a_dominated_one() -> None:
    rng = np.random.default_rng(4)
    trials, found = 200, 0
    for _ in range(trials):
        scores = drawn(rng, {"a": 0.2, "b": 0.2, "c": 0.15})
        means = {
            name: float(np.mean([_miou(one) for one in seeds.values()])) for name, seeds in scores.items()
        }
        samples = {
            name: rng.normal(median, 0.3, 30).tolist()
            for name, median in zip("abc", rng.uniform(9, 12, 3), strict=True)
        }
        medians = {name: float(np.median(one)) for name, one in samples.items()}
        pairs, waits = accuracy_pairs(scores, None), time_pairs(samples)
        found += best_group(means, pairs) == {"c"}
        for name, mean in means.items():
            if not without_lead(name, means, medians, pairs, waits):
                assert not any(
                    means[other] >= mean and medians[other] <= medians[name]
                    for other in means
                    if other != name
                )
    assert found >= 0.95 * trials


def _miou(matrices: Array) -> float:
    total = matrices.sum(axis=0)
    hits = np.diagonal(total)
    return float((hits / (total.sum(axis=0) + total.sum(axis=1) - hits)).mean())
