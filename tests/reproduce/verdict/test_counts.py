"""The verdict on every printed count of Tables 1 to 3, as the definitions of the methods lead to expect."""

import pytest

from bench.paper import load_table, notes_of
from bench.reproduce.table_result import Reproduction

EQUAL, NEAR, OFF = "equal", "within one digit", "off"
SOURCE, UNIT = "equal in the source's unit", "unit error in the paper"

# worked out from the layers of each method, by two counters, before there was code
EXPECTED = {
    "table1": {
        ("segnet", "flops"): SOURCE,  # 285.557 G in two operations a multiply-add
        ("segnet", "params"): EQUAL,  # 29.454
        ("enet", "flops"): OFF,  # 3.447 for 3.8
        ("enet", "params"): EQUAL,  # 0.364
        ("sq", "flops"): OFF,  # 294.4 for 270
        ("deeplab-crf-largefov", "flops"): OFF,  # 255.6 for 457.8
        ("deeplab-crf-largefov", "params"): OFF,  # 20.5 for 262.1
        ("bisenet1", "flops"): SOURCE,  # 2.855 GiMAC at 360x640
        ("bisenet1", "params"): UNIT,  # 1.542 M
        ("icnet", "flops"): OFF,  # 29.03 for 28.3
        ("icnet", "params"): UNIT,  # 6.700 M
        ("frrn-b", "flops"): OFF,  # 496.2 for 235
        ("twocolumn", "flops"): "reconstruction",
        ("refinenet-resnet101", "flops"): EQUAL,  # 541.405
        ("refinenet-resnet101", "params"): NEAR,  # 118.048 for 118.1
        ("bisenet2", "flops"): SOURCE,  # 10.786 GiMAC at 360x640
        ("bisenet2", "params"): UNIT,  # 12.894 M
        ("pspnet-resnet101", "flops"): OFF,  # 517.2 for 412.2
        ("pspnet-resnet101", "params"): UNIT,  # 65.71 M
        ("carnet-mobile", "flops"): EQUAL,
        ("carnet-mobile", "params"): EQUAL,
        ("carnet-resnet50", "flops"): EQUAL,
        ("carnet-resnet50", "params"): EQUAL,
        ("carnet-resnet101", "flops"): EQUAL,
        ("carnet-resnet101", "params"): EQUAL,
        ("carnet-resnet152", "flops"): EQUAL,
        ("carnet-resnet152", "params"): EQUAL,
    },
    "table2": {
        ("lwrf-resnet50", "flops"): EQUAL,  # 37.938
        ("lwrf-resnet101", "flops"): EQUAL,  # 60.812
        ("lwrf-resnet152", "flops"): NEAR,  # 83.564 for 83.5, cut
        ("refinenet-resnet50", "flops"): EQUAL,  # 285.236
        ("refinenet-resnet101", "flops"): EQUAL,  # 308.110
        ("refinenet-resnet152", "flops"): EQUAL,  # 330.862
        ("carnet-mobile", "flops"): EQUAL,  # 10.962
        ("carnet-resnet50", "flops"): EQUAL,  # 38.090
        ("carnet-resnet101", "flops"): EQUAL,  # 60.964
        ("carnet-resnet152", "flops"): NEAR,  # 83.715 for 83.8
    },
    "table3": {
        ("segnet", "params"): NEAR,  # 29.530 for 29.6
        ("fcn-8s", "params"): EQUAL,  # 134.99
        ("refinenet-resnet101", "params"): EQUAL,  # 118.350
        ("refinenet-resnet152", "params"): EQUAL,  # 133.993
        ("pspnet-resnet101", "params"): UNIT,  # 65.775 M
        ("carnet-mobile", "params"): EQUAL,  # 4.242
        ("carnet-resnet101", "params"): EQUAL,  # 48.008
        ("carnet-resnet152", "params"): EQUAL,  # 63.651
    },
}
TRUE_COUNTS_M = {
    ("table1", "bisenet1"): "1.542 M",
    ("table1", "bisenet2"): "12.894 M",
    ("table1", "icnet"): "6.700 M",
    ("table1", "pspnet-resnet101"): "65.707 M",
    ("table3", "pspnet-resnet101"): "65.775 M",
}
# measured / printed, by hand from the numbers above
FACTORS = {
    "enet flops": "0.9071",
    "sq flops": "1.09",
    "deeplab-crf-largefov flops": "0.5583",
    "deeplab-crf-largefov params": "0.07823",
    "icnet flops": "1.026",
    "frrn-b flops": "2.111",
    "pspnet-resnet101 flops": "1.255",
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_printed_count_has_the_verdict_that_the_definition_leads_to(
    reproduced: dict[str, Reproduction], name: str
) -> None:
    found = {
        place: result.verdict
        for place, result in reproduced[name].results.items()
        if result.cell.column in ("flops", "params")
    }
    assert found == EXPECTED[name]


def test_refinenet_and_its_light_version_which_nobody_tuned_to_match_in_ten_cells(
    reproduced: dict[str, Reproduction],
) -> None:
    found = [
        result.verdict
        for judged in reproduced.values()
        for (row, column), result in judged.results.items()
        if row.startswith(("refinenet-", "lwrf-")) and column in ("flops", "params")
    ]
    assert (found.count(EQUAL), found.count(NEAR), len(found)) == (8, 2, 10)


@pytest.mark.parametrize(("place", "count"), TRUE_COUNTS_M.items())
def test_a_file_size_printed_as_parameters_names_the_true_count(
    reproduced: dict[str, Reproduction], place: tuple[str, str], count: str
) -> None:
    table, row = place
    note = reproduced[table].results[row, "params"].note
    assert note is not None
    assert note.startswith(f"true count {count}; printed is ")


def test_what_is_off_says_by_which_factor_and_what_was_tried(reproduced: dict[str, Reproduction]) -> None:
    found = {}
    for name in ("table1", "table2", "table3"):
        for (row, column), result in reproduced[name].results.items():
            if result.verdict == OFF:
                assert (row, column) in notes_of(name)
                assert result.note is not None
                assert "tried: " in result.note
                found[f"{row} {column}"] = result.note
    assert set(found) == set(FACTORS)
    for place, factor in FACTORS.items():
        assert f"measured / printed = {factor}" in found[place]


def test_deeplabs_cost_is_its_networks_and_the_note_names_what_the_crf_adds(
    reproduced: dict[str, Reproduction],
) -> None:
    result = reproduced["table1"].results["deeplab-crf-largefov", "flops"]
    assert result.measured == pytest.approx(255.61, abs=0.005)
    assert result.note is not None
    assert "the network without its CRF, whose products would add " in result.note


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4", "table5"])
def test_a_note_is_on_a_cell_that_is_printed(name: str) -> None:
    assert set(notes_of(name)) <= {(cell.row, cell.column) for cell in load_table(name)}
