import dataclasses

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassConfusionMatrix

from bench.data.catalogue import open_data
from bench.errors import RefusedInput
from bench.evaluate.evaluate import predictions
from bench.evaluate.views import Views
from bench.results.store import read_arrays, read_records
from bench.train import run as runs
from bench.train.score import evaluate_run
from bench.train.weight_file import describe_weights, save_weights


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return {}


@pytest.fixture
def run(scored, tiny_recipe, settings_in, tmp_path_factory):
    """One epoch of the tiny recipe, evaluated on its test split."""
    if not scored:
        home = tmp_path_factory.mktemp("home")
        recipe = dataclasses.replace(tiny_recipe, epochs=1)
        scored["run"] = runs.train(recipe, settings_in(home))
        scored["settings"] = settings_in(home)
        scored["record"], scored["same"] = evaluate_run(scored["run"].folder, "test", scored["settings"])
    return scored


def test_a_second_evaluation_gives_the_same_matrix_and_no_second_record(run):
    assert not run["same"]
    before = read_records(run["settings"].home, "accuracy")
    again, same = evaluate_run(run["run"].folder, "test", run["settings"])
    assert same
    assert again == run["record"]
    assert read_records(run["settings"].home, "accuracy") == before


def test_torchmetrics_on_saved_predictions_gives_the_same_matrix(run):
    data = open_data("scenes", "test", count=12, size_hw=(64, 96))
    theirs = MulticlassConfusionMatrix(19, ignore_index=255)
    for _, prediction, label in predictions(
        run["run"].network, data, run["run"].statistics, torch.device("cpu")
    ):
        theirs.update(prediction[None], label[None].long())
    arrays = read_arrays(run["record"], run["settings"].home)
    ours = np.zeros((19, 19), np.int64)
    np.add.at(ours, (arrays["truth"], arrays["prediction"]), arrays["count"])
    assert np.array_equal(ours, theirs.compute().numpy())


def test_the_record_says_what_it_is_of(run):
    identity = run["record"].identity
    assert identity.model == "carnet-mobile"
    assert identity.data.split == "test"
    assert identity.protocol.ignore == 255
    assert identity.run.recipe.seed == 0
    assert run["record"].smoke
    assert "synthetic data" in run["record"].notes
    assert run["record"].values.images == 12
    assert 0 <= run["record"].values.miou <= 1


def test_weights_tell_what_they_are_of(run):
    described = describe_weights(run["run"].folder / "final.safetensors")
    assert described.stored_identity == run["run"].identity


def test_training_images_are_not_scored(run, tiny_recipe, settings_in, tmp_path):
    serious = dataclasses.replace(tiny_recipe, epochs=1, smoke=False, validate_every=0)
    trained = runs.train(serious, settings_in(tmp_path))
    with pytest.raises(RefusedInput, match="share 12 images"):
        evaluate_run(trained.folder, "train", settings_in(tmp_path))


def test_weights_of_no_run_are_refused(tmp_path, settings_in):
    path = tmp_path / "other.safetensors"
    save_weights(path, {"x": torch.zeros(2)})
    with pytest.raises(RefusedInput, match="identity is missing"):
        evaluate_run(path, "test", settings_in(tmp_path))
    with pytest.raises(RefusedInput, match="no such file"):
        evaluate_run(tmp_path / "nothing", "test", settings_in(tmp_path))


def test_another_protocol_is_another_record_and_says_so(run):
    home = run["settings"].home
    before = len(read_records(home, "accuracy"))
    flipped, same = evaluate_run(run["run"].folder, "test", run["settings"], views=Views(flip=True))
    assert not same
    assert flipped.id != run["record"].id
    assert flipped.identity.protocol.flip is True
    assert flipped.identity.protocol.averaged == "probabilities"
    assert "mean over mirror images" in flipped.notes
    windowed, _ = evaluate_run(
        run["run"].folder, "test", run["settings"], views=Views(window_hw=(64, 64), stride_hw=(32, 32))
    )
    assert windowed.identity.protocol.window == (64, 64)
    assert windowed.identity.protocol.stride == (32, 32)
    assert len(read_records(home, "accuracy")) == before + 2
    # neither is taken for the other's repetition
    again, same = evaluate_run(run["run"].folder, "test", run["settings"], views=Views(flip=True))
    assert same
    assert again == flipped


def test_the_plain_record_holds_the_protocol_of_the_first_records_and_nothing_else(run):
    assert set(run["record"].stored["identity"]["protocol"]) == {
        *("data", "split", "size", "scales", "flip", "ignore", "align_corners", "version")
    }
