"""What is not in the paper's table: which methods are set beside it, and what is measured of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made_records import make_record
from torch import nn

import bench.models
from baselines.method import Method
from baselines.registry import METHODS
from baselines.sizes import SizeRule
from bench.errors import RefusedInput, UsageError
from bench.paper import TABLES, load_table
from bench.reproduce.extra_methods import methods_beside, set_beside
from bench.reproduce.record_choice import Records
from bench.reproduce.table import reproduce
from bench.reproduce.table_result import Beside, Measured
from bench.reproduce.time_choice import Times
from bench.results.provenance import current_sources
from bench.results.store import add_record

NONE: dict[str, Method] = {}
OWN = Method("mynet", "mynet", "nobody's", 0, "mynet_of_a_test:build", group="own")
NET = """
from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, num_classes, 1))


def only_squares(num_classes):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.classifier = nn.Conv2d(3, num_classes, 1)

        def forward(self, image):
            if image.shape[-2] != image.shape[-1]:
                raise ValueError("only squares")
            return self.classifier(image)

    return Net()
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "mynet.py"
    path.write_text(NET)
    return path


def own(path: Path, function: str = "build", **changes: Any) -> Method:
    return replace(bench.models.resolve(f"{path}:{function}"), **changes)


def beside(method: Method, table: str, home: Path) -> Beside:
    only = {method.name: method}
    return set_beside(method, TABLES[table], Records(home, only), Times(home, only))


def counted(found: Beside, column: str) -> list[tuple[str, float | None, str | None]]:
    return [(one.unit, one.value, one.note) for one in found.under(column)]


def test_a_table_sets_what_is_not_in_it_beside_it_at_its_carnets_size_and_classes() -> None:
    for name in ("table1", "table2", "table3", "table4"):
        conditions = {
            (cell.size_hw, cell.classes) for cell in load_table(name) if cell.row.startswith("carnet-")
        }
        assert conditions == {(TABLES[name].size_hw, TABLES[name].num_classes)}


def test_an_own_network_is_counted_by_the_papers_rule_and_in_multiply_adds(
    own_file: Path, tmp_path: Path
) -> None:
    found = beside(own(own_file), "table1", tmp_path)
    pixels = 512 * 1024
    macs = pixels * (3 * 9 * 8 + 8 * 19)
    # the 2019 rule: a bias is multiplied by the input channels, a ReLU counts once a number
    thop = pixels * (3 * 10 * 8 + 8 + 8 * 2 * 19)
    assert counted(found, "flops") == [("thop2019 G", thop / 1e9, None), ("MAC G", macs / 1e9, None)]
    assert counted(found, "params") == [("M", (3 * 9 * 8 + 8 + 8 * 19 + 19) / 1e6, None)]
    assert counted(found, "time") == [("ms", None, "no time of this machine yet")]
    assert counted(found, "miou") == [("%", None, "no accuracy record")]
    assert found.kind == "own model"


def test_the_size_and_the_classes_are_the_tables(own_file: Path, tmp_path: Path) -> None:
    macs = 468 * 625 * (3 * 9 * 8 + 8 * 40)
    assert counted(beside(own(own_file), "table2", tmp_path), "flops")[1][1] == macs / 1e9
    # Table 3 names no size, so parameters only: 224 + 9 * 150
    found = beside(own(own_file), "table3", tmp_path)
    assert counted(found, "params") == [("M", (224 + 9 * 150) / 1e6, None)]
    assert found.under("flops") == ()


def test_a_size_that_a_method_does_not_take_leaves_a_note_and_its_parameters(
    own_file: Path, tmp_path: Path
) -> None:
    picky = own(own_file, sizes=SizeRule(32))
    found = beside(picky, "table2", tmp_path)
    reason = "input of 468x625: each side must be multiple of 32, e.g. 480x640"
    assert counted(found, "flops") == [("thop2019 G", None, reason), ("MAC G", None, reason)]
    assert found.params_m == (224 + 9 * 40) / 1e6


def test_a_size_at_which_a_network_fails_leaves_a_note_and_its_parameters(
    own_file: Path, tmp_path: Path
) -> None:
    found = beside(own(own_file, "only_squares"), "table1", tmp_path)
    value, note = counted(found, "flops")[0][1:]
    assert value is None
    assert note is not None
    assert "ValueError: only squares" in note
    assert counted(found, "params") == [("M", 4 * 19 / 1e6, None)]


