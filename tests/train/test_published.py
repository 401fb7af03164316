"""The published weights, scored again: by the bench, and by a route that shares only the net with it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.classification import MulticlassConfusionMatrix

from bench.evaluate import evaluate
from bench.evaluate.evaluate import predictions
from bench.files import sha256_of_file
from bench.results.provenance import machine, versions
from bench.results.store import read_arrays, read_records, records_folder
from bench.train.score import evaluate_run
from bench.train.settings import Settings

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "results" / "weights").glob("*.safetensors"))


def record_of(path):
    digest = sha256_of_file(path)
    (record,) = [each for each in read_records(ROOT, "accuracy") if each.identity.weights_sha256 == digest]
    return record


def test_there_are_published_weights():
    assert PUBLISHED


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_weights_score_what_their_record_says_by_the_bench_and_by_torchmetrics(
    path, camvid_root, tmp_path, monkeypatch
):
    record = record_of(path)
    shutil.copytree(records_folder(ROOT, "accuracy"), records_folder(tmp_path, "accuracy"))
    saved = tmp_path / "saved"
    saved.mkdir()

    def saving(*arguments, **options):
        for name, prediction, label in predictions(*arguments, **options):
            Image.fromarray(prediction.to(torch.uint8).numpy()).save(saved / f"{name}.png")
            yield name, prediction, label

    monkeypatch.setattr(evaluate, "predictions", saving)
    threads, before = record.identity.threads, torch.get_num_threads()
    try:  # another number of threads may round another way
        again, same = evaluate_run(
            path, "test", Settings(tmp_path, camvid_root, device="cpu", threads=threads)
        )
    finally:
        torch.set_num_threads(before)

    theirs = MulticlassConfusionMatrix(11, ignore_index=11)
    for line in (camvid_root / "test.txt").read_text().splitlines():
        _, label_name = line.split()
        label = torch.from_numpy(np.array(Image.open(camvid_root / label_name))).long()
        picture = np.array(Image.open(saved / Path(label_name).name))
        theirs.update(torch.from_numpy(picture).long(), label)
    arrays = read_arrays(record, ROOT)
    ours = np.zeros((11, 11), np.int64)
    np.add.at(ours, (arrays["truth"], arrays["prediction"]), arrays["count"])
    difference = np.abs(ours - theirs.compute().numpy()).sum()

    assert again.values.miou == pytest.approx(record.values.miou, abs=1e-4)
    assert difference <= 1e-4 * ours.sum()
    # another processor or torch may round a tie another way; on the recorded ones every pixel is the same
    recorded = record.provenance.machine.cpu, record.provenance.versions["torch"]
    if recorded == (machine()["cpu"], versions()["torch"]):
        assert same
        assert again == record
        assert difference == 0
