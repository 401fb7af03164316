"""A CUDA graph: the kernels of one eager call, recorded once and launched as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.cuda_graph import record_graph
from bench.errors import RefusedInput
from bench.speed.engines.engine import DTYPES, Conditions, Prepared
from bench.speed.engines.module_copy import as_conditions


def prepare(
    network: nn.Module, example: Tensor, conditions: Conditions, *, cuda: Any = torch.cuda
) -> Prepared:
    """Record a copy of the network on the example's shape; each call copies its image in and replays.

    Args:
        network, example, conditions: See `Engine.prepare`.
        cuda: ``torch.cuda``, or a stand-in.

    Raises:
        RefusedInput: The network does something that a graph cannot record, such as a wait for the device.
    """
    dtype = DTYPES[conditions.precision]
    own = as_conditions(network, example, conditions)
    static = torch.empty_like(example)

    def run() -> Tensor:
        logits: Tensor = own(static.to(dtype)).float()
        return logits

    try:
        static.copy_(example)
        graph, logits = record_graph(run, cuda)
    except RuntimeError as error:
        raise RefusedInput(
            f"{type(network).__name__}: cannot be recorded as a CUDA graph: {error}"
        ) from error

    return Prepared(_Replay(graph, static, logits, own), {})


@dataclass(frozen=True)
class _Replay:
    """Replays a graph, and owns all memory that it reads: the graph itself knows no more than addresses."""

    graph: Any
    image: Tensor
    logits: Tensor
    network: nn.Module

    def __call__(self, image: Tensor) -> Tensor:
        self.image.copy_(image)
        self.graph.replay()
        return self.logits
