from decimal import Decimal
from pathlib import Path

import pytest

import bench.paper.cells as cells_module
from baselines.registry import METHODS
from bench.errors import RefusedInput, UsageError
from bench.paper import TABLES, load_table, rows

# "Cells" of the interfaces: 147 numbers are printed in the five tables
COUNTS = {"table1": 73, "table2": 30, "table3": 20, "table4": 16, "table5": 8}


def test_the_five_tables_hold_147_cells() -> None:
    found = {name: len(load_table(name)) for name in COUNTS}
    assert found == COUNTS
    assert sum(found.values()) == 147


def test_no_cell_is_there_twice() -> None:
    for name in TABLES:
        places = [(c.row, c.column, c.where) for c in load_table(name)]
        assert len(places) == len(set(places))


def test_a_printed_number_keeps_its_trailing_zero() -> None:
    cell = next(c for c in load_table("table3") if c.row == "fcn-8s" and c.column == "params")
    assert cell.printed == "135.0"
    assert cell.value == Decimal("135.0")


def test_every_row_of_tables_1_to_4_is_in_the_registry() -> None:
    for name in ("table1", "table2", "table3", "table4"):
        assert {row.name for row in rows(name)} <= set(METHODS)


def test_a_row_has_all_columns_and_none_where_the_paper_prints_a_dash() -> None:
    table = rows("table1")
    assert len(table) == 16
    crf_rnn = next(row for row in table if row.name == "crf-rnn")
    assert list(crf_rnn.cells) == ["flops", "params", "time", "fps", "miou"]
    assert crf_rnn.cells["flops"] is None
    assert crf_rnn.cells["params"] is None
    assert crf_rnn.cells["time"] is not None
    assert crf_rnn.cells["time"].printed == "700"


def test_a_dagger_marks_the_row_and_msc_only_its_cell() -> None:
    by_name = {row.name: row for row in rows("table1")}
    assert {name for name, row in by_name.items() if "dagger" in row.marks} == {
        "deeplab-crf-largefov",
        "icnet",
        "pspnet-resnet101",
    }
    refinenet = by_name["refinenet-resnet101"]
    assert refinenet.marks == ()
    assert refinenet.cells["miou"] is not None
    assert refinenet.cells["miou"].marks == ("msc",)


def test_the_input_size_is_height_then_width() -> None:
    segnet = load_table("table1")[0]
    assert segnet.size_hw == (360, 640)
    assert load_table("table3")[0].size_hw is None


def test_the_registry_counts_each_method_at_the_size_that_table_1_names() -> None:
    for cell in load_table("table1"):
        assert METHODS[cell.row].size_hw == cell.size_hw, cell.row


def test_a_standard_deviation_belongs_to_its_cell() -> None:
    cell = next(c for c in load_table("table2") if c.row == "carnet-mobile" and c.column == "time")
    assert (cell.printed, cell.std) == ("8.52", "0.77")


def test_an_unknown_table_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="no table 'table6'; choose from table1, table2"):
        load_table("table6")


HEADER = "table,row,title,column,printed,unit,input_size,classes,marks,std"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("table,row\n", "columns"),
        (
            f"{HEADER}\ntable4,carnet-mobile,CARNet-Mobile,bs,x,thop2019 G,512x1024,19,,\n",
            "'x' is not",
        ),
        (f"{HEADER}\ntable4,carnet-mobile,CARNet-Mobile,bs,NaN,thop2019 G,512x1024,19,,\n", "not a number"),
        (f"{HEADER}\ntable4,carnet-mobile,CARNet-Mobile,bs,1,GFLOPs,512x1024,19,,\n", "unit 'GFLOPs'"),
        (f"{HEADER}\ntable4,carnet-mobile,CARNet-Mobile,params,1,M,512x1024,19,,\n", "column 'params'"),
        (f"{HEADER}\ntable3,carnet-mobile,CARNet-Mobile,bs,1,M,512x1024,19,,\n", "table 'table3'"),
        (f"{HEADER}\ntable4,carnet-mobile,CARNet-Mobile,bs,1\n", "line 2: the number of fields"),
    ],
)
def test_a_line_that_is_no_cell_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, message: str
) -> None:
    (tmp_path / "table4.csv").write_text(content)
    monkeypatch.setattr(cells_module, "cells_folder", lambda: tmp_path)
    with pytest.raises(RefusedInput, match=message):
        load_table("table4")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells_module, "cells_folder", lambda: tmp_path)
    with pytest.raises(RefusedInput, match=r"table4\.csv: no such file"):
        load_table("table4")
