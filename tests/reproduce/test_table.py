from dataclasses import replace
from pathlib import Path

import pytest

from baselines.method import Method
from baselines.registry import METHODS
from bench.cost.costs import Costs, Counts
from bench.errors import UsageError
from bench.paper import Cell, load_table, rows
from bench.reproduce.cost_cells import RowCosts, count_row
from bench.reproduce.table import FITTED, reproduce
from bench.reproduce.table_result import Reproduction

NONE: dict[str, Method] = {}
CARNETS = ("carnet-mobile", "carnet-resnet50", "carnet-resnet101", "carnet-resnet152")
CELL_KEYS = ["row", "column", "printed", "measured", "unit", "verdict", "note", "record"]


@pytest.fixture(scope="module")
def table4(reproduced: dict[str, Reproduction]) -> Reproduction:
    return reproduced["table4"]


@pytest.fixture(scope="module")
def table1(reproduced: dict[str, Reproduction]) -> Reproduction:
    return reproduced["table1"]


def cell_of(document: dict, row: str, column: str) -> dict:
    return next(cell for cell in document["cells"] if (cell["row"], cell["column"]) == (row, column))


def test_thirteen_of_table_4s_sixteen_cells_are_equal_two_near_and_one_off(table4: Reproduction) -> None:
    document = table4.as_json()
    assert list(document) == [
        "table",
        "form",
        "machine",
        "cells",
        "beside",
        "summary",
        "ranks",
        "claims",
        "plausibility",
        "elsewhere",
    ]
    assert document["beside"] == []
    assert document["table"] == "table4"
    assert document["summary"] == {"equal": 13, "within one digit": 2, "off": 1}
    assert [list(cell) for cell in document["cells"]] == [CELL_KEYS] * 16
    unequal = {(c["row"], c["column"]): c["verdict"] for c in document["cells"] if c["verdict"] != "equal"}
    assert unequal == {
        ("carnet-resnet101", "bs"): "within one digit",
        ("carnet-resnet152", "crp"): "within one digit",
        ("carnet-mobile", "others"): "off",
    }


def test_what_is_off_in_table_4_says_where_the_printed_number_comes_from(table4: Reproduction) -> None:
    cell = cell_of(table4.as_json(), "carnet-mobile", "others")
    assert cell["printed"] == "2.727"
    assert cell["measured"] == pytest.approx(2.7221, abs=5e-5)  # by layers
    assert cell["unit"] == "thop2019 G"
    assert "17.624 - 3.41 - 0.023 - 11.464 = 2.727" in cell["note"]


def test_the_cut_cell_of_table_4_says_cut_and_is_unrounded(table4: Reproduction) -> None:
    cell = cell_of(table4.as_json(), "carnet-resnet101", "bs")
    assert cell["measured"] == pytest.approx(82.28176, abs=5e-6)
    assert cell["note"].startswith("truncated")
    assert cell["record"] is None


def test_a_match_that_was_a_constraint_of_the_search_says_so(table4: Reproduction) -> None:
    assert table4.notes == (FITTED,)
    fitted = [cell for cell in table4.as_json()["cells"] if "architecture search" in (cell["note"] or "")]
    assert len(fitted) == 15  # all but the one that does not match


def test_the_eight_costs_of_the_carnets_in_table_1_are_equal(table1: Reproduction) -> None:
    costs = [
        cell
        for cell in table1.as_json()["cells"]
        if cell["row"] in CARNETS and cell["column"] in ("flops", "params")
    ]
    assert len(costs) == 8
    assert {cell["verdict"] for cell in costs} == {"equal"}
    # as the search found them, to three places: unrounded, not the print again
    assert cell_of(table1.as_json(), "carnet-mobile", "flops")["measured"] == pytest.approx(17.624, abs=5e-4)
    assert cell_of(table1.as_json(), "carnet-resnet152", "params")["measured"] == pytest.approx(
        63.282, abs=5e-4
    )


@pytest.mark.parametrize(("name", "cells"), [("table1", 73), ("table2", 30), ("table3", 20), ("table4", 16)])
def test_every_row_and_every_printed_cell_of_a_table_is_there(
    reproduced: dict[str, Reproduction], name: str, cells: int
) -> None:
    document = reproduced[name].as_json()
    assert len(document["cells"]) == cells
    assert sum(document["summary"].values()) == cells
    assert [row.name for row in reproduced[name].rows] == [row.name for row in rows(name)]
    assert [(c["row"], c["column"], c["printed"]) for c in document["cells"]] == [
        (c.row, c.column, c.printed) for c in load_table(name)
    ]


def test_a_baseline_that_is_not_built_says_so_in_each_of_its_cells(tmp_path: Path) -> None:
    document = reproduce("table1", tmp_path, NONE).as_json()
    assert document["summary"] == {"not measured": 73}
    assert {cell["note"] for cell in document["cells"]} == {"no such network"}
    assert {cell["measured"] for cell in document["cells"]} == {None}


def test_without_records_times_and_accuracies_are_not_measured(table1: Reproduction) -> None:
    document = table1.as_json()
    assert cell_of(document, "carnet-mobile", "miou")["note"] == "no accuracy record"
    assert cell_of(document, "carnet-mobile", "time")["note"] == "no time of this machine yet"


def test_a_method_that_cannot_be_counted_does_not_stop_the_table(tmp_path: Path) -> None:
    broken = {"enet": replace(METHODS["enet"], builder="no_such_module:build")}
    document = reproduce("table1", tmp_path, broken).as_json()
    cell = cell_of(document, "enet", "flops")
    assert cell["verdict"] == "not measured"
    assert "no_such_module" in cell["note"]


