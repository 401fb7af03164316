"""The published weights, scored again: by the bench, and by a route that shares only the net with it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.classification import MulticlassConfusionMatrix

from bench.data.catalogue import open_data
from bench.data.statistics import Statistics
from bench.evaluate.evaluate import predictions
from bench.files import sha256_of_file
from bench.models import resolve
from bench.results.provenance import machine, versions
from bench.results.store import read_arrays, read_records, records_folder
from bench.train.run import Settings
from bench.train.score import evaluate_run
from bench.train.weight_file import describe_weights, fit, load_weights

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "results" / "weights").glob("*.safetensors"))


def record_of(path):
    digest = sha256_of_file(path)
    (record,) = [each for each in read_records(ROOT, "accuracy") if each.identity.weights_sha256 == digest]
    return record


def computes_alike(record):
    """Say whether this processor and torch are the record's: others' kernels may round a tie another way."""
    recorded = record.provenance
    same_torch = versions()["torch"] == recorded["versions"]["torch"]
    return same_torch and machine()["cpu"] == recorded["machine"]["cpu"]


@pytest.fixture
def as_recorded():
    """Set torch's threads to a record's: another number may round another way."""
    before = torch.get_num_threads()
    yield lambda record: torch.set_num_threads(record.identity.threads)
    torch.set_num_threads(before)


def test_there_are_published_weights():
    assert PUBLISHED


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_weights_score_what_their_record_says(path, camvid_root, tmp_path, as_recorded):
    record = record_of(path)
    as_recorded(record)
    shutil.copytree(records_folder(ROOT, "accuracy"), records_folder(tmp_path, "accuracy"))
    threads = record.identity.threads
    again, same = evaluate_run(path, "test", Settings(tmp_path, camvid_root, device="cpu", threads=threads))
    assert again.values.miou == pytest.approx(record.values.miou, abs=1e-4)
    if computes_alike(record):
        assert same
        assert again == record


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_torchmetrics_over_saved_predictions_gives_the_recorded_matrix(
    path, camvid_root, tmp_path, as_recorded
):
    record = record_of(path)
    as_recorded(record)
    description = describe_weights(path)
    network = resolve(record.identity.model).build(11, **description["identity"]["recipe"]["model_options"])
    fit(network, load_weights(path), path)
    network.to(memory_format=torch.channels_last)
    data = open_data("camvid", "test", camvid_root)
    statistics = Statistics(*(tuple(description["statistics"][key]) for key in ("mean", "std")))
    for name, prediction, _ in predictions(network, data, statistics, torch.device("cpu")):
        Image.fromarray(prediction.to(torch.uint8).numpy()).save(tmp_path / f"{name}.png")

    theirs = MulticlassConfusionMatrix(11, ignore_index=11)
    for line in (camvid_root / "test.txt").read_text().splitlines():
        _, label_name = line.split()
        label = torch.from_numpy(np.array(Image.open(camvid_root / label_name))).long()
        saved = np.array(Image.open(tmp_path / Path(label_name).name))
        theirs.update(torch.from_numpy(saved).long(), label)

    arrays = read_arrays(record, ROOT)
    ours = np.zeros((11, 11), np.int64)
    np.add.at(ours, (arrays["truth"], arrays["prediction"]), arrays["count"])
    difference = np.abs(ours - theirs.compute().numpy()).sum()
    if computes_alike(record):
        assert difference == 0
    else:
        assert difference <= 1e-4 * ours.sum()
