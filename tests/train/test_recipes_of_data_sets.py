"""The recipes of the package: the paper's numbers, and each data set's run on its real samples."""

import json
import re
from pathlib import Path

import pytest

from bench.errors import RefusedInput
from bench.results.store import read_records
from bench.train import recipe as recipes
from bench.train.splits import open_split, scored_split

# Section IV.A: crop, encoder rate, decoder rate; "halve" for NYUDv2, "reduce by one-fifth" for the others
PAPER = {
    "cityscapes": (800, 1e-3, 1e-2, 0.8, 0.2),
    "nyudv2": (500, 5e-4, 5e-3, 0.5, 0.5),
    "ade20k": (580, 1e-3, 1e-2, 0.8, 0.2),
}
SAMPLE_SPLITS = {"cityscapes": "train", "nyudv2": "val", "ade20k": "val"}
SAMPLES = {"cityscapes": 8, "nyudv2": 4, "ade20k": 2}
TRAINED_ON = {**SAMPLES, "cityscapes": 2}  # an image of 1024x2048 takes seconds


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_how_it_is_run_and_what_to_expect(name: str) -> None:
    first, *_ = (recipes.FOLDER / f"{name}.toml").read_text().splitlines()
    found = recipes.load(name)
    assert found.name == name
    if name.endswith(("-ablation", "-study")):
        # a study's scores are in its table, not in one number
        assert re.match(rf"# carnet-bench ablate --.* --(recipe {name}|data {found.data})\b", first)
        return
    if name.endswith("-compare"):
        assert re.match(rf"# carnet-bench (compare .*--data {found.data}|train {name})\b", first)
        return
    assert re.match(rf"# carnet-bench train {name}\b", first)
    if name not in ("scenes-quick", "default"):
        assert re.search(r"mIoU 0\.\d{3}", first)


@pytest.mark.parametrize("preset", ["paper", "paper-inferred"])
@pytest.mark.parametrize("data", PAPER)
def test_the_paper_s_recipes_hold_the_numbers_of_its_section_4a(data: str, preset: str) -> None:
    crop, encoder_lr, decoder_lr, literal, usual = PAPER[data]
    found = recipes.load(f"{data}-{preset}")
    assert (found.data, found.crop, found.batch, found.epochs) == (data, (crop, crop), 6, 300)
    assert (found.encoder_lr, found.decoder_lr) == (encoder_lr, decoder_lr)
    assert (found.schedule, found.lr_every_epochs) == ("step", 100)
    assert found.lr_factor == (literal if preset == "paper" else usual)
    assert (found.momentum, found.weight_decay, found.scloss_weight) == (0.9, 1e-5, 0.2)
    assert (found.scale, found.flip) == ((0.5, 2.0), 0.5)
    assert found.freeze_encoder_bn == (preset == "paper-inferred")


def of_sample(data: str) -> recipes.Recipe:
    return recipes.load(f"{data}-paper", {"smoke": True, "weights": "none"})


@pytest.mark.parametrize("data", PAPER)
def test_a_smoke_run_takes_the_split_that_a_sample_holds_and_any_other_run_does_not(
    data: str, request: pytest.FixtureRequest, tmp_path
) -> None:
    root = request.getfixturevalue(f"{data}_root")
    for asked in ("train", "val"):
        opened = open_split(of_sample(data), asked, root, tmp_path)
        assert (opened.split, len(opened)) == (SAMPLE_SPLITS[data], SAMPLES[data])
    missing = "val" if SAMPLE_SPLITS[data] == "train" else "train"
    with pytest.raises(RefusedInput):
        open_split(recipes.load(f"{data}-paper"), missing, root, tmp_path)


def test_what_a_run_is_scored_on_has_labels() -> None:
    assert scored_split(recipes.load("scenes-quick")) == "test"
    assert scored_split(recipes.load("cityscapes-paper")) == "val"


def first_of(cityscapes: Path, folder: Path, count: int) -> Path:
    """Return a folder of Cityscapes with the first images and their labels."""
    images = sorted(cityscapes.rglob("*_leftImg8bit.png"))[:count]
    names = tuple(path.name.removesuffix("leftImg8bit.png") for path in images)
    for path in cityscapes.rglob("*.*"):
        if path.name.startswith(names):
            place = folder / path.relative_to(cityscapes)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("data", PAPER)
def test_the_paper_s_recipe_runs_resumes_and_is_scored_on_the_real_samples(
    data: str, request: pytest.FixtureRequest, carnet_bench, tmp_path, weights_root
) -> None:
    file = weights_root / "mobilenet_v2_imagenet_timm.safetensors"
    root = request.getfixturevalue(f"{data}_root")
    if data == "cityscapes":
        root = first_of(root, tmp_path / "two", TRAINED_ON[data])
    changes = ["model=carnet-mobile", "batch=2", "crop=256", "smoke=true"]
    # the hub is not reached from a test, and from chance the paper's rates diverge at once
    changes += ["weights=mobilenet_v2_imagenet_timm", "clip_norm=5.0"]
    # 300 epochs of a sample would say nothing: two, validated once
    changes += ["validate_every=2", "stop_after=0"]
    words = [
        "train",
        f"{data}-paper",
        "--data-root",
        root,
        "--weights-file",
        file,
        "--threads",
        "1",
        "--json",
    ]
    words += ["--set", *changes]
    code, out, err = carnet_bench(*words, "epochs=2")
    assert code == 0, err
    first = json.loads(out)
    assert 0 <= first["values"]["miou"] <= 1
    (record,) = read_records(tmp_path, "accuracy")
    assert record.smoke
    assert record.identity.data.split == SAMPLE_SPLITS[data]

    # the same command again finds the finished run and the same matrix for every image
    code, out, err = carnet_bench(*words, "epochs=2")
    assert code == 0, err
    assert json.loads(out)["accuracy_record"] == first["accuracy_record"]
    (training,) = read_records(tmp_path, "training")
    assert training.values.steps == 2 * (TRAINED_ON[data] // 2)
    assert list((tmp_path / "runs").glob("*/checkpoints/*.ckpt"))
