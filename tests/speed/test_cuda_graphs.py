"""CUDA graphs, with a stand-in for torch.cuda."""

import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from bench.errors import RefusedInput
from bench.speed.engines import cuda_graphs
from bench.speed.engines.engine import Conditions
from bench.speed.engines.module_copy import as_conditions

HERE = Conditions(torch.device("cpu"), 1)


class FakeGraph:
    """Runs again what was recorded."""

    replays = 0

    def replay(self) -> None:
        type(self).replays += 1


class FakeCuda:
    """The part of torch.cuda that records a graph, in the order it was used."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def Stream(self) -> Any:  # noqa: N802
        return SimpleNamespace(wait_stream=lambda _: self.said.append("side waits"))

    def current_stream(self) -> Any:
        return SimpleNamespace(wait_stream=lambda _: self.said.append("main waits"))

    def stream(self, _: Any) -> Any:
        return torch.no_grad()

    def CUDAGraph(self) -> FakeGraph:  # noqa: N802
        self.said.append("graph")
        return FakeGraph()

    def graph(self, _: FakeGraph) -> Any:
        return torch.no_grad()


def test_a_cuda_graph_is_recorded_after_a_warm_up_on_a_side_stream_and_replayed() -> None:
    cuda, image = FakeCuda(), torch.ones(1, 3, 8, 8)
    prepared = cuda_graphs.prepare(nn.Conv2d(3, 4, 1), image, HERE, cuda=cuda)
    assert cuda.said == ["side waits", "main waits", "graph"]
    first, second = prepared.infer(image), prepared.infer(image)
    assert FakeGraph.replays == 2
    assert first.data_ptr() == second.data_ptr()


def test_what_a_cuda_graph_cannot_record_is_refused() -> None:
    class Refuses(FakeCuda):
        def graph(self, _: FakeGraph) -> Any:
            raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RefusedInput, match="CUDA graph: operation not permitted"):
        cuda_graphs.prepare(nn.Conv2d(3, 4, 1), torch.ones(1, 3, 8, 8), HERE, cuda=Refuses())


def test_the_weights_that_a_cuda_graph_reads_live_as_long_as_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # on a GPU their memory was given to others, and the logits of CARNet in bf16 reached 1e18
    copies = []

    def copied(*arguments: Any) -> nn.Module:
        own = as_conditions(*arguments)
        copies.append(weakref.ref(own))
        return own

    monkeypatch.setattr(cuda_graphs, "as_conditions", copied)
    prepared = cuda_graphs.prepare(nn.Conv2d(3, 4, 1), torch.ones(1, 3, 8, 8), HERE, cuda=FakeCuda())
    gc.collect()
    assert copies[0]() is not None
    del prepared
    gc.collect()
    assert copies[0]() is None
