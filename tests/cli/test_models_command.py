"""`carnet-bench models` as a user meets it."""

import csv
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from baselines.method import Method
from baselines.registry import METHODS
from bench.cli.models import models
from bench.cost.brief import brief
from bench.train.weights import KNOWN

GOLDEN = Path(__file__).parents[1] / "golden" / "baselines"
# with the auxiliary heads, which run in training only; the golden counts are without them
TRAINED_PARAMS_M = {
    "bisenet1": 1.842289,
    "bisenet2": 13.494777,
    "icnet": 6.707321,
    "pspnet-resnet101": 68.072166,
    "pspnet-resnet152": 83.715814,
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command("models")(models)

    def call(names: list[str], *words: str, own: Method | None = None, columns: int = 100):
        methods = {name: METHODS[name] for name in names}
        monkeypatch.setattr("bench.models.METHODS", {**methods, **({own.name: own} if own else {})})
        return CliRunner().invoke(app, [*words], env={"COLUMNS": str(columns)})

    return call


def test_the_document_lists_the_whole_registry_with_golden_counts(run) -> None:
    result = run(list(METHODS), "--json")
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert list(rows) == list(METHODS)
    assert sum(row["group"] == "peer" for row in rows.values()) >= 8
    compared = set()
    for file in GOLDEN.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            for golden in csv.DictReader(lines):
                row, value = rows[golden["method"]], golden["value"]
                at = [golden["classes"], golden["height"], golden["width"], golden["component"]]
                if (
                    at == [*(str(row[k]) for k in ("classes", "height", "width")), "total"]
                    and golden["quantity"] in row
                ):
                    digits = len(value.partition(".")[2])
                    if golden["quantity"] == "params_m" and golden["method"] in TRAINED_PARAMS_M:
                        assert row["params_m"] == TRAINED_PARAMS_M[golden["method"]] > float(value)
                        continue
                    assert f"{row[golden['quantity']]:.{digits}f}" == value, golden["method"]
                    compared.add(golden["method"])
    # CARNet's own are in another file
    assert compared == {name for name in METHODS if not name.startswith(("carnet-", "bs-"))}
    assert rows["carnet-resnet50"]["params_m"] == 28.646483


def test_a_row_says_what_the_registry_says(run) -> None:
    result = run(["icnet", "pspnet-resnet101", "twocolumn", "segnet"], "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)["models"]}
    assert rows["icnet"]["auxiliary"] == [0.4, 0.16]
    assert rows["pspnet-resnet101"]["sizes"] == "8k+1"
    assert [rows[name]["reconstruction"] for name in rows] == [False, False, True, False]
    assert rows["segnet"]["pretrained"] == ["torchvision-vgg16"]
    assert rows["icnet"]["pretrained"] == []
    for name, row in rows.items():
        method = METHODS[name]
        assert (row["title"], row["paper"], row["year"]) == (method.title, method.citation, method.year)
        assert row["group"] == "paper"


def test_the_list_for_reading_fits_100_columns_with_peers_apart_from_the_paper(run) -> None:
    names = ["carnet-mobile", "deeplab-crf-largefov", "icnet", "fcn-8s", "twocolumn"]
    peers = ["smp-deeplabv3plus-mobilenetv2", "smp-pan-resnet18", "smp-upernet-mobilenetv4"]
    result = run([*names, *peers])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    at = {
        name: [n for n, line in enumerate(lines) if line.startswith(f"{name} ")] for name in [*names, *peers]
    }
    assert all(len(found) == 1 for found in at.values())
    (heading,) = (n for n, line in enumerate(lines) if "not in the paper" in line)
    assert max(at[name][0] for name in names) < heading < min(at[name][0] for name in peers)
    assert lines[at["twocolumn"][0] + 1].startswith("  TwoColumn (2017): RECONSTRUCTION")
    assert "384x384, 150" in lines[at["fcn-8s"][0]]
    assert "0.4, 0.16" in lines[at["icnet"][0]]
    assert (
        "  mobilenetv2_100: mobilenet_v2_imagenet_timm, timm-mobilenetv2_100, torchvision-mobilenet_v2"
        in lines
    )


def test_80_columns_keep_every_number_and_put_below_what_has_no_room(run) -> None:
    lines = run(["icnet", "fcn-8s", "segnet"], columns=80).stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("icnet "))
    assert lines[at].split()[1:4] == ["6.707", "29.029", "1024x2048"]
    assert "0.4, 0.16" in "".join(lines[at : at + 2])
    at = next(n for n, line in enumerate(lines) if line.startswith("segnet "))
    assert "vgg16" in "".join(lines[at : at + 2])
    table = lines[: next(n for n, line in enumerate(lines) if "ImageNet weights" in line)]
    assert max(map(len, table)) <= 80


def test_a_method_that_does_not_build_does_not_hide_the_list(run) -> None:
    broken = Method("broken", "broken", "entry point nowhere:build", 0, "nowhere:build", group="own")
    result = run(["bs-mobile"], "--json", own=broken)
    assert result.exit_code == 0
    good, bad = json.loads(result.stdout)["models"]
    assert (good["built"], bad["built"]) == (True, False)
    assert (bad["params_m"], bad["gmacs"], bad["year"]) == (None, None, None)
    assert "note: broken: " in result.stderr
    assert "No module named 'nowhere'" in result.stderr


def test_a_network_that_cannot_run_at_its_size_still_has_its_parameters(tmp_path, monkeypatch) -> None:
    (tmp_path / "vector_net.py").write_text(
        "from torch import nn\n\ndef build(num_classes):\n    return nn.Linear(7, num_classes, bias=False)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = brief(Method("vector", "vector", "", 0, "vector_net:build", num_classes=4))
    assert (found.params_m, found.gmacs) == (28e-6, None)
    assert found.note.startswith("vector: not counted at 512x1024, RuntimeError")


def test_weights_are_listed_for_the_methods_whose_encoder_they_fit(run) -> None:
    (row,) = json.loads(run(["smp-fpn-efficientnetlite0"], "--json").stdout)["models"]
    assert row["pretrained"] == [
        name for name, known in KNOWN.items() if known.architecture == "tf_efficientnet_lite0"
    ]
    assert "tf_efficientnet_lite0_imagenet_timm" in row["pretrained"]
