"""A run that is killed, stopped or spoiled: what remains, and what the resumed run gives."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.data.statistics import HALF
from bench.errors import Interrupted, RefusedInput
from bench.fabric import launch_fabric
from bench.results.store import read_records
from bench.train import checkpoint
from bench.train import run as runs
from bench.train.failures import Diverged
from bench.train.loop import Trainer
from carnet.fast.training.library import library

KILLED_AT = 5  # of 9 steps, in the middle of the second epoch
ROOT = Path(__file__).parents[2]

KILLED_RUN = """
import json, os, signal, sys
from pathlib import Path
from bench.train.recipe import from_table
from bench.train.run import train
from bench.train.settings import Settings

def kill_at(kind, done, *_):
    if kind == "train" and done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

command = ("carnet-bench", "train", "tiny")
settings = Settings(Path(sys.argv[2]), device="cpu", threads=1, command=command)
train(from_table(json.loads(sys.argv[1]), "tiny"), settings, kill_at)
"""
"""``train`` with a recipe in a home folder, killed at a step."""


@pytest.fixture(scope="module")
def undisturbed():
    """What the tiny recipe gives without a disturbance; the first test that asks fills it."""
    return {}


def outcome_of(run):
    return (run.folder / "losses.csv").read_text(), run.record.values.final_weights_sha256


def plain(undisturbed, recipe, settings, tmp_path_factory):
    if not undisturbed:
        undisturbed["outcome"] = outcome_of(runs.train(recipe, settings(tmp_path_factory.mktemp("plain"))))
    return undisturbed["outcome"]


def test_a_killed_run_resumes_to_the_same_losses_and_weights_bit_for_bit(
    tiny_recipe, settings_in, tmp_path, tmp_path_factory, undisturbed
):
    expected = plain(undisturbed, tiny_recipe, settings_in, tmp_path_factory)

    # a process of its own, not a fork: autograd refuses to run in the fork of a process that has used it
    recipe = json.dumps(dataclasses.asdict(tiny_recipe))
    arguments = [sys.executable, "-c", KILLED_RUN, recipe, str(tmp_path), str(KILLED_AT)]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "runs").iterdir()
    assert not (folder / "final.safetensors").exists()

    run = runs.train(tiny_recipe, settings_in(tmp_path))
    # the kill came before the checkpoint of its own step
    assert run.record.provenance.resumed_at_step == KILLED_AT - 1
    assert run.record.provenance.c_compiler == getattr(library(), "compiler", None)
    assert outcome_of(run) == expected
    assert run.record.values.steps == 9
    assert [entry.epoch for entry in run.record.values.curve] == [1, 2, 3]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGINT])
def test_a_stopped_run_finishes_its_step_and_resumes_to_the_same_end(
    number, tiny_recipe, settings_in, tmp_path, *, tmp_path_factory, undisturbed
):
    expected = plain(undisturbed, tiny_recipe, settings_in, tmp_path_factory)

    def stop_at_the_end_of_an_epoch(kind, done, _total, _loss):
        if kind == "train" and done == 6:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match=rf"{number.name} after step 6") as stopped:
        runs.train(tiny_recipe, settings_in(tmp_path), stop_at_the_end_of_an_epoch)
    assert stopped.value.exit_code == 128 + number
    run = runs.train(tiny_recipe, settings_in(tmp_path))
    assert outcome_of(run) == expected
    assert [entry.epoch for entry in run.record.values.curve] == [1, 2, 3]


def test_a_finished_run_is_not_trained_again(tiny_recipe, settings_in, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, epochs=1)
    first = runs.train(recipe, settings_in(tmp_path))
    steps = []
    second = runs.train(recipe, settings_in(tmp_path), lambda kind, done, *_: steps.append((kind, done)))
    assert steps == []
    assert second.record == first.record
    assert len(read_records(tmp_path, "training")) == 1


def test_a_run_folder_that_describes_another_run_is_refused(tiny_recipe, settings_in, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, epochs=1)
    run = runs.train(recipe, settings_in(tmp_path))
    path = run.folder / "run.json"
    described = json.loads(path.read_text())
    described["recipe"]["encoder_lr"] = 7.0
    path.write_text(json.dumps(described))
    with pytest.raises(RefusedInput, match=r"run\.json: describes another run"):
        runs.train(recipe, settings_in(tmp_path))


class TinyNet(nn.Module):
    """A convolution and a batch norm: enough to be poisoned."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Conv2d(3, 4, 1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, image):
        return self.bn(self.encoder(image))


