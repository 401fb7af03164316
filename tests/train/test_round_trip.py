"""Train, save, load, predict: the file's network answers what the trained one answered."""

import dataclasses

import pytest
import torch

from bench.data.catalogue import open_data
from bench.evaluate.evaluate import predictions
from bench.models import resolve
from bench.results.store import read_records
from bench.train import run as runs
from bench.train.failures import OutOfMemory
from bench.train.initial import build_seeded
from bench.train.recipe import from_table
from bench.train.weight_file import describe_weights, fit, load_weights


def answers(network, run, data):
    found = predictions(network, data, run.statistics, torch.device("cpu"))
    return torch.stack([prediction for _, prediction, _ in found])


@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.5, "selection": "best"}], ids=["plain", "mean"])
def test_weights_read_back_answer_as_the_trained_network_does(tiny_recipe, settings_in, tmp_path, changes):
    recipe = dataclasses.replace(tiny_recipe, epochs=2, batch=6, **changes)
    run = runs.train(recipe, settings_in(tmp_path))
    path = run.folder / "final.safetensors"
    described = from_table(describe_weights(path).stored_identity["recipe"], path.name)
    assert dataclasses.replace(described, checkpoint_every_s=0) == recipe
    data = open_data("scenes", "test", None, home=tmp_path, count=4, size_hw=(64, 96))
    network = build_seeded(described, resolve(described.model), data)
    network.to(memory_format=torch.channels_last)
    trained = answers(run.network, run, data)
    # a network that was not trained answers otherwise, so that the comparison says something
    assert not torch.equal(answers(network, run, data), trained)
    fit(network, load_weights(path), path)
    assert torch.equal(answers(network, run, data), trained)


def test_a_run_that_did_not_fit_keeps_a_record_that_says_so(tiny_recipe, settings_in, tmp_path, monkeypatch):
    build = runs.build_criterion

    def full(*arguments):
        criterion = build(*arguments)
        criterion.register_forward_pre_hook(lambda *_: torch.empty(2**50))  # 4 PiB: torch's own error
        return criterion

    monkeypatch.setattr(runs, "build_criterion", full)
    with pytest.raises(OutOfMemory):
        runs.train(tiny_recipe, settings_in(tmp_path))
    (record,) = read_records(tmp_path, "training")
    assert not record.valid
    assert record.reasons[0].startswith("oom: carnet-mobile, step 0: out of memory with batch 4 of 64x96")
    assert (record.values.steps, record.values.final_weights_sha256) == (0, None)
