"""How a run ends early, and what is said of a run that begins or resumes."""

import dataclasses
import os
import signal

import pytest
import torch

from bench.data.loader import Batch
from bench.errors import Interrupted, RefusedInput
from bench.train import checkpoint
from bench.train import loop as loops
from bench.train import run as runs
from bench.train.run_folder import same_start


def test_a_signal_in_the_last_epochs_validation_ends_the_run_which_then_resumes_to_the_same_end(
    tiny_recipe, settings_in, tmp_path
):
    recipe = dataclasses.replace(tiny_recipe, epochs=1)
    scored = []

    def stop_at_the_third_image(kind, done, *_):
        if kind == "val":
            scored.append(done)
            if done == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="SIGTERM") as stopped:
        runs.train(recipe, settings_in(tmp_path), stop_at_the_third_image)
    assert stopped.value.exit_code == 143
    assert scored[-1] <= 4
    said = []
    resumed = runs.train(recipe, settings_in(tmp_path), log=said.append)
    assert "at step 3 of 3" in said[0]
    whole = runs.train(recipe, settings_in(tmp_path / "whole"))
    assert resumed.record.values.final_weights_sha256 == whole.record.values.final_weights_sha256
    assert resumed.record.values.curve == whole.record.values.curve


def test_a_validation_that_fails_costs_no_step(small_trainer, tmp_path):
    def refuse(_network):
        raise RefusedInput("val_0001.png: truncated")

    with pytest.raises(RefusedInput, match="val_0001"):
        small_trainer(tmp_path, checkpoint_every_s=1e9).train(refuse)
    assert checkpoint.load(checkpoint.latest(tmp_path))["state"]["step"] == 3


def test_reading_that_fails_costs_no_step(small_trainer, tmp_path, monkeypatch):
    real = loops.epoch_batches

    def failing(*arguments, **options):
        for number, batch in enumerate(real(*arguments, **options)):
            if number == 2:
                raise RefusedInput("train_0007.png: truncated")
            yield batch

    monkeypatch.setattr(loops, "epoch_batches", failing)
    with pytest.raises(RefusedInput, match="train_0007"):
        small_trainer(tmp_path, checkpoint_every_s=1e9).train(None)
    assert checkpoint.load(checkpoint.latest(tmp_path))["state"]["step"] == 2


@pytest.mark.parametrize("labelled_epochs", [0, 1])
def test_an_epoch_without_a_labelled_pixel_is_refused(labelled_epochs, small_trainer, tmp_path, monkeypatch):
    real = loops.epoch_batches

    def unlabelled(*arguments, epoch, **options):
        for batch in real(*arguments, epoch=epoch, **options):
            if epoch < labelled_epochs:
                yield batch
            else:
                yield Batch(batch.image, torch.full_like(batch.label, 255), batch.names)

    monkeypatch.setattr(loops, "epoch_batches", unlabelled)
    with pytest.raises(RefusedInput, match=f"epoch {labelled_epochs + 1}"):
        small_trainer(tmp_path).train(None)


@pytest.mark.slow
def test_a_run_that_starts_anew_next_to_an_unfinished_one_says_what_differs(
    tiny_recipe, settings_in, tmp_path
):
    class KilledError(Exception):
        pass

    def kill(_kind, done, *_):
        if done == 2:
            raise KilledError

    settings = settings_in(tmp_path)
    for said, recipe, threads in (
        ([], tiny_recipe, 1),
        (["threads 1, now 2"], tiny_recipe, 2),
        (["encoder_lr 0.01, now 0.02"], dataclasses.replace(tiny_recipe, encoder_lr=0.02), 1),
        ([], tiny_recipe, 1),
    ):
        lines = []
        with pytest.raises(KilledError):
            runs.train(recipe, dataclasses.replace(settings, threads=threads), kill, lines.append)
        anew = [line for line in lines if line.startswith("starting anew")]
        assert len(anew) == len(said)
        assert all(text in line for text, line in zip(said, anew, strict=True))


def test_equal_initial_weights_of_two_seeds_are_reported(tmp_path):
    import json

    def identity(seed, digest, rate=0.1):
        recipe = {"name": "tiny", "seed": seed, "encoder_lr": rate}
        return {"recipe": recipe, "initial_weights_sha256": digest}

    for name, other in (("tiny-0", identity(0, "same")), ("tiny-1", identity(1, "same", 0.2))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(other))
    (tmp_path / "tiny-3").mkdir()
    (tmp_path / "tiny-3" / "run.json").write_text("{")
    said = []
    assert "of seed 0" in same_start(tmp_path / "tiny-2", identity(2, "same"), said.append)[0]
    assert len(said) == 1
    assert same_start(tmp_path / "tiny-2", identity(2, "another"), said.append) == ()
    assert same_start(tmp_path / "tiny-0", identity(0, "same"), said.append) == ()
