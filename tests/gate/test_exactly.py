"""One multiply-add, one parameter, one logit: whatever changes is found, and what does not is equal."""

from dataclasses import replace

import pytest

from bench.gate.exactly import compare_methods
from bench.gate.golden import conditions
from bench.gate.measuring import KINDS, measure, measurements

HERE = (conditions(), conditions())
ELSEWHERE = ({**conditions(), "torch": "1.0"}, conditions())


def findings(before, now, where=HERE):
    first, second = dict(measurements(before, before)), dict(measurements(now, now))
    return {(one.kind, one.name): one for one in compare_methods(first, second, KINDS, where)}


def test_an_unchanged_tree_is_equal_in_every_count_and_bit(toy) -> None:
    found = findings(toy(a=""), toy(a=""))
    assert {key: one.verdict for key, one in found.items()} == {
        ("counts", "a"): "equal",
        ("golden", "a"): "equal",
    }


def test_the_counts_of_a_toy_are_those_worked_by_hand(toy) -> None:
    # 3x3 convolution 3 -> 4 and 1x1 convolution 4 -> 5 on 32 x 48 pixels
    counts = measure(toy(a="")["a"])["counts"]
    assert counts["macs"] == 32 * 48 * (4 * 3 * 9 + 5 * 4)
    assert counts["params"] == 4 * 3 * 9 + 4 + 5 * 4 + 5
    assert (counts["height"], counts["width"], counts["classes"]) == (32, 48, 5)


def test_one_multiply_add_more_is_found(toy) -> None:
    one = findings(toy(a=""), toy(a="mac"))["counts", "a"]
    assert one.is_regression
    assert "macs 196,608 -> 196,609 (+1)" in one.note


def test_one_parameter_more_is_found(toy) -> None:
    one = findings(toy(a=""), toy(a="parameter"))["counts", "a"]
    assert one.is_regression
    assert one.note == "params 137 -> 138 (+1)"


def test_one_parameter_less_is_found_too(toy) -> None:
    assert findings(toy(a="parameter"), toy(a=""))["counts", "a"].verdict == "changed"


@pytest.mark.parametrize("count", ["params", "macs", "thop2019_ops", "ptflops_macs"])
def test_each_count_of_a_large_method_is_compared_to_the_last_unit(toy, count: str) -> None:
    before = measure(toy(a="")["a"])
    before["counts"][count] = 692_000_000_001
    now = {**before, "counts": {**before["counts"], count: 692_000_000_002}}
    (one, _) = compare_methods({"a": before}, {"a": now}, KINDS, HERE)
    assert one.note == f"{count} 692,000,000,001 -> 692,000,000,002 (+1)"


def test_a_hundred_thousandth_of_one_logit_is_found(toy) -> None:
    found = findings(toy(a=""), toy(a="logit"))
    assert found["counts", "a"].verdict == "equal"
    assert found["golden", "a"].verdict == "changed"
    assert "bit-identical" in found["golden", "a"].note


def test_on_another_machine_the_tolerance_holds_and_the_note_says_so(toy) -> None:
    one = findings(toy(a=""), toy(a="logit"), ELSEWHERE)["golden", "a"]
    assert one.verdict == "within tolerance"
    assert "0.0001 expected" in one.note


def test_beyond_the_tolerance_no_other_machine_excuses_it(toy) -> None:
    before = dict(measurements(toy(a=""), ["a"]))
    golden = dict(before["a"]["golden"])
    golden["samples"] = [value + 1e-3 * golden["largest"] for value in golden["samples"]]
    now = {"a": {**before["a"], "golden": golden}}
    (one,) = compare_methods(before, now, ["golden"], ELSEWHERE)
    assert one.verdict == "changed"


def test_what_came_is_listed_and_what_went_is_a_regression(toy) -> None:
    found = findings(toy(a="", gone=""), toy(a="", new=""))
    assert found["counts", "gone"].verdict == "removed"
    assert found["counts", "new"].verdict == "added"
    assert {one.name for one in found.values() if one.is_regression} == {"gone"}


def test_a_method_that_no_longer_runs_is_a_regression_with_its_error(toy) -> None:
    one = findings(toy(a=""), toy(a="nothing"))["golden", "a"]
    assert one.verdict == "failed"
    assert one.note == "RuntimeError: it is broken"


def test_a_method_that_never_ran_is_not_measured(toy) -> None:
    assert findings(toy(a="nothing"), toy(a="nothing"))["golden", "a"].verdict == "not measured"


def test_another_size_of_the_count_is_a_change(toy) -> None:
    before, now = toy(a=""), toy(a="")
    now["a"] = replace(now["a"], size_hw=(48, 32))
    assert findings(before, now)["counts", "a"].note == "height 32 -> 48 (+16); width 48 -> 32 (-16)"
