"""Promise 6: a file is run only because the user's command line or recipe names it."""

import json

import pytest
import torch
from made_records import RUN, make_record
from PIL import Image

from baselines.registry import METHODS
from bench.data import catalogue
from bench.data.unlabelled import ImageFiles
from bench.errors import RefusedInput, UsageError
from bench.experiments.grid_state import Ledger
from bench.models import recorded
from bench.results.record import from_json, to_json
from bench.train.initial import build_seeded
from bench.train.publish import publish
from bench.train.recipe import from_table
from bench.train.settings import Settings
from bench.train.trained import open_weights
from bench.train.weight_file import save_weights

TABLE = {
    "name": "tiny",
    "model": "evil.py:build",
    "data": "scenes",
    "crop": [64, 96],
    "batch": 4,
    "epochs": 1,
    "encoder_lr": 0.1,
    "decoder_lr": 0.1,
}
PLAIN = {"statistics": {"mean": [0.5] * 3, "std": [0.5] * 3}, "notes": []}


@pytest.fixture
def trap(write, tmp_path, monkeypatch):
    """A network's file in the working folder that leaves a mark when it is run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "photos" / "one.png")
    return write(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
        "from torch import nn\n\ndef build(num_classes):\n    return nn.Conv2d(3, num_classes, 1)\n",
        "evil.py",
    )


@pytest.fixture
def weights(tmp_path):
    """Write weights of one convolution; recipe and parts of the metadata may be changed."""

    def write(recipe=None, of_run=None, **parts):
        path = tmp_path / "w.safetensors"
        table = {**from_table(TABLE, "tiny").identity(), **(recipe or {})}
        run = {**RUN, "num_classes": 19, "model": "evil", "recipe": table, **(of_run or {})}
        state = {"weight": torch.zeros(19, 3, 1, 1), "bias": torch.zeros(19)}
        save_weights(path, state, {"identity": run, **PLAIN, **parts})
        return path

    return write


@pytest.mark.parametrize("name", ["{folder}/evil.py:build", "evil.py:build", "./evil.py:build", "evil.py"])
@pytest.mark.parametrize(
    "command", [("predict", "{w}", "photos", "--out", "out"), ("evaluate", "{w}", "--device", "cpu")]
)
def test_a_weights_file_s_metadata_runs_no_file(trap, weights, cli, command, name):
    tmp_path = trap.parent
    path = weights({"model": name.format(folder=tmp_path)})
    code, said, told = cli(*(word.format(w=path) for word in command))
    assert (code, said) == (3, "")
    assert "evil.py" in told
    assert "--model" in told
    assert not (tmp_path / "ran").exists()


def test_the_user_s_own_word_for_the_model_runs_it(trap, weights, tmp_path, cli):
    path = weights({"model": "evil.py:build"})
    code, _, _ = cli("predict", path, "photos", "--out", "out", "--model", f"{trap}:build")
    assert code == 0
    assert (tmp_path / "ran").exists()


def test_a_name_of_a_file_is_shown_escaped_and_short():
    with pytest.raises(RefusedInput) as refused:
        recorded("\x1b[2Jx.py:build", "w.safetensors")
    assert r"\x1b" in str(refused.value)
    with pytest.raises(RefusedInput) as refused:
        recorded("x" * 10_000, "w.safetensors")
    assert len(str(refused.value)) < 500


def test_weights_whose_recipe_trains_another_model_than_they_say_are_refused(trap, weights):
    path = weights({"model": f"{trap}:build"}, {"model": "carnet-mobile"})
    with pytest.raises(RefusedInput, match=r"evil\.py"):
        open_weights(path)


def test_a_record_of_a_grid_runs_no_file(trap, tmp_path):
    recipe = from_table({**TABLE, "model": f"{trap}:build"}, "tiny")
    folder = tmp_path / "results" / "records" / "training"
    folder.mkdir(parents=True)
    ledger = Ledger(Settings(tmp_path, device="cpu", threads=1), "test")
    record = make_record(
        "training",
        {"model": "evil", "recipe": recipe.identity(), "threads": 1},
        {},
        {"source": {"method": "x"}},
    )
    (folder / f"{record.id}.json").write_text(to_json(record))
    assert ledger.training
    assert ledger.tabulated.is_stale(record)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["../../../escaped", "/escaped", "a/b", "a\\b", "..", ".hidden", "", "x\n", "x" * 65]
)
def test_a_record_s_model_or_data_is_no_path(name):
    document = json.loads(to_json(make_record("training", {}, {}, {})))
    for key in (("model",), ("data", "name"), ("recipe", "name")):
        identity = json.loads(json.dumps(document["identity"]))
        place = identity
        for part in key[:-1]:
            place = place[part]
        place[key[-1]] = name
        with pytest.raises(RefusedInput, match=r"\.".join(key)):
            make_record("training", identity, {}, {})


def test_publish_writes_nothing_outside_its_folder(tmp_path, weights):
    run = tmp_path / "home" / "runs" / "x"
    run.mkdir(parents=True)
    weights().rename(run / "final.safetensors")
    record = make_record("training", {}, {"final_weights_sha256": "c" * 64}, {})
    text = to_json(record).replace('"model": "carnet-mobile"', '"model": "../../../escaped"')
    folder = tmp_path / "home" / "results" / "records" / "training"
    folder.mkdir(parents=True)
    (folder / f"{record.id}.json").write_text(text)
    with pytest.raises(RefusedInput, match=r"final\.safetensors"):
        publish(run, tmp_path / "home")
    assert not list(tmp_path.rglob("*escaped*"))
    with pytest.raises(RefusedInput):
        from_json(text, "x.json")


@pytest.mark.parametrize(
    "option", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"]
)
def test_options_in_a_recipe_or_in_metadata_read_no_other_weights(tmp_path, option):
    recipe = from_table(
        {**TABLE, "model": "smp-fpn-mobilenetv2", "model_options": {option: str(tmp_path / "x.pth")}}, "tiny"
    )
    files = ImageFiles(catalogue.entry("scenes"))
    with pytest.raises(UsageError, match=option):
        build_seeded(recipe, METHODS["smp-fpn-mobilenetv2"], files)


BROKEN = [
    ({"identity": None}, "identity"),
    ({"identity": []}, "identity"),
    ({"statistics": None}, "statistics"),
    ({"statistics": {"mean": [0.5] * 3}}, "std"),
    ({"statistics": {"mean": [0.5] * 2, "std": [1.0] * 3}}, "mean"),
    ({"statistics": {"mean": ["x"] * 3, "std": [1.0] * 3}}, "mean"),
    ({"statistics": {"mean": [0.5] * 3, "std": [0.0] * 3}}, "std"),
    ({"statistics": {"mean": 0.5, "std": [1.0] * 3}}, "mean"),
    ({"notes": "a note"}, "notes"),
    ({"notes": [1]}, "notes"),
    ({"notes": None}, "notes"),
]


@pytest.mark.parametrize(("parts", "token"), BROKEN)
def test_a_damaged_description_is_refused_by_the_name_of_the_part(weights, parts, token):
    with pytest.raises(RefusedInput, match=rf"w\.safetensors.*{token}"):
        open_weights(weights(**parts))


@pytest.mark.parametrize(
    ("identity", "token"),
    [
        ({"model": 5}, "model"),
        ({"model": "../x"}, "model"),
        ({"num_classes": "19"}, "num_classes"),
        ({"num_classes": 9}, "9 classes"),
        ({"recipe": None}, "recipe"),
        ({"recipe": {}}, "missing"),
        ({"recipe": {**TABLE, "crop": "large"}}, "crop"),
        ({"recipe": {**TABLE, "data": "nowhere"}}, "nowhere"),
        ({"recipe": {**TABLE, "data": ["scenes"]}}, "data"),
        ({"recipe": {**TABLE, "name": "../x"}}, "name"),
        ({"recipe": {**TABLE, "model_options": 5}}, "model_options"),
    ],
)
def test_a_damaged_identity_is_refused_by_the_name_of_the_key(weights, identity, token):
    with pytest.raises(RefusedInput, match=token):
        open_weights(weights(of_run=identity))


def test_a_description_nested_without_end_is_refused(tmp_path):
    import safetensors.torch

    path = tmp_path / "deep.safetensors"
    for text in ("[" * 100_000, "{" + '"a":1,' * 2 + "}", '{"a": 1' + "0" * 5_000 + "}"):
        path.write_bytes(safetensors.torch.save({"x": torch.zeros(1)}, {"carnet_bench": text}))
        with pytest.raises(RefusedInput, match=r"deep\.safetensors"):
            open_weights(path)


def test_an_evaluation_wants_the_whole_identity_before_it_begins(weights, cli):
    code, _, told = cli(
        "evaluate",
        weights({"model": "carnet-mobile"}, {"data": None, "model": "carnet-mobile"}),
        "--device",
        "cpu",
    )
    assert code == 3
    assert "data" in told
