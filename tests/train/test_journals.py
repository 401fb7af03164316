"""Journals: what TensorBoard, Weights & Biases and MLflow hold of a run, and of a run that was cut."""

import dataclasses
import json
import struct
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bench.errors import UsageError
from bench.train import journals
from bench.train import run as runs
from bench.train.schedule import lr_scale

KEY = "0123456789abcdef" * 4


def scalars(folder):
    (file,) = (folder / "tensorboard").iterdir()
    events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def curve_of(losses, curve, recipe, epoch_steps):
    """Return what a journal must hold of a run."""
    scale = [lr_scale(recipe, step, epoch_steps) for step in range(len(losses))]
    return {
        "train/loss": list(enumerate(losses, start=1)),
        "train/encoder_lr": [(step, recipe.encoder_lr * each) for step, each in enumerate(scale, start=1)],
        "train/decoder_lr": [(step, recipe.decoder_lr * each) for step, each in enumerate(scale, start=1)],
        "epoch": [(entry["step"], entry["epoch"]) for entry in curve],
        "train/epoch_loss": [(entry["step"], entry["loss"]) for entry in curve],
        "val/miou": [(entry["step"], entry["val_miou"]) for entry in curve],
    }


def assert_holds(found, expected):
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert [step for step, _ in found[name]] == [step for step, _ in rows], name
        # TensorBoard keeps float32
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in rows], rel=1e-6)


class CutError(Exception):
    """Stands for a kill."""


@pytest.fixture
def cut_run(small_trainer):
    """Train two epochs of three steps with journals, cut in step 5 before its checkpoint, and resume.

    Returns what the journals must hold; step 5 was done twice.
    """

    def run(folder, *names):
        def trainer():
            made = small_trainer(folder / "checkpoints", epochs=2)
            made.resume()
            identity = {"model": "small", "recipe": made.recipe.identity()}
            rows = journals.rows_of(made.state, made.recipe, made.epoch_steps)
            made.journal = journals.open_journal(folder, identity, KEY, names, rows)
            return made

        def cut(done, _total, _loss):
            if done == 5:
                raise CutError

        first = trainer()
        with pytest.raises(CutError):
            first.train(lambda _: 0.25, cut)
        first.journal.close()
        second = trainer()
        assert second.state.step == 4
        second.train(lambda _: 0.75)
        second.journal.close()
        state = second.state
        assert [entry["val_miou"] for entry in state.curve] == [0.25, 0.75]
        return curve_of(state.losses, state.curve, second.recipe, second.epoch_steps)

    return run


def test_every_run_has_an_event_file_with_loss_rates_and_score(tiny_recipe, settings_in, tmp_path):
    recipe = dataclasses.replace(tiny_recipe, batch=6, epochs=2)
    run = runs.train(recipe, settings_in(tmp_path))
    lines = (run.folder / "losses.csv").read_text().splitlines()[1:]
    losses = [float(line.split(",")[1]) for line in lines]
    assert_holds(scalars(run.folder), curve_of(losses, run.record.stored["values"]["curve"], recipe, 2))


def test_a_resumed_run_has_every_step_once_in_its_event_file(cut_run, tmp_path):
    expected = cut_run(tmp_path)
    assert_holds(scalars(tmp_path), expected)


def test_what_is_written_can_be_seen_once_its_checkpoint_is(small_trainer, tmp_path):
    trainer = small_trainer(tmp_path / "checkpoints", epochs=2)
    identity = {"recipe": trainer.recipe.identity()}
    trainer.journal = journals.open_journal(tmp_path, identity, KEY, (), iter(()))
    trainer.train(lambda _: 0.5)
    assert len(scalars(tmp_path)["train/loss"]) == 6
    assert len(scalars(tmp_path)["val/miou"]) == 2
    trainer.journal.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what MLflow's own libraries deprecate
def test_mlflow_holds_the_curve_of_a_resumed_run_once(cut_run, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="the extra 'log' is not installed")
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    expected = cut_run(tmp_path, "mlflow")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "carnet-bench"]
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["recipe.batch"] == "2"
    held = {
        name: [(metric.step, metric.value) for metric in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }
    assert_holds(held, expected)


def test_wandb_holds_the_curve_of_a_resumed_run_once_offline(cut_run, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra 'log' is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    expected = cut_run(tmp_path, "wandb")
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    (file,) = folder.glob("run-*.wandb")
    assert_holds(wandb_scalars(file), expected)


def wandb_scalars(file):
    """Read a .wandb file: a log in 32 KiB blocks of (checksum, length, kind, bytes), each a message."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, message, held = file.read_bytes(), 7, b"", {}
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack("<HB", content[place + 4 : place + 7])
        message += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(message)
            message = b""
            for item in record.history.item:
                name = item.key or "/".join(item.nested_key)
                if not name.startswith("_"):
                    row = (record.history.step.num, json.loads(item.value_json))
                    held.setdefault(name, []).append(row)
    return held


def test_an_unknown_journal_lists_what_there_is():
    with pytest.raises(UsageError, match="no journal 'visdom'; choose from wandb, mlflow"):
        journals.require_journals(["visdom"])


def test_a_journal_whose_package_is_missing_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="wandb") as caught:
        journals.require_journals(["wandb"])
    assert "carnet-bench[log]" in caught.value.then
