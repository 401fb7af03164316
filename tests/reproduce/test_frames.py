"""Tables and studies as frames: numbers are floats, and the paper's digits are kept where they are wanted."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.paper.studies import table5_variants
from bench.reproduce.frames import STUDY_COLUMNS, TABLE_COLUMNS, study_frame, table_frame
from bench.reproduce.study import reproduce_study
from bench.reproduce.table_result import Reproduction


def test_a_table_has_a_row_per_printed_cell_with_numbers_as_floats(
    reproduced: dict[str, Reproduction],
) -> None:
    frame = table_frame(reproduced["table1"])
    assert tuple(frame.columns) == TABLE_COLUMNS
    assert len(frame) == 73
    assert frame[["printed", "std", "measured"]].dtypes.unique().tolist() == [float]
    (speed,) = frame.query("row == 'carnet-mobile' and column == 'fps'").to_dict("records")
    assert speed["printed"] == 79.4
    assert math.isnan(speed["measured"])
    mobile = frame.query("row == 'carnet-mobile' and column == 'flops'")
    assert mobile["measured"].item() == pytest.approx(17.6237, abs=5e-5)


def test_the_papers_digits_are_kept_as_text(reproduced: dict[str, Reproduction]) -> None:
    frame = table_frame(reproduced["table1"], as_printed=True)
    printed = frame.query("column == 'time'").set_index("row")["printed"]
    assert printed[["deeplab-crf-largefov", "carnet-mobile"]].tolist() == ["4000", "12.6"]


def test_a_studys_improvements_are_numbers(tmp_path: Path, add: Callable[..., object]) -> None:
    for (_, variant), miou in zip(table5_variants("mobile"), (30.0, 35.0, 36.0, 37.0), strict=True):
        add(variant, 0, miou)
    frame = study_frame(reproduce_study("table5", tmp_path))
    assert tuple(frame.columns) == STUDY_COLUMNS
    mobile = frame.query("panel == 'MobileNet-based model'").to_dict("records")
    by_place = {(line["row"], line["column"]): line for line in mobile}
    gain = by_place["bs-carmodule-mobile", "improvement"]
    assert (gain["printed"], gain["over"]) == (3.9, "bs-mobile")
    assert gain["measured"] == pytest.approx(5.0)
    assert by_place["bs-mobile", "miou"]["seeds"] == "0"
