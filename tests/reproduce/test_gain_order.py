"""Which component adds most, from the seeds that all rows of Table 5 have; and the claims that rest on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baselines.registry import METHODS
from bench.errors import NotMeasured
from bench.evaluate.differences import Difference
from bench.paper.ledger import load_claims
from bench.paper.studies import fig9_variants, table5_variants
from bench.reproduce.gain_order import gain_over_gain
from bench.reproduce.measured_claims import MeasuredNumbers
from bench.reproduce.study_records import AblationRecords

Add = Callable[..., Any]

BS, CAR, SCLOSS, CRP = (variant for _, variant in table5_variants("mobile"))
CLAIMS = {claim.id: claim for claim in load_claims()}


def found_in(home: Path, gain: int, other: int) -> Difference:
    return gain_over_gain("table5", "mobile", gain, other, AblationRecords(home, METHODS))


def judged(home: Path, claim: str) -> tuple[str, str]:
    word, numbers = MeasuredNumbers(home, METHODS).judge(CLAIMS[claim])
    return str(word), numbers


def add_table5(add: Add, *, scloss: tuple[float, ...] = (27.0, 28.0, 29.0)) -> None:
    """CARModule adds 6 points in each seed, SCLoss 1, CRP 2."""
    for variant, mious in ((BS, (20.0, 21.0, 22.0)), (CAR, (26.0, 27.0, 28.0)), (CRP, (29.0, 30.0, 31.0))):
        for seed, miou in enumerate(mious):
            add(variant, seed, miou)
    for seed, miou in enumerate(scloss):
        add(SCLOSS, seed, miou)


def test_a_gain_less_another_is_that_of_their_means(tmp_path: Path, add: Add) -> None:
    add_table5(add)
    assert 100 * found_in(tmp_path, 1, 2).mean == pytest.approx(6 - 1)
    assert 100 * found_in(tmp_path, 1, 3).mean == pytest.approx(6 - 2)
    assert 100 * found_in(tmp_path, 2, 3).mean == pytest.approx(1 - 2)


def test_seeds_that_a_row_lacks_are_left_out_of_all(tmp_path: Path, add: Add) -> None:
    add_table5(add, scloss=(28.0, 30.0))
    # seed 0: 6 and 2; seed 1: 6 and 3
    found = found_in(tmp_path, 1, 2)
    assert (found.seeds, 100 * found.mean) == ((2, 2), pytest.approx(3.5))


def test_a_row_without_a_run_is_not_measured(tmp_path: Path, add: Add) -> None:
    with pytest.raises(NotMeasured, match="Table 5: no run of the MobileNet-based model"):
        found_in(tmp_path, 1, 2)
    add_table5(add, scloss=())
    with pytest.raises(NotMeasured, match="Table 5: no seed that all rows"):
        found_in(tmp_path, 1, 2)


def test_that_carmodule_adds_most_is_judged_against_both_others(tmp_path: Path, add: Add) -> None:
    add_table5(add)
    word, numbers = judged(tmp_path, "IV.E.3-08")
    assert word == "reproduced"
    assert numbers.startswith("gain of CARModule less that of SCLoss: +5.00 points")
    assert "gain of CARModule less that of CRP: +4.00 points" in numbers
    assert judged(tmp_path, "IV.E.3-04") == (
        "not measured",
        "Table 5: no run of the ResNet50-based model",
    )


def test_it_is_contradicted_where_another_component_adds_more(tmp_path: Path, add: Add) -> None:
    add_table5(add, scloss=(34.0, 35.0, 36.0))  # SCLoss 8 points, CRP -5
    assert judged(tmp_path, "IV.E.3-08")[0] == "contradicted"


def test_four_terms_against_none_need_no_other_number_of_terms(tmp_path: Path, add: Add) -> None:
    none, four = (dict(fig9_variants("mobile"))[f"{count} SCLoss terms"] for count in (0, 4))
    for seed in range(3):
        add(none, seed, 20.0 + seed)
        add(four, seed, 24.0 + seed)
    word, numbers = judged(tmp_path, "IV.E.3-14")
    assert (word, numbers[:35]) == ("reproduced", "over 0 SCLoss terms: +4.00 points, ")
    assert judged(tmp_path, "IV.E.3-12")[0] == "not measured"
