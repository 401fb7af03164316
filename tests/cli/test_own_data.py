"""Data of one's own on the command line: every command takes its file, and no weights lead to it."""

from __future__ import annotations

import json
import tomllib

import pytest
from drawn_folders import LAYOUTS, NAMES, write_described
from PIL import Image

from bench.data import catalogue
from bench.data.catalogue import open_data
from bench.data.own.init import init
from bench.errors import UsageError
from bench.experiments import comparison_times
from bench.experiments.comparison import comparison_of
from bench.experiments.grid import experiment_of
from bench.experiments.grid_axes import axes_of
from bench.results.store import read_records
from bench.train.recipe import from_table
from bench.train.splits import open_split

RECIPE = """
model = "enet"
data = "{data}"
crop = [64, 96]
batch = 3
epochs = 1
encoder_lr = 0.01
decoder_lr = 0.01
validate_every = 0
"""

NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, {}, padding={})
"""


@pytest.fixture
def own(tmp_path):
    return write_described(tmp_path / "mine")


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(data="scenes"))
    return path


@pytest.fixture
def forget(monkeypatch):
    """Make the next command know of no file that an earlier one was given, as another process."""
    return lambda: monkeypatch.setattr(catalogue, "_own", {})


def test_check_and_show_read_it(carnet_bench, own, tmp_path, forget):
    code, out, err = carnet_bench("data", "check", own, "--json")
    assert (code, err) == (0, "") or "samples" in err
    report = json.loads(out)
    assert (report["name"], report["problems"]) == ("drawn", [])
    assert {split: part["samples"] for split, part in report["splits"].items()} == {"train": 6, "val": 2}
    assert list(report["splits"]["val"]["pixels"]) == list(NAMES)
    forget()
    sheet = tmp_path / "sheet.png"
    assert carnet_bench("data", "show", own.parent, "--out", sheet)[0] == 0
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"


def test_it_is_trained_scored_scored_again_and_its_weights_segment_images(
    carnet_bench, own, recipe, tmp_path, forget
):
    code, out, _ = carnet_bench("train", recipe, "--data", own, "--threads", 1, "--json")
    assert code == 0
    run = json.loads(out)["run"]
    (trained,) = read_records(tmp_path, "training")
    (scored,) = read_records(tmp_path, "accuracy")
    assert (trained.identity.data.name, trained.identity.num_classes) == ("drawn", 4)
    assert (scored.identity.data.split, list(scored.values.iou)) == ("val", list(NAMES))
    assert str(own.parent) not in json.dumps([trained.stored["identity"], scored.stored["identity"]])

    forget()
    again = ("evaluate", run, "--split", "val", "--threads", 1, "--json")
    code, _, err = carnet_bench(*again)
    assert code == 2
    assert "--data FILE.toml" in err
    code, out, _ = carnet_bench(*again, "--data", own)
    assert json.loads(out)["same_as_recorded"] is True

    forget()
    found = predict(carnet_bench, run, own, tmp_path / "one")
    assert (found["data"], found["classes"]) == ("drawn", list(NAMES))
    own.write_text(own.read_text().replace('"car"', '"lorry"'))
    code, _, err = carnet_bench(*again, "--data", own)
    assert code == 3
    assert "class 3 is 'lorry'" in err


def predict(carnet_bench, run, own, out):
    import typer.testing

    from bench.cli import app

    words = ["predict", run, own.parent / "images" / "val", "--out", out, "--threads", 1, "--json"]
    result = typer.testing.CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_described_trained_and_scored(carnet_bench, recipe, tmp_path, layout):
    root = LAYOUTS[layout](tmp_path / "set")
    assert init(root, val=0.2 if layout == "side by side" else None).samples.keys() == {"train", "val"}
    code, out, _ = carnet_bench("train", recipe, "--data", root, "--threads", 1, "--json")
    assert code == 0
    assert carnet_bench("data", "check", root)[0] == 0
    (scored,) = read_records(tmp_path, "accuracy")
    assert len(scored.values.iou) == (16 if layout == "colours" else 4)
    assert json.loads(out)["values"]["miou"] == scored.values.miou
    again = ("evaluate", json.loads(out)["run"], "--data", root, "--split", "val", "--threads", 1, "--json")
    assert json.loads(carnet_bench(*again)[1])["same_as_recorded"] is True


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_on_every_layout_networks_are_compared_and_predictions_of_one_are_scored(
    carnet_bench, tmp_path, monkeypatch, layout
):
    monkeypatch.setattr(comparison_times, "SECONDS_EACH", 0.5)
    root = LAYOUTS[layout](tmp_path / "set")
    init(root, val=0.2 if layout == "side by side" else None)
    for name, kernel in (("narrow", 1), ("wide", 3)):
        (tmp_path / f"{name}.py").write_text(NETWORK.format(kernel, kernel // 2))
    models = [f"{tmp_path / name}.py:build" for name in ("narrow", "wide")]
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.format(data="set/data.toml"))
    common = ("--data", root, "--threads", 1)
    code, out, err = carnet_bench("compare", *models, "--recipe", recipe, "--seeds", 1, *common, "--json")
    assert code == 0, err
    rows = json.loads(out)["methods"]
    assert {one["method"] for one in rows} == {"narrow", "wide"}
    assert {len(one["iou"]) for one in rows} == {16 if layout == "colours" else 4}
    made = tmp_path / "reports" / f"compare-{json.loads(out)['name']}"
    assert all(made.with_suffix(f".{form}").is_file() for form in ("md", "csv", "tex"))

    # a network's pictures, scored as those of another framework, are worth what the network is
    best = rows[0]["method"]
    (run,) = [one.parent for one in tmp_path.glob("runs/*/run.json") if best in one.read_text()]
    data = catalogue.entry(str(root))
    images = open_data(str(root), "val")
    (tmp_path / "val").mkdir()
    for index in range(len(images)):
        sample = images.read(index)
        Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(tmp_path / "val" / f"{sample.name}.png")
    words = ("predict", run, tmp_path / "val", "--out", tmp_path / "made", *common, "--json")
    code, out, err = carnet_bench(*words, "--model", f"{tmp_path / best}.py:build")
    assert code == 0, err
    assert json.loads(out)["classes"] == list(data.classes)
    code, out, err = carnet_bench("score", tmp_path / "made", "--data", root, "--split", "val", "--json")
    assert code == 0, err
    assert json.loads(out)["values"]["miou"] == rows[0]["miou"]


def test_a_recipe_may_name_it_relative_to_its_own_place(carnet_bench, own, tmp_path):
    path = own.parent / "tiny.toml"
    path.write_text(RECIPE.format(data="data.toml"))
    code, _, _ = carnet_bench("train", path, "--split", "none", "--threads", 1)
    assert code == 0
    (trained,) = read_records(tmp_path, "training")
    assert trained.stored["identity"]["recipe"]["data"] == "drawn"


def test_a_grid_of_it_is_scored_on_the_split_that_it_has(own, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(RECIPE.format(data="mine/data.toml").replace("enet", "carnet-mobile"))
    found = experiment_of(axes_of(lambdas=["0", "0.2"]), name_or_path=str(path), data=str(own), seeds=1)
    assert (found.recipe.data, found.scored, len(found.runs)) == ("drawn", "val", 2)


def test_a_recipe_out_of_weights_leads_to_no_file(own, monkeypatch):
    monkeypatch.setattr(catalogue, "_own", {})
    for place in (own, own.parent):
        table = tomllib.loads(RECIPE.format(data=place))
        with pytest.raises(UsageError, match="no data set"):
            open_split(from_table({"name": "tiny", **table}, "weights"), "train", None, own.parent)
    assert catalogue.known("drawn") is None


def test_networks_are_compared_on_it(own):
    found = comparison_of(["enet", "carnet-mobile"], data=str(own.parent), name_or_path="default", seeds=1)
    assert (found.recipe.data, found.scored, found.recipe.crop) == ("drawn", "val", (64, 64))
    assert {run.recipe.data for run in found.runs} == {"drawn"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "scenes-quick", "--data", "nothing.toml"), 3, "nothing.toml: no such file"),
        (("train", "scenes-quick", "--data", "no/folder"), 3, "no/folder/data.toml: no such file"),
        (("data", "check", "nothing.toml"), 3, "data init"),
        (("ablate", "--lambda", "0", "--data", "nothing.toml"), 3, "nothing.toml: no such file"),
    ],
)
def test_a_file_that_is_not_there_is_refused_by_name(carnet_bench, words, code, message):
    found, _, err = carnet_bench(*words)
    assert found == code
    assert message in err


def test_weights_of_other_data_are_not_read_as_of_this(carnet_bench, own, recipe, tmp_path):
    code, out, _ = carnet_bench("train", recipe, "--data", own, "--split", "none", "--threads", 1, "--json")
    assert code == 0
    code, _, err = carnet_bench("evaluate", json.loads(out)["run"], "--data", "camvid", "--split", "val")
    assert code == 2
    assert "weights of drawn, not of camvid" in err
