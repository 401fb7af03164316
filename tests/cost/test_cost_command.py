"""`carnet-bench cost` and `carnet-bench models` as a user meets them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from baselines.registry import METHODS
from bench.cli.cost import register as register_cost
from bench.cli.models import register as register_models
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
    register_cost(app)
    register_models(app)
    return app


def test_cost_prints_one_json_document_with_units(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["cost", "carnet-mobile", "bs-mobile", "--size", "64x96", "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert [model["name"] for model in document["models"]] == ["carnet-mobile", "bs-mobile"]
    assert (document["models"][0]["height"], document["models"][0]["width"]) == (64, 96)
    assert set(document["models"][0]["counts"]) == set(document["units"])
    assert document["models"][0]["counts"]["params_m"] == 3.873107


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
    for word in ("bs", "carmodule", "crp", "others", "total", "thop-2019", "GMAC", "GFLOP", "64x64"):
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
        (["carnet-resnet18"], UsageError, "no model 'carnet-resnet18'; have .*carnet-mobile"),
        (["dilatednet"], UsageError, "'dilatednet' is not built yet"),
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


def test_models_lists_the_whole_registry_and_says_what_is_built(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["models", "--json"])
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert set(METHODS) <= set(rows)
    assert rows["carnet-resnet50"]["params_m"] == 28.646483
    assert rows["carnet-resnet50"]["built"] is True
    for name, method in METHODS.items():
        assert rows[name]["year"] == method.year
        assert rows[name]["built"] == (rows[name]["params_m"] is not None)


def test_the_list_for_reading_has_a_line_for_each_method(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["models"], env={"COLUMNS": "140"})
    assert result.exit_code == 0
    for name in METHODS:
        assert result.stdout.count(f" {name} ") == 1