def test_a_builder_that_fails_leaves_notes_and_no_number(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def build(num_classes):\n    raise RuntimeError('no weights here')\n")
    found = beside(own(path), "table1", tmp_path)
    assert [one.value for one in found.numbers] == [None] * 6
    assert all("no weights here" in str(one.note) for one in found.under("flops"))


def test_a_network_without_the_papers_parts_has_no_component_in_table_4(
    own_file: Path, tmp_path: Path
) -> None:
    found = beside(own(own_file), "table4", tmp_path)
    assert {(one.column, one.value, one.note) for one in found.numbers} == {
        (column, None, "has no such component") for column in ("bs", "carmodule", "crp", "others")
    }


def test_records_of_a_method_beside_the_table_are_shown(own_file: Path, tmp_path: Path) -> None:
    method = own(own_file)
    made = {"source": current_sources(method), "dirty": False, "started_utc": "2026-01-01T00:00:00Z"}
    speed = make_record(
        "speed",
        {
            "model": "mynet",
            "options": {},
            "num_classes": 19,
            "engine": "eager",
            "device": "cpu",
            "precision": "32-true",
            "batch": 1,
            "size": [512, 1024],
            "threads": 2,
            "machine": {"cpu": "Some CPU", "gpu": None},
        },
        {"median_ms": 25.0, "fps": 40.0, "gemm_bound_ms": None},
        made,
    )
    accuracy = make_record(
        "accuracy",
        {
            "model": "mynet",
            "num_classes": 11,
            "run": {"recipe": {"weights": "none", "epochs": 3, "seed": 0}},
            "weights_sha256": "w",
            "data": {"name": "camvid", "split": "test", "manifest_sha256": "m"},
        },
        {"miou": 0.25, "images": 233},
        made,
    )
    ids = [add_record(record, tmp_path)[0].id for record in (speed, accuracy)]
    judged = reproduce("table1", tmp_path, NONE, beside=[method], machine="some cpu")
    numbers = {one.column: one for one in judged.beside[0].numbers}
    assert numbers["time"] == Measured(
        "mynet", "time", "ms", 25.0, "Some CPU, 2 threads, eager 32-true; no roofline bound", ids[0]
    )
    assert numbers["fps"].value == 40.0
    assert (numbers["miou"].value, numbers["miou"].record) == (25.0, ids[1])
    assert [(point.row, point.in_table, point.miou_percent) for point in judged.points] == [
        ("mynet", False, 25.0)
    ]
    assert len(judged.as_json()["cells"]) == 73


def test_progress_counts_what_is_beside_the_table_too(own_file: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    reproduce("table4", tmp_path, NONE, lambda *step: seen.append(step), beside=[own(own_file)])
    assert seen[-2:] == [("mynet", 4, 5), ("", 5, 5)]


def test_peers_are_those_of_the_registry_and_only_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.models, "available", lambda: dict(METHODS))
    assert methods_beside("table1", [], peers=False) == []
    found = methods_beside("table1", [], peers=True)
    assert len(found) >= 8
    assert {method.group for method in found} == {"peer"}


def test_an_installed_network_stands_beside_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.models, "available", lambda: {**METHODS, "mynet": OWN})
    assert methods_beside("table2", [], peers=False) == [OWN]


def test_a_method_of_the_paper_that_the_table_does_not_have_may_stand_beside_it() -> None:
    found = methods_beside("table2", ["enet"], peers=False)
    assert [method.name for method in found] == ["enet"]


def test_a_row_of_the_table_is_not_set_beside_it_again() -> None:
    with pytest.raises(UsageError, match="'enet': table1 has a row 'enet' already"):
        methods_beside("table1", ["enet"], peers=False)


def test_two_networks_of_one_name_are_refused(own_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "mynet.py"
    other.parent.mkdir()
    other.write_text(NET)
    with pytest.raises(UsageError, match="two networks of this name"):
        methods_beside("table1", [f"{own_file}:build", f"{other}:build"], peers=False)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match=r"gone\.py: no such file"):
        methods_beside("table1", [f"{tmp_path / 'gone.py'}:build"], peers=False)


def test_a_crf_is_left_out_of_the_cost_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class WithCrf(nn.Module):
        def __init__(self, num_classes: int) -> None:
            super().__init__()
            self.classifier = nn.Conv2d(3, num_classes, 1, bias=False)
            self.crf = nn.Conv2d(num_classes, num_classes, 1, bias=False)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.crf(self.classifier(image))

    method = replace(OWN, builder=f"{__name__}:WithCrf")
    monkeypatch.setattr(Method, "build", lambda _self, num_classes: WithCrf(num_classes))
    found = beside_without_sources(method, tmp_path, monkeypatch)
    pixels = 512 * 1024
    note = f"the network without its CRF, whose products would add {pixels * 361 / 1e9:.4g} MAC G"
    assert counted(found, "flops")[1] == ("MAC G", pixels * 57 / 1e9, note)
    assert found.params_m == (57 + 361) / 1e6


def beside_without_sources(method: Method, home: Path, monkeypatch: pytest.MonkeyPatch) -> Beside:
    monkeypatch.setattr("bench.results.select.current_sources", lambda _method, **_: None)
    return beside(method, "table1", home)
