import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evaluate.differences import Difference
from bench.reproduce.verdict.accuracy import interval_of_seeds, judge_accuracy, judge_difference
from bench.reproduce.verdict.counts import (
    digit_of,
    exact,
    judge_count,
    judge_file_size,
    judge_scaled_count,
    round_as,
)
from bench.reproduce.verdict.words import Verdict, Word, tally

THOP = "thop2019 G"
TRUNCATED = "truncated, not rounded"


def test_a_value_that_rounds_to_the_print_is_equal() -> None:
    # Table 4, BS of ResNet152: counted 121.37896
    assert judge_count(121.37896, "121.379", THOP) == Verdict(Word("equal"))


def test_a_value_cut_to_the_print_is_within_one_digit_and_says_cut() -> None:
    # Table 4, BS of ResNet101: counted 82.28176 rounds to 82.282, cut it is 82.281
    assert judge_count(82.28176, "82.281", THOP) == Verdict(
        Word("within one digit"), "truncated, not rounded"
    )


def test_a_value_less_than_one_digit_away_is_within_one_digit() -> None:
    # Table 4, CRP of ResNet152: 11.465 - 11.4642 = 0.0008; cut to three digits it is 11.464, so not "cut"
    verdict = judge_count(11.4642, "11.465", THOP)
    assert verdict == Verdict(Word("within one digit"), "differs by 0.0008")


def test_a_value_further_away_is_off_by_a_factor() -> None:
    # Table 4, Others of Mobile: 2.7221 / 2.727 = 0.99820
    assert judge_count(2.7221, "2.727", THOP) == Verdict(Word("off"), "measured / printed = 0.9982")


@pytest.mark.parametrize(
    ("value", "printed", "verdict"),
    [
        (64.806, "64.8", "equal"),
        (83.564, "83.5", "within one digit"),  # Table 2, LWRF-ResNet152: cut
        (83.715, "83.8", "within one digit"),  # Table 2, CARNet-ResNet152: 0.085 away
        (118.048, "118.1", "within one digit"),  # Table 1, RefineNet-ResNet101: 0.052 away
        (23.51, "23", "within one digit"),  # BS of ResNet50 in the text: rounds to 24
        (0.902, ".9", "equal"),
        (10.962, "11.0", "equal"),
        (1.1, "1.0", "within one digit"),  # exactly one unit of the last digit
        (1.1000001, "1.0", "off"),
        (496.17, "235", "off"),
    ],
)
def test_counts_of_the_paper_are_judged_as_by_hand(value: float, printed: str, verdict: str) -> None:
    assert judge_count(value, printed, THOP).verdict == verdict


def test_half_a_digit_is_rounded_away_from_zero_as_the_reader_sees_it() -> None:
    # the binary float 0.285 is a little below 0.285
    assert round_as(0.285, "0.29") == Decimal("0.29")
    assert judge_count(0.285, "0.29", "M") == Verdict(Word("equal"))


def test_equality_in_two_operations_a_multiply_add_is_equality_in_the_sources_unit() -> None:
    # Table 1, SegNet: 285.557 G at 360x640
    verdict = judge_count(285.557, "286", "2xMAC G")
    assert verdict == Verdict(Word("equal in the source's unit"), "two operations per multiply-add")


def test_enet_is_off_in_its_own_unit() -> None:
    # 3.447 / 3.8 = 0.9071
    assert judge_count(3.447, "3.8", "2xMAC G") == Verdict(Word("off"), "measured / printed = 0.9071")


def test_a_cost_scaled_after_rounding_is_equal_in_the_sources_unit() -> None:
    # BiSeNet1: 2.855 -> 2.9, times 5.12 = 14.848; BiSeNet2: 10.786 -> 10.8, times 5.12 = 55.296
    first = judge_scaled_count(2.855, Decimal("5.12"), "14.8")
    assert first.verdict == "equal in the source's unit"
    assert first.note == "2.855 GiMAC at the reference size, as 2.9, times 5.12"
    assert judge_scaled_count(10.786, Decimal("5.12"), "55.3").verdict == "equal in the source's unit"


def test_a_scaled_cost_that_does_not_come_out_is_off() -> None:
    # 3.065 -> 3.1, times 5.12 = 15.872; 15.872 / 14.8 = 1.0724
    verdict = judge_scaled_count(3.065, Decimal("5.12"), "14.8")
    assert verdict.verdict == "off"
    assert verdict.note is not None
    assert verdict.note.startswith("measured / printed = 1.072;")


