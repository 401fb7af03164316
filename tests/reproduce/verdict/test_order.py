"""Kendall's tau-b and its exact p, against hand-worked orders and scipy's."""

import itertools
from typing import Any

import pytest
from made_records import make_record
from scipy import stats

from bench.reproduce.verdict.order import exact_p, judge_ranks, tau_b
from bench.results.record import Record


def record(threads: int = 2, **identity: Any) -> Record:
    return make_record("speed", {"threads": threads, "machine": {"cpu": "C"}, **identity}, {}, {})


def test_by_hand() -> None:
    # of six pairs only (3, 4) against (4, 3) is discordant: (5 - 1) / 6
    assert tau_b([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)
    # of 24 orders, 1 has no discordant pair and 3 have one; as many on the other side: 8 / 24
    assert exact_p([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(8 / 24)
    assert exact_p([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(2 / 24)


def test_a_tie_by_hand() -> None:
    # x has 2 untied pairs of 3, y 3: 2 / sqrt(6)
    assert tau_b([1, 1, 2], [5, 6, 7]) == pytest.approx(2 / 6**0.5)
    # the 2 may stand in 3 places: sums 2, 0, -2, so 2 of 3 are as extreme
    assert exact_p([1, 1, 2], [5, 6, 7]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(20))
def test_tau_and_p_are_scipys(seed: int) -> None:
    import numpy as np

    random = np.random.default_rng(seed)
    n = int(random.integers(3, 20))
    xs, ys = random.permutation(n).tolist(), random.permutation(n).tolist()
    theirs = stats.kendalltau(xs, ys, method="exact")
    assert tau_b(xs, ys) == pytest.approx(theirs.statistic)
    assert exact_p(xs, ys) == pytest.approx(theirs.pvalue)
    # with ties scipy has no exact p to compare with
    with pytest.raises(ValueError, match="ies found"):
        stats.kendalltau([*xs, xs[0]], [*ys, n], method="exact")
    tied = [x // 2 for x in xs]
    assert tau_b(tied, ys) == pytest.approx(stats.kendalltau(tied, ys).statistic)


def test_with_ties_p_counts_every_order() -> None:
    xs, ys = [60, 7, 60, 13, 33], [4.0, 1.0, 5.0, 3.0, 2.0]

    def s(order: tuple[float, ...]) -> int:
        pairs = itertools.combinations(zip(xs, order, strict=True), 2)
        return sum(((a > c) - (a < c)) * ((b > d) - (b < d)) for (a, b), (c, d) in pairs)

    found = [abs(s(order)) for order in itertools.permutations(ys)]
    expected = sum(one >= abs(s(tuple(ys))) for one in found) / len(found)
    assert exact_p(xs, ys) == pytest.approx(expected)
    assert exact_p(ys, xs) == pytest.approx(expected)


def test_where_there_is_no_order_there_is_no_tau() -> None:
    assert tau_b([], []) is None
    assert tau_b([1], [2]) is None
    assert tau_b([1, 1], [2, 3]) is None
    assert exact_p([1, 1, 2], [2, 2, 3]) is None


def test_an_order_that_agrees_is_reproduced_and_says_that_no_time_is() -> None:
    printed = {name: float(at) for at, name in enumerate("abcde")}
    ranks = judge_ranks(printed, {name: (100.0 * at, record()) for name, at in printed.items()})
    # 2 of 120 orders
    assert ranks.p == pytest.approx(2 / 120)
    assert ranks.verdict == "reproduced"
    assert ranks.line == (
        "order of the times: Kendall's tau-b +1.000 over 5 rows (p 0.017, exact, two-sided): reproduced "
        "(absolute times are not judged)"
    )


def test_an_opposite_order_is_contradicted_and_few_rows_say_nothing() -> None:
    printed = {name: float(at) for at, name in enumerate("abcde")}
    assert judge_ranks(printed, {n: (-at, record()) for n, at in printed.items()}).verdict == "contradicted"
    # 2 of 6 orders of three rows are as extreme
    few = judge_ranks(printed, {name: (printed[name], record()) for name in "abc"})
    assert (few.tau_b, few.verdict) == (1.0, "not distinguishable")
    assert judge_ranks(printed, {}).verdict == "not measured"


def test_times_of_other_conditions_are_left_out_and_named() -> None:
    printed = {name: float(at) for at, name in enumerate("abcd")}
    measured = {name: (at, record(threads=8 if name == "b" else 2)) for name, at in printed.items()}
    ranks = judge_ranks(printed, {**measured, "unprinted": (1.0, record())})
    assert ranks.rows == ("a", "c", "d")
    assert ranks.left_out == ("b",)
    assert ranks.line.endswith("left out, measured under other conditions: b")
    assert ranks.as_json()["n"] == 3
