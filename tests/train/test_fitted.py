"""The recipe ``default`` fits any data set: crop by the images' size, epochs by their number or by time."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from drawn_folders import write_described, write_png, write_side_by_side

from bench.data.catalogue import entry
from bench.data.own.init import init
from bench.errors import RefusedInput
from bench.experiments import train_budget
from bench.experiments.train_budget import StepCost
from bench.results.store import read_records
from bench.train import recipe as recipes
from bench.train.fitted import crop_of


@pytest.mark.parametrize(
    ("size_hw", "crop"),
    [
        ((360, 480), (256, 320)),  # 240x320, and 240 is half way between 224 and 256
        ((64, 96), (64, 64)),
        ((30, 30), (64, 64)),
        # 683x1365 has 3.56 times the area of 512x512: 362x724
        ((1024, 2048), (352, 736)),
        ((2048, 1024), (736, 352)),
    ],
)
def test_the_crop_is_two_thirds_of_the_image_in_multiples_of_32_and_never_huge(toy_data, size_hw, crop):
    class Sized(type(toy_data)):
        def read(self, index):
            return SimpleNamespace(image=np.zeros((3, *size_hw)))

    assert crop_of(Sized()) == crop


def test_the_middle_size_of_the_images_counts(tmp_path):
    path = write_described(tmp_path)
    for place in range(2):
        write_png(tmp_path / "images" / "train" / f"train_{place:03d}.jpg", np.zeros((900, 900, 3), np.uint8))
    assert recipes.load("default", {"data": str(path)}).crop == (64, 64)


def test_default_takes_crop_epochs_and_validations_from_the_data(tmp_path):
    path = write_described(tmp_path)
    found = recipes.load("default", {"data": str(path), "model": "enet"})
    # 6 images are one step of 6: 1952 steps are 1952 epochs, validated eight times
    assert (found.data, found.crop, found.epochs, found.validate_every) == ("drawn", (64, 64), 1952, 244)
    assert (found.weights, found.encoder_lr) == ("none", 0.01)
    changed = recipes.load("default", {"data": str(path), "epochs": 8, "crop": [32, 32], "batch": 3})
    assert (changed.epochs, changed.validate_every, changed.crop) == (8, 1, (32, 32))


def test_without_a_validation_split_nothing_is_validated(tmp_path):
    init(write_side_by_side(tmp_path))
    found = recipes.load("default", {"data": str(tmp_path)})
    assert (entry(str(tmp_path)).splits, found.validate_every) == (("train",), 0)


def test_default_of_data_that_is_not_here_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("CARNET_DATA", raising=False)
    with pytest.raises(RefusedInput, match="camvid: no such folder"):
        recipes.load("default", {"data": "camvid"}, home=tmp_path)


def test_train_chooses_the_epochs_that_fit_the_budget_and_takes_up_the_same_run(
    carnet_bench, tmp_path, monkeypatch
):
    path = write_described(tmp_path / "mine")
    # 0.9 x 120 s, less 2 validation images 1 + 4 times, over 2 steps of 20 s: 2 epochs
    monkeypatch.setattr(train_budget, "measure_step", lambda *_: StepCost(step_s=20.0, image_s=1.0))
    words = ("train", "default", "--data", path, "--model", "enet", "--budget", "2m", "--threads", 1)
    more = ("--set", "batch=3", "--json")
    code, out, err = carnet_bench(*words, *more)
    assert (code, "2 epochs fit the budget" in err) == (0, True)
    (trained,) = read_records(tmp_path, "training")
    assert (trained.values.epochs, trained.identity.recipe.name) == (2, "default")
    again, out_again, _ = carnet_bench(*words, *more)
    assert (again, json.loads(out_again)["run"]) == (0, json.loads(out)["run"])
    assert len(read_records(tmp_path, "training")) == 1


@pytest.mark.parametrize("other", [("--set", "epochs=3"), ("--devices", 2)])
def test_a_budget_and_what_contradicts_it_are_refused(carnet_bench, other):
    code, _, err = carnet_bench("train", "scenes-quick", "--budget", "1m", *other)
    assert code == 2
    assert "--budget" in err
