"""A step recorded as a CUDA graph trains as the eager one does, with a stand-in for torch.cuda."""

from __future__ import annotations

import contextlib
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput, UsageError
from bench.train.kernels import VARIABLE, records_steps
from bench.train.step_graph import StepGraph


class Recorder:
    """The part of torch.cuda that records a graph; a replay computes anew into the recorded tensors."""

    def __init__(self) -> None:
        self.step: Any = None
        self.replays = 0

    def Stream(self) -> Any:  # noqa: N802
        return SimpleNamespace(wait_stream=lambda _: None)

    current_stream = Stream

    def stream(self, _: Any) -> Any:
        return contextlib.nullcontext()

    graph = stream

    def CUDAGraph(self) -> Any:  # noqa: N802
        return SimpleNamespace(replay=self.replay)

    def replay(self) -> None:
        self.replays += 1
        step = self.step
        for parameter, _ in step._written:
            parameter.grad = None
        step._loss.copy_(step._gradients(step._image, step._label))
        for parameter, gradient in step._written:
            gradient.copy_(parameter.grad)
            parameter.grad = None  # a replay writes memory and gives no tensor to a parameter


def recorded(trainer: Any) -> Recorder:
    """Let a trainer's steps be recorded, and return what records them."""
    cuda = Recorder()
    cuda.step = StepGraph(trainer.update._of_whole_batch, trainer.model, cuda=cuda)
    trainer.update.__dict__["_graph"] = cuda.step
    return cuda


@pytest.mark.parametrize("clip_norm", [0.0, 0.125])
def test_a_run_of_replayed_steps_ends_in_the_bits_of_an_eager_one(
    small_trainer, small_net, tmp_path, clip_norm
):
    eager = small_trainer(tmp_path / "eager", network=small_net(dropout=0.0), clip_norm=clip_norm)
    graph = small_trainer(tmp_path / "graph", network=small_net(dropout=0.0), clip_norm=clip_norm)
    cuda = recorded(graph)
    assert graph.train(None).losses == eager.train(None).losses
    assert cuda.replays == graph.state.step == 9
    wanted = eager.network.state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in graph.network.state_dict().items())


def test_recording_moves_no_statistics_and_no_random_numbers() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def gradients(image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        loss = network(image).mean()
        loss.backward()
        return loss.detach()

    class Recording(Recorder):
        """Does not compute what it records, as a GPU does not."""

        def graph(self, _: Any) -> Any:
            return torch.random.fork_rng(devices=[])

        def replay(self) -> None:
            pass

    step = StepGraph(gradients, network, cuda=Recording())
    image, label = torch.rand(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64)
    random = torch.get_rng_state()
    step(image, label)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_step_that_waits_for_the_device_is_refused() -> None:
    class Refuses(Recorder):
        def graph(self, _: Any) -> Any:
            raise RuntimeError("operation not permitted when stream is capturing")

    step = StepGraph(lambda image, label: image.sum(), nn.Conv2d(3, 4, 1), cuda=Refuses())
    with pytest.raises(RefusedInput, match=r"Conv2d: its step cannot be recorded.*not permitted"):
        step(torch.ones(1, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64))


def on(device: str, world_size: int = 1) -> Any:
    return SimpleNamespace(device=torch.device(device), world_size=world_size)


def test_steps_are_recorded_where_the_variable_says_so(tiny_recipe, monkeypatch):
    assert not records_steps(tiny_recipe, on("cuda"))
    monkeypatch.setenv(VARIABLE, "graph")
    assert records_steps(tiny_recipe, on("cuda"))


@pytest.mark.parametrize(
    ("device", "world_size", "changes", "named"),
    [
        ("cpu", 1, {}, "device cpu"),
        ("cuda", 2, {}, "2 devices"),
        ("cuda", 1, {"accumulate": 2}, "accumulate = 2"),
        ("cuda", 1, {"precision": "16-mixed"}, "precision 16-mixed"),
        ("cuda", 1, {"ohem_threshold": 0.7}, "ohem_threshold = 0.7"),
    ],
)
def test_what_no_graph_can_hold_is_refused_by_name(
    device: str,
    world_size: int,
    changes: dict[str, Any],
    named: str,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue("monkeypatch").setenv(VARIABLE, "graph")
    recipe = dataclasses.replace(request.getfixturevalue("tiny_recipe"), **changes)
    with pytest.raises(UsageError, match=f"CARNET_TRAINING=graph with {named}; expected one cuda device"):
        records_steps(recipe, on(device, world_size))
