"""The published weights, run again: by the bench, and by a route that shares only the network with it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dense_matrices import dense
from PIL import Image
from torchmetrics.classification import MulticlassConfusionMatrix

from bench.data.catalogue import open_data
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import predictions
from bench.files import sha256_of_file
from bench.results.provenance import machine, versions
from bench.results.store import read_arrays, read_records
from bench.train.trained import open_weights
from bench.train.validation import EveryNth

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
PUBLISHED = sorted((ROOT / "results" / "weights").glob("*.safetensors"))
STEP = 8
"""Every eighth image is enough: a record holds the matrix of each. All 233 take minutes."""


def record_of(path):
    digest = sha256_of_file(path)
    (record,) = [each for each in read_records(ROOT, "accuracy") if each.identity.weights_sha256 == digest]
    return record


def test_there_are_published_weights():
    assert PUBLISHED


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_weights_give_the_matrices_of_their_record_by_the_bench_and_by_torchmetrics(
    path, camvid_root
):
    record = record_of(path)
    recorded = dense(read_arrays(record, ROOT))
    trained = open_weights(path, ROOT)
    method = trained.method(None)
    data = EveryNth(open_data("camvid", "test", camvid_root), 0, STEP)
    network = trained.network(method, data, CPU)
    files = [camvid_root / line.split()[1] for line in (camvid_root / "test.txt").read_text().splitlines()]
    assert (len(files), recorded.shape, len(data)) == (233, (233, 11, 11), 30)

    differences, before = [], torch.get_num_threads()
    torch.set_num_threads(record.identity.threads)  # another number of threads may round another way
    try:
        found = predictions(network, data, trained.statistics, CPU, method.sizes)
        for index, (name, prediction, label) in enumerate(found):
            ours = Confusion(11).update(prediction, label, name)
            theirs = MulticlassConfusionMatrix(11, ignore_index=11)  # as the files of labels have it
            read = torch.from_numpy(np.array(Image.open(files[STEP * index]))).long()
            theirs.update(prediction.long(), read)
            assert np.array_equal(ours, theirs.compute().numpy()), name
            differences.append(np.abs(ours - recorded[STEP * index]).sum())
    finally:
        torch.set_num_threads(before)

    assert len(differences) == 30
    assert sum(differences) <= 1e-4 * recorded[::STEP].sum()
    # another processor or torch may round a tie another way; on the recorded ones every pixel is the same
    on_record = record.provenance.machine.cpu, record.provenance.versions["torch"]
    if on_record == (machine()["cpu"], versions()["torch"]):
        assert sum(differences) == 0
