"""Data workers that are stopped, killed, starved or signalled: noticed in time, and no step is lost."""

import multiprocessing
import os
import signal
import time

import pytest

from bench.data.loader import epoch_batches, epoch_order
from bench.data.transforms import TrainTransform
from bench.errors import BenchError, NotMeasured
from bench.train import checkpoint
from bench.train import loop as loops
from bench.train.failures import memory_named

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
TRANSFORM = TrainTransform((16, 24))


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)


def reading(monkeypatch, data, action):
    """Let the data do something in the process that reads."""
    read = type(data).read

    def acting(self, index):
        action(index)
        return read(self, index)

    monkeypatch.setattr(type(data), "read", acting)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_whole_group_leaves_the_workers_to_the_parent(number, toy_data, monkeypatch):
    reading(monkeypatch, toy_data, lambda _: os.kill(os.getpid(), number))
    assert len(list(epoch_batches(toy_data, TRANSFORM, 2, 3, 1, workers=1))) == 3


def test_a_stopped_worker_is_noticed_within_the_timeout_and_leaves_no_process(toy_data, monkeypatch):
    parent, stopped = os.getpid(), epoch_order(6, 3, 1)[2]

    def stop(index):
        if index == stopped and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGSTOP)

    reading(monkeypatch, toy_data, stop)
    with pytest.raises(BenchError, match="within 1 s"):
        list(epoch_batches(toy_data, TRANSFORM, 2, 3, 1, workers=1, timeout_s=1.0))
    assert multiprocessing.active_children() == []


def test_a_worker_stopped_after_it_sent_its_batch_is_noticed_too(toy_data):
    epoch = epoch_batches(toy_data, TRANSFORM, 2, 3, 1, workers=1, timeout_s=2.0)
    next(epoch)
    (worker,) = epoch.gi_frame.f_locals["items"]._workers
    time.sleep(0.3)  # the next batch is in the queue; its tensors are still the worker's to send
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(BenchError, match="epoch 1 awaits"):
        next(epoch)
    assert not worker.is_alive()


def test_a_worker_killed_during_a_step_does_not_end_that_step(small_run, tmp_path, monkeypatch):
    real = loops.epoch_batches
    workers = []

    def with_a_worker(*arguments, **options):
        epoch = real(*arguments, **{**options, "workers": 1})
        for batch in epoch:
            workers[:] = epoch.gi_frame.f_locals["items"]._workers
            yield batch

    monkeypatch.setattr(loops, "epoch_batches", with_a_worker)
    done = []

    def kill(step, *_):
        done.append(step)
        workers[0].kill()
        os.waitid(os.P_PID, workers[0].pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet collected

    with pytest.raises(BenchError, match="died"):
        small_run(checkpoint_every_s=1e9).train(None, kill)
    assert checkpoint.load(checkpoint.latest(tmp_path))["state"]["step"] == done[-1] >= 1


def test_too_little_memory_in_a_worker_is_one_line(toy_data, monkeypatch):
    def no_memory(_):
        raise MemoryError("cannot allocate 8 GiB")

    reading(monkeypatch, toy_data, no_memory)
    with pytest.raises(NotMeasured, match="8 GiB"), memory_named("training"):
        list(epoch_batches(toy_data, TRANSFORM, 2, 3, 1, workers=1))


@pytest.mark.parametrize(
    ("error", "is_named"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("shape mismatch"), False),
    ],
)
def test_only_errors_of_memory_are_named_so(error, is_named):
    with pytest.raises(NotMeasured if is_named else RuntimeError) as caught, memory_named("scoring"):
        raise error
    assert str(caught.value).startswith("scoring" if is_named else "shape")


@pytest.fixture
def small_run(toy_data, tmp_path):
    """Build a trainer of one convolution on six toy images: batch 2, three steps an epoch."""
    import dataclasses

    from torch import nn

    from bench.data.statistics import HALF
    from bench.fabric import launch_fabric
    from bench.train.recipe import from_table

    table = {"name": "tiny", "model": "carnet-mobile", "data": "camvid", "crop": [32, 32], "batch": 2}
    table |= {"epochs": 1, "encoder_lr": 0.01, "decoder_lr": 0.01}

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Conv2d(3, 4, 1)

        def forward(self, image):
            return self.encoder(image)

    class Loss(nn.Module):
        def forward(self, logits, label):
            return {"total": nn.functional.cross_entropy(logits, label, ignore_index=255)}

    def build(**changes):
        return loops.Trainer(
            recipe=dataclasses.replace(from_table(table, "tiny"), **changes),
            network=Net(),
            criterion=Loss(),
            data=toy_data,
            statistics=HALF,
            fabric=launch_fabric("cpu"),
            folder=tmp_path,
            run_key="key",
        )

    return build
