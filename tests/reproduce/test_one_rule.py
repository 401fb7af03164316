"""The same printed cell gets the same records and the same verdict in every table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baselines.registry import METHODS
from bench.paper import TABLES, load_table
from bench.paper.studies import table5_variants
from bench.reproduce.record_cells import judge_miou
from bench.reproduce.record_choice import Records
from bench.reproduce.study import reproduce_study

FULL = table5_variants("mobile")[3][1]
TABLE = TABLES["table2"]
(CELL,) = [cell for cell in load_table("table2") if (cell.row, cell.column) == ("carnet-mobile", "miou")]


@pytest.mark.parametrize(
    ("mious", "expected"), [((38.0, 39.0, 41.0), "reproduced"), ((30.0, 30.1, 30.2), "contradicted")]
)
def test_table_2_and_table_5_judge_alike(
    tmp_path: Path, add: Callable[..., Any], mious: tuple[float, ...], expected: str
) -> None:
    for seed, miou in enumerate(mious):
        add(FULL, seed, miou, data="nyudv2")
    add(FULL, 0, 20.0, data="nyudv2", recipe={"epochs": 99})  # one seed says less than three
    choice = Records(tmp_path, METHODS).accuracy(CELL.row, TABLE)
    measured, verdict, note, record = judge_miou(CELL, TABLE, choice, tmp_path)
    level = reproduce_study("table5", tmp_path).panels[1].levels[3]
    assert level.result is not None
    assert level.result.measured == pytest.approx(measured)
    assert (verdict, level.verdict, level.records[0]) == (expected, expected, record)
    assert level.interval is not None
    interval = f"{100 * level.interval.low:.2f} to {100 * level.interval.high:.2f} over seeds and images"
    for text in (str(note), str(level.note)):
        assert interval in text
        assert "also on record: 20.00 (1 seed, 99 epochs)" in text
