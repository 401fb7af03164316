"""Verdicts on a statement that rests on several differences, such as "lambda = 0.2 is best"."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.paper.studies import fig10_variants
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import combined

Add = Callable[..., Any]


@pytest.mark.parametrize(
    ("least", "verdict", "beside"),
    [
        # lambda 0.2 less 0, seed by seed: -1, -1.5, -2: mean -1.5, s = 0.5, so +- t_2 * 0.5 / sqrt(3):
        # 1.24 at 95 % (t_2 = 4.303), 2.87 at 99 %, a fifth of the error (t_2 = 9.925)
        (1.0, "not measured", "contradicted alone, but not as one of 5: against lambda = 0; "),
        # -3, -3.5, -4: mean -3.5
        (3.0, "contradicted", ""),
    ],
)
def test_a_contradiction_must_hold_as_one_of_all_differences(
    tmp_path: Path, add: Add, least: float, verdict: str, beside: str
) -> None:
    variants = dict(fig10_variants("mobile"))
    for seed in range(3):
        add(variants["lambda = 0.2"], seed, 30.0 + seed)
        add(variants["lambda = 0"], seed, 30.0 + least + 1.5 * seed)
    panel = reproduce_study("fig10", tmp_path).panels[0]
    assert panel.gains[0].verdict == "contradicted"
    assert panel.statement.verdict == verdict
    others = ", ".join(f"lambda = {weight}" for weight in ("0.4", "0.6", "0.8", "1"))
    decides = f"not measured: against {others}" if beside else "contradicted: against lambda = 0"
    assert (panel.statement.note or "").startswith(f"{decides}; {beside}measured on camvid test")


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "not distinguishable"], "not distinguishable"),
        (["not measured", "not distinguishable"], "not measured"),
        (["not measured", "contradicted"], "contradicted"),
    ],
)
def test_a_statement_is_as_good_as_its_weakest_difference(verdicts: list[str], whole: str) -> None:
    assert combined(verdicts) == whole