class PoisonedAt(nn.Module):
    """Cross-entropy that turns to NaN at one step, in the loss or only in its gradient."""

    def __init__(self, step, in_gradient):
        super().__init__()
        self.calls, self.step, self.in_gradient = 0, step, in_gradient

    def forward(self, logits, label):
        loss = nn.functional.cross_entropy(logits, label, ignore_index=255)
        if self.calls == self.step:
            # 0 * sqrt(0) is 0 and its derivative 0 * inf
            loss = loss + (0 * logits.sum() * 0).sqrt() if self.in_gradient else loss * torch.nan
        self.calls += 1
        return {"total": loss}


def tiny_trainer(recipe, data, folder, criterion, run_key="key"):
    torch.manual_seed(0)
    return Trainer(
        recipe=dataclasses.replace(recipe, batch=2, crop=(32, 32)),
        network=TinyNet(),
        criterion=criterion,
        data=data,
        statistics=HALF,
        fabric=launch_fabric("cpu"),
        folder=folder,
        run_key=run_key,
    )


@pytest.mark.parametrize("in_gradient", [False, True])
def test_a_loss_or_gradient_that_is_not_finite_stops_before_the_update(
    in_gradient, tiny_recipe, toy_data, tmp_path
):
    trainer = tiny_trainer(tiny_recipe, toy_data, tmp_path, PoisonedAt(5, in_gradient))
    with pytest.raises(Diverged, match="step 5"):
        trainer.train(None)
    newest = checkpoint.load(checkpoint.latest(tmp_path))
    assert newest["state"]["step"] == 5
    assert all(torch.isfinite(tensor).all() for tensor in newest["network"].values())


def test_a_diverged_run_keeps_a_record_that_is_not_valid(tiny_recipe, settings_in, tmp_path):
    wild = dataclasses.replace(tiny_recipe, encoder_lr=1e30, decoder_lr=1e30, clip_norm=0.0)
    with pytest.raises(Diverged):
        runs.train(wild, settings_in(tmp_path))
    (record,) = read_records(tmp_path, "training")
    assert not record.valid
    assert record.reasons[0].startswith("diverged: step ")
    assert record.values.final_weights_sha256 is None


@pytest.mark.parametrize("key", ["run_key", "network", "optimiser", "rng", "state"])
def test_a_checkpoint_that_lacks_a_part_is_not_resumed(key, tiny_recipe, toy_data, tmp_path):
    trainer = tiny_trainer(tiny_recipe, toy_data, tmp_path / "whole", PoisonedAt(-1, False))
    trainer.train(None)
    whole = checkpoint.load(checkpoint.latest(tmp_path / "whole"))
    del whole[key]
    checkpoint.save(tmp_path / "part", 9, whole)
    other = tiny_trainer(tiny_recipe, toy_data, tmp_path / "part", PoisonedAt(-1, False))
    with pytest.raises(RefusedInput, match=f"no {key} in the checkpoint"):
        other.resume()


def test_a_checkpoint_of_another_run_is_not_resumed(tiny_recipe, toy_data, tmp_path):
    tiny_trainer(tiny_recipe, toy_data, tmp_path, PoisonedAt(-1, False)).train(None)
    other = tiny_trainer(tiny_recipe, toy_data, tmp_path, PoisonedAt(-1, False), run_key="another")
    with pytest.raises(RefusedInput, match="of run key, this is run another"):
        other.resume()


def test_a_frozen_encoder_keeps_its_batch_norm(tiny_recipe, settings_in, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, epochs=1, freeze_encoder_bn=True, weight_decay=0.1)
    prepared = runs.prepare(recipe, settings_in(tmp_path))
    before = {name: t.clone() for name, t in prepared.initial.network.state_dict().items()}
    trainer = runs.trainer_of(prepared, tmp_path / "checkpoints", "key")
    trainer.train(None)
    after = trainer.network.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert not any(".bn" in name for name in changed if name.startswith("encoder."))
    assert "global_branch.squeeze_bn.running_mean" in changed
    assert "encoder.conv_stem.weight" in changed
