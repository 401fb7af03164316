"""The forms of SCLoss against Eq. 5 as printed, from records alone."""

from pathlib import Path
from typing import Any

import pytest

from baselines.registry import METHODS
from bench.paper.studies import scloss_forms
from bench.paper.variant import Variant
from bench.report.scloss_forms import scored_forms
from bench.reproduce.study_records import AblationRecords

(_, PRINTED), (_, BCE) = scloss_forms("mobile")


def test_a_form_is_compared_with_the_printed_one_by_the_seeds_that_both_have(
    tmp_path: Path, add: Any
) -> None:
    for seed, miou in enumerate((40.0, 41.0, 42.0)):
        add(PRINTED, seed, miou)
    for seed, miou in enumerate((41.0, 42.5)):
        add(BCE, seed, miou)
    records = AblationRecords(tmp_path, METHODS)
    (runs,) = records.every([PRINTED])
    printed, bce, without = scored_forms(records, runs, "mobile")
    assert printed.scores == pytest.approx((40.0, 41.0, 42.0))
    assert printed.change is None
    assert bce.change is not None
    assert bce.change.mean == pytest.approx(0.0125)  # 41 less 40 and 42.5 less 41, in points
    assert bce.change.paired
    assert bce.change.seeds == (2, 2)
    assert without.label == "without SCLoss"
    assert without.scores == ()
    assert without.change is None


def test_without_runs_of_the_printed_form_there_is_nothing_to_compare_with(tmp_path: Path, add: Any) -> None:
    add(Variant("mobile", scloss=0), 0, 40.0)
    add(BCE, 0, 41.0)
    records = AblationRecords(tmp_path, METHODS)
    (runs,) = records.every([BCE])
    printed, bce, without = scored_forms(records, runs, "mobile")
    assert printed.scores == ()
    assert (bce.change, without.change) == (None, None)
    assert without.scores == pytest.approx((40.0,))