@pytest.mark.parametrize(
    ("params_m", "printed", "note"),
    [
        # 65.7075e6 * 4 / 2^20 = 250.65
        (65.7075, "250.8", "true count 65.708 M; printed is about its 250.65 MiB of float32"),
        # 12.894163e6 * 4 / 2^20 = 49.19
        (12.894163, "49", "true count 12.894 M; printed is about its 49.19 MiB of float32"),
        # 6.699987e6 * 4 / 1e6 = 26.80, nearer to 26.5 than 25.56 MiB
        (
            6.699987,
            "26.5",
            "true count 6.700 M; printed is likely the size of a file, 1.1 % from 26.80 MB of float32",
        ),
    ],
)
def test_a_file_size_printed_as_parameters_is_a_unit_error_with_the_true_count(
    params_m: float, printed: str, note: str
) -> None:
    assert judge_file_size(params_m, printed) == Verdict(Word("unit error in the paper"), note)


def test_a_file_size_that_is_not_near_the_print_is_off() -> None:
    # 20.503e6 * 4 = 82.0 MB against 262.1; 20.503 / 262.1 = 0.07823
    verdict = judge_file_size(20.503, "262.1")
    assert verdict == Verdict(Word("off"), "true count 20.503 M; measured / printed = 0.07823 as a count")


def test_three_seeds_whose_interval_holds_the_print_reproduce_it() -> None:
    # mean 70, standard deviation 1, half width 4.303 / sqrt(3) = 2.484
    found = interval_of_seeds([0.69, 0.70, 0.71])
    verdict = judge_accuracy(found, "70.7")
    assert verdict == Verdict(Word("reproduced"), "95 % interval 67.52 to 72.48 over seeds only, 3 seeds")
    assert judge_accuracy(found, "72.5").verdict == "contradicted"


def test_two_seeds_decide_nothing_however_near_they_are() -> None:
    verdict = judge_accuracy(interval_of_seeds([0.707, 0.707]), "70.7")
    assert verdict == Verdict(Word("not distinguishable"), "2 seeds, at least 3 needed")


def test_one_seed_without_its_images_has_no_interval() -> None:
    assert judge_accuracy(None, "70.7") == Verdict(Word("not distinguishable"), "1 seed, at least 3 needed")


def difference(low: float, high: float, seeds: tuple[int, int] = (3, 3)) -> Difference:
    return Difference((low + high) / 2, low, high, 0.95, seeds, 233, 29, False, "seeds and images")


@pytest.mark.parametrize(
    ("found", "printed", "verdict"),
    [
        (difference(-0.005, 0.045), "1.9", "not distinguishable"),
        (difference(0.0, 0.045), "1.9", "not distinguishable"),  # 0 is in it
        (difference(0.017, 0.023), "1.9", "reproduced"),
        (difference(0.017, 0.023), "-1.9", "contradicted"),
        (difference(-0.023, -0.017), "1.9", "contradicted"),
        (difference(-0.023, -0.017), "-0.1", "reproduced"),
        (difference(0.017, 0.023), "0.0", "not distinguishable"),  # the paper's has no sign
    ],
)
def test_a_difference_is_judged_by_its_sign_and_interval(
    found: Difference, printed: str, verdict: str
) -> None:
    assert judge_difference(found, Decimal(printed)) == Verdict(Word(verdict))


def test_a_difference_with_fewer_than_three_seeds_on_a_side_decides_nothing() -> None:
    assert judge_difference(difference(0.017, 0.023, (2, 3)), Decimal("1.9")) == Verdict(
        "not distinguishable", "2 seeds, at least 3 needed"
    )


def test_the_interval_of_forty_values_uses_students_t_of_39_degrees() -> None:
    # twenty 0 and twenty 1: mean 0.5, s = sqrt(10/39), t(39) = 2.0227 (printed tables)
    found = interval_of_seeds([0.0, 1.0] * 20)
    half = 2.0227 * math.sqrt(10 / 39) / math.sqrt(40)
    assert found.low == pytest.approx(0.5 - half, abs=1e-4)
    assert found.high == pytest.approx(0.5 + half, abs=1e-4)


def test_nan_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="finite"):
        judge_count(math.nan, "1.0", THOP)


def test_the_tally_names_only_what_occurs() -> None:
    assert tally(["off", "equal", "equal"]) == {"equal": 2, "off": 1}


@given(st.floats(0.001, 1e6), st.integers(0, 3))
def test_rounding_gives_equal_and_cutting_gives_equal_or_cut(value: float, places: int) -> None:
    pattern = "0." + "0" * places if places else "0"
    rounded = str(round_as(value, pattern))
    assert judge_count(value, rounded, THOP) == Verdict(Word("equal"))
    shift = 10**places
    whole = int(exact(value) * shift)
    cut = str((Decimal(whole) / shift).quantize(digit_of(pattern)))
    assert judge_count(value, cut, THOP) in (
        Verdict(Word("equal")),
        Verdict(Word("within one digit"), "truncated, not rounded"),
    )
