"""Printed numbers as ranges, and expressions that can only compute with what they are given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.paper import load_table
from bench.reproduce.verdict.consistency import Number, equal, evaluate, rounds


def printed(row: str, column: str, table: str = "table1") -> Number:
    return Number.printed(next(c for c in load_table(table) if (c.row, c.column) == (row, column)))


def test_a_printed_number_stands_for_all_that_round_to_it() -> None:
    flops = printed("carnet-resnet50", "flops")  # printed 64.8
    assert (flops.low, flops.value, flops.high) == pytest.approx((64.75, 64.8, 64.85))
    time = printed("carnet-resnet50", "time")  # printed 15
    assert (time.low, time.high) == pytest.approx((14.5, 15.5))


def test_the_parts_of_table_4_meet_the_total_of_table_1_within_their_digits() -> None:
    parts = [printed("carnet-mobile", name, "table4") for name in ("bs", "carmodule", "crp", "others")]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    # 3.41 + 0.023 + 11.464 + 2.727 = 17.624; half digits 0.005 + 3 * 0.0005 = 0.0065
    assert (total.low, total.value, total.high) == pytest.approx((17.6175, 17.624, 17.6305))
    assert equal(total, printed("carnet-mobile", "flops"))  # 17.6: 17.55 to 17.65
    assert not equal(total + 0.1, printed("carnet-mobile", "flops"))


def test_a_frame_rate_is_judged_by_the_digits_of_the_time() -> None:
    # 1000 / 135.4 = 7.386 ms rounds to the printed 7; 1000 / 72.3 = 13.83 ms does not round to 13
    assert equal(1000 / printed("enet", "fps"), printed("enet", "time"))
    assert not equal(1000 / printed("bisenet1", "fps"), printed("bisenet1", "time"))


def test_a_share_rounds_to_the_digits_of_the_claim() -> None:
    share = printed("carnet-mobile", "params") / printed("icnet", "params")  # 3.9 / 26.5 = 0.1472
    assert rounds(share, "0.15")
    assert not rounds(share, "0.14")
    assert rounds(0.6219, "0.6")


NUMBERS = st.floats(0.1, 1e3)


RANGES = st.tuples(NUMBERS, st.floats(0, 0.05), st.floats(-1, 1))
"""A number, half its range, and where in the range a value lies."""


@given(RANGES, RANGES)
def test_no_value_within_the_ranges_leaves_the_range_of_the_result(
    one: tuple[float, float, float], two: tuple[float, float, float]
) -> None:
    first, second = (Number(value, value - half, value + half) for value, half, _ in (one, two))
    a, b = (value + at * half for value, half, at in (one, two))
    slack = 1e-9 * (1 + a * b + a / b)
    for found, value in (
        (first + second, a + b),
        (first - second, a - b),
        (first * second, a * b),
        (first / second, a / b),
    ):
        assert found.low - slack <= value <= found.high + slack


@pytest.mark.parametrize(
    "expression",
    ["__import__('os').system('true')", "a.__class__", "open('x')", "(lambda: 1)()", "a +", "b > 1", "a / 0"],
)
def test_an_expression_cannot_do_more_than_compute(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        evaluate(expression, {"a": Number.exact(1.0)}, {})
