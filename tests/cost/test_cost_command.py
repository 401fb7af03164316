"""`carnet-bench cost` as a user meets it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import bench.models
from baselines.registry import METHODS
from bench.cli.cost import _show_together as show_together
from bench.cli.cost import cost
from bench.cost.costs import Costs
from bench.errors import NotMeasured, RefusedInput, UsageError

OWN = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, 1, bias=False)

def vectors(num_classes):
    class Net(nn.Module):
        def forward(self, x):
            return x @ x[0, 0, 0]
    return Net()
"""


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    # with a second command, so that `cost` stays a name
    @app.command()
    def nothing() -> None: ...

    app.command("cost")(cost)
    return app


def test_cost_prints_one_json_document_with_units(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["cost", "carnet-mobile", "bs-mobile", "--size", "64x96", "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [model["name"] for model in document["models"]] == ["carnet-mobile", "bs-mobile"]
    assert (document["models"][0]["height"], document["models"][0]["width"]) == (64, 96)
    assert set(document["models"][0]["counts"]) == set(document["units"])
    assert document["models"][0]["counts"]["params_m"] == 3.873107


@pytest.mark.parametrize("columns", ["80", "40"])
def test_no_digit_of_all_costs_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    names = ("deeplab-crf-largefov", "cascaded-dilatednet")
    costs = [
        Costs(1051.234, 1051.251, 1278.965, 1300.321, 267.404, name, classes, size_hw)
        for name, classes, size_hw in zip(names, (19, 150), ((1024, 2048), (384, 384)), strict=True)
    ]
    show_together(costs, dict.fromkeys(names, "paper"))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for text in (*names, "1024x2048, 19", "384x384, 150"):
        assert out.count(text) == 1
    for digits in ("1051.234", "1278.965", "2557.930", "1300.321", "267.404"):
        assert out.count(digits) == 2


def test_cost_of_a_file_of_one_s_own_by_either_spelling(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "mynet.py"
    path.write_text(OWN)
    reference = f"{path}:build"
    for arguments in ([reference], ["--model", reference]):
        result = CliRunner().invoke(app, ["cost", *arguments, "--size", "8x10", "--classes", "4", "--json"])
        assert result.exit_code == 0
        assert json.loads(result.stdout)["models"][0]["counts"]["gmacs"] == 3 * 4 * 80 / 1e9


def test_the_table_names_components_and_units(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["cost", "carnet-mobile", "--size", "64x64"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    for word in ("bs", "carmodule", "crp", "others", "total", "2019", "GMAC", "GFLOP", "64x64"):
        assert word in result.stdout
    assert "note: carnet-mobile" in result.stderr


def test_a_count_that_could_not_be_had_is_printed_and_ends_as_not_measured(
    app: typer.Typer, tmp_path: Path
) -> None:
    path = tmp_path / "mynet.py"
    path.write_text(OWN)
    result = CliRunner().invoke(app, ["cost", f"{path}:vectors", "--size", "8x8", "--json"])
    assert isinstance(result.exception, NotMeasured)
    model = json.loads(result.stdout)["models"][0]
    assert model["counts"]["gmacs"] is None
    assert "aten.mv" in model["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ([], UsageError, "cost needs a MODEL"),
        (["carnet-resnet18"], UsageError, "no model 'carnet-resnet18'; choose from .*carnet-mobile"),
        (["pspnet-resnet101"], RefusedInput, "input of 512x1024: each side must be 8k\\+1, e.g. 513x1025"),
        (["nowhere.py:build"], RefusedInput, "nowhere.py: no such file"),
        (["carnet-mobile", "--size", "512*1024"], UsageError, "HEIGHTxWIDTH"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(
    app: typer.Typer, arguments: list[str], error: type[Exception], message: str
) -> None:
    result = CliRunner().invoke(app, ["cost", *arguments])
    assert isinstance(result.exception, error)
    with pytest.raises(error, match=message):
        raise result.exception


def test_no_classes_are_a_usage_error(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["cost", "carnet-mobile", "--classes", "0"]).exit_code == 2


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of four: one of any size, one of 8k+1, one of 150 classes only, and a peer."""
    names = ("enet", "pspnet-resnet101", "cascaded-segnet", "smp-pspnet-resnet18")
    monkeypatch.setattr("bench.models.METHODS", {name: METHODS[name] for name in names})


def test_all_methods_are_counted_each_at_its_own_size_and_classes(app: typer.Typer, few: None) -> None:
    result = CliRunner().invoke(app, ["cost", "--all", "--json"])
    assert result.exit_code == 0
    found = {model["name"]: model for model in json.loads(result.stdout)["models"]}
    inputs = {name: (m["height"], m["width"], m["classes"]) for name, m in found.items()}
    assert inputs == {
        "enet": (360, 640, 19),
        "pspnet-resnet101": (713, 713, 19),
        "cascaded-segnet": (384, 384, 150),
        "smp-pspnet-resnet18": (512, 1024, 19),
    }
    assert all(None not in model["counts"].values() for model in found.values())


def test_a_method_that_does_not_take_the_size_is_shown_with_its_rule_and_is_no_failure(
    app: typer.Typer, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(bench.models.METHODS, "cascaded-segnet")
    arguments = ["cost", "--all", "--size", "64x96", "--classes", "5"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert result.exit_code == 0
    reason = "pspnet-resnet101: input of 64x96: each side must be 8k+1, e.g. 65x97"
    assert reason in result.stdout
    document = CliRunner().invoke(app, [*arguments, "--json"])
    refused = json.loads(document.stdout)["models"][1]
    assert set(refused["counts"].values()) == {None}
    assert refused["notes"] == [reason]


def test_a_method_that_takes_the_size_and_cannot_be_counted_ends_as_not_measured(
    app: typer.Typer, few: None
) -> None:
    result = CliRunner().invoke(app, ["cost", "--all", "--size", "72x72", "--classes", "7"])
    assert isinstance(result.exception, NotMeasured)
    assert str(result.exception).startswith("not every count could be had for cascaded-segnet;")
    assert "which of the 7 classes are stuff" in result.stdout


def test_the_table_of_all_fits_80_columns_with_peers_apart(app: typer.Typer, few: None) -> None:
    result = CliRunner().invoke(app, ["cost", "--all"], env={"COLUMNS": "80"})
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    peers = next(n for n, line in enumerate(lines) if "not in the paper" in line)
    of = {name: n for n, line in enumerate(lines) for name in METHODS if line.split()[:1] == [name]}
    assert of["enet"] < of["pspnet-resnet101"] < of["cascaded-segnet"] < peers < of["smp-pspnet-resnet18"]
    assert lines[of["enet"] - 1].split() == ["360x640,", "19"]


def test_a_network_of_one_s_own_stands_beside_all(app: typer.Typer, few: None, tmp_path: Path) -> None:
    path = tmp_path / "mynet.py"
    path.write_text(OWN)
    result = CliRunner().invoke(app, ["cost", "--all", "--model", f"{path}:build", "--json"])
    assert [model["name"] for model in json.loads(result.stdout)["models"]][-1] == "mynet"