def test_a_reconstruction_is_called_so_whatever_its_numbers_say_and_matches_nothing(tmp_path: Path) -> None:
    # carnet-mobile's printed cost is met to the digit; as a reconstruction it is no match
    method = replace(METHODS["carnet-mobile"], reconstruction=True)
    judged = reproduce("table1", tmp_path, {"carnet-mobile": method})
    cell = cell_of(judged.as_json(), "carnet-mobile", "flops")
    assert cell["verdict"] == "reconstruction"
    assert cell["note"].startswith("equal; ")
    assert judged.summary == {"not measured": 71, "reconstruction": 2}
    assert judged.notes == ()


def test_twocolumn_is_the_reconstruction_of_table_1(table1: Reproduction) -> None:
    assert table1.reconstructions == {"twocolumn"}
    assert table1.summary["reconstruction"] == 1
    assert cell_of(table1.as_json(), "twocolumn", "flops")["note"].startswith("off; measured / printed = ")


def test_an_unknown_table_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no table 'table5'; choose from table1, table2, table3, table4"):
        reproduce("table5", tmp_path)


def test_progress_ends_at_the_number_of_rows(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    reproduce("table4", tmp_path, NONE, progress=lambda *step: seen.append(step))
    assert seen[0] == ("carnet-resnet152", 0, 4)
    assert seen[-1] == ("", 4, 4)


def printed(column: str, number: str, unit: str, *marks: str) -> Cell:
    return Cell("table1", "x", "X", column, number, unit, "768x1536", 19, marks)


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("thop2019 G", 3.0),
        ("MAC G", 2.0),
        ("2xMAC G", 4.0),
        ("GiMAC", 2e9 / 1073741824),
        ("M", 5.0),
        ("MiB", 5e6 * 4 / 1048576),
    ],
)
def test_a_count_is_given_in_the_printed_unit(unit: str, value: float) -> None:
    costs = RowCosts(Costs(thop2019_gops=3.0, gmacs=2.0, params_m=5.0))
    assert costs.in_printed_unit(printed("flops", "1.0", unit)) == pytest.approx(value, rel=1e-12)


def test_a_component_is_taken_from_its_component() -> None:
    costs = RowCosts(Costs(thop2019_gops=3.0, components={"crp": Counts(thop2019_gops=0.5)}))
    assert costs.in_printed_unit(printed("crp", "0.5", "thop2019 G")) == 0.5
    assert costs.in_printed_unit(printed("others", "0.5", "thop2019 G")) is None


def test_a_file_size_is_judged_with_the_true_count() -> None:
    # BiSeNet2: 12.894163 M parameters are 49.19 MiB
    costs = RowCosts(Costs(params_m=12.894163))
    cell = printed("params", "49", "MiB")
    measured = costs.in_printed_unit(cell)
    assert measured == pytest.approx(49.19, abs=0.005)
    assert costs.judge(cell, measured).verdict == "unit error in the paper"


def test_a_cost_scaled_from_another_size_is_judged_at_that_size() -> None:
    # BiSeNet1: 3.065 GMAC at 360x640 are 2.855 GiMAC -> 2.9, times (768*1536)/(360*640) = 5.12 -> 14.8
    costs = RowCosts(Costs(gmacs=15.616), reference_gmacs=3.0655)
    cell = printed("flops", "14.8", "GiMAC", "scaled-from-360x640")
    measured = costs.in_printed_unit(cell)
    assert measured == pytest.approx(14.54, abs=0.005)
    assert costs.judge(cell, measured).verdict == "equal in the source's unit"


def test_only_what_a_row_prints_is_counted() -> None:
    row = next(row for row in rows("table3") if row.name == "carnet-mobile")
    costs = count_row(row, METHODS["carnet-mobile"]).total
    assert costs.params_m is not None
    assert (costs.thop2019_gops, costs.gmacs, costs.ptflops_gmacs) == (None, None, None)
    assert list(costs.components) == ["total"]


def test_a_row_with_a_time_has_its_multiply_adds_counted_at_the_size_of_the_time() -> None:
    # CRF-RNN prints no costs; 512x1024 is the size of its time
    row = next(row for row in rows("table1") if row.name == "crf-rnn")
    costs = count_row(row, METHODS["crf-rnn"])
    assert costs.total.size_hw == (512, 1024)
    network = costs.counts_of("flops")
    assert network is not None
    assert network.gmacs == pytest.approx(333.8, abs=0.1)


def test_the_cost_of_a_method_with_a_crf_is_its_networks_and_the_note_says_what_the_crf_adds() -> None:
    parts = {"network": Counts(gmacs=2.0, params_m=5.0), "crf": Counts(gmacs=0.5, params_m=0.25)}
    costs = RowCosts(Costs(gmacs=2.5, params_m=5.25, components={**parts, "total": Counts(gmacs=2.5)}))
    flops, params = printed("flops", "2.0", "MAC G"), printed("params", "5.25", "M")
    assert costs.in_printed_unit(flops) == 2.0
    assert costs.judge(flops, 2.0).verdict == "equal"
    assert costs.judge(flops, 2.0).note == "the network without its CRF, whose products would add 0.5 MAC G"
    assert costs.in_printed_unit(params) == 5.25
    assert costs.judge(params, 5.25).note is None
