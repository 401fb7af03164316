"""A run's protections that stand in one line each: signals, losses, workers and leftovers."""

import dataclasses
import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.data.loader import epoch_batches
from bench.data.statistics import HALF
from bench.data.transforms import TrainTransform
from bench.errors import BenchError, Interrupted
from bench.fabric import launch_fabric
from bench.train import checkpoint
from bench.train.failures import Diverged
from bench.train.loop import Trainer
from bench.train.recipe import from_table
from bench.train.stopping import stop_requests

TABLE = {
    "name": "tiny",
    "model": "carnet-mobile",
    "data": "camvid",
    "crop": [32, 32],
    "batch": 2,
    "epochs": 1,
    "encoder_lr": 0.01,
    "decoder_lr": 0.01,
}


@pytest.fixture
def python_takes_interrupts():
    """Python's own handler, where a shell started the tests in the background and so with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_second_signal_ends_the_process_at_once(python_takes_interrupts) -> None:
    with pytest.raises(KeyboardInterrupt), stop_requests() as request:  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        assert request.number == signal.SIGINT
        signal.raise_signal(signal.SIGINT)


class AtStep(nn.Module):
    """Cross-entropy that acts on the loss of one step, counted from 0."""

    def __init__(self, step: int, action) -> None:
        super().__init__()
        self.calls, self.step, self.action = 0, step, action

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> dict[str, torch.Tensor]:
        loss = nn.functional.cross_entropy(logits, label, ignore_index=255)
        self.calls += 1
        return {"total": self.action(loss) if self.calls == self.step + 1 else loss}


def test_a_run_that_is_stopped_between_checkpoints_keeps_the_step_that_it_finished(
    small_run, tmp_path: Path
) -> None:
    def stop(loss: torch.Tensor) -> torch.Tensor:
        signal.raise_signal(signal.SIGTERM)
        return loss

    trainer = small_run(AtStep(1, stop), checkpoint_every_s=1e9)
    with pytest.raises(Interrupted, match="step 2"):
        trainer.train(None)
    assert checkpoint.load(checkpoint.latest(tmp_path))["state"]["step"] == 2


def test_an_infinite_loss_with_a_finite_gradient_ends_the_run_before_the_update(
    small_run, tmp_path: Path
) -> None:
    trainer = small_run(AtStep(1, lambda loss: loss + torch.inf), checkpoint_every_s=0)
    with pytest.raises(Diverged, match="step 1"):
        trainer.train(None)
    saved = checkpoint.load(checkpoint.latest(tmp_path))
    assert saved["state"]["step"] == 1
    assert all(
        torch.equal(value, saved["network"][name]) for name, value in trainer.network.state_dict().items()
    )


def test_a_run_that_resumes_removes_what_a_killed_writer_left(small_run, tmp_path: Path) -> None:
    # no process has the largest id of all
    dead, own = (tmp_path / f".step.ckpt.{pid}.x1.tmp" for pid in (2**22 + 1, os.getpid()))
    for path in (dead, own):
        path.write_bytes(b"half")
    small_run(AtStep(99, None)).resume()
    assert not dead.exists()
    assert own.exists()


@pytest.fixture
def small_run(toy_data, tmp_path: Path):
    """Build a trainer of one convolution on six toy images: batch 2, three steps an epoch."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Conv2d(3, 4, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.encoder(image)

    def build(criterion: nn.Module, **changes: object) -> Trainer:
        recipe = dataclasses.replace(from_table(TABLE, "tiny"), **changes)
        return Trainer(
            recipe=recipe,
            network=Net(),
            criterion=criterion,
            data=toy_data,
            statistics=HALF,
            fabric=launch_fabric("cpu"),
            folder=tmp_path,
            run_key="key",
        )

    return build


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_interrupt_from_the_terminal_does_not_reach_the_data_workers(
    toy_data, monkeypatch, python_takes_interrupts
) -> None:
    read = type(toy_data).read

    def interrupted(self, index: int):
        os.kill(os.getpid(), signal.SIGINT)
        return read(self, index)

    monkeypatch.setattr(type(toy_data), "read", interrupted)
    try:
        got = list(epoch_batches(toy_data, TrainTransform((16, 24)), 2, 3, 1, workers=1))
    except (KeyboardInterrupt, BenchError) as error:
        pytest.fail(f"the worker ended: {error!r}")
    assert len(got) == 3
