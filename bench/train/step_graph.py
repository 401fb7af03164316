"""The forward and backward pass of a training step as one CUDA graph.

A small network's step on a GPU waits for the launches of some thousand kernels; a graph launches them as one.
It holds one shape of batch and reads parameters, statistics and batch at the addresses that they had when it
was recorded; all of them are written in place between the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float32, Int64
from torch import Tensor, nn

from bench.cuda_graph import record_graph
from bench.errors import RefusedInput


class StepGraph:
    """Computes loss and gradients of one batch after the other by replaying the first.

    Args:
        gradients: Maps a batch (image, label) to its loss and leaves the gradients in the parameters.
        network: Network whose parameters get gradients; its statistics are those of the replayed steps alone.
        cuda: ``torch.cuda``, or a stand-in.
    """

    def __init__(
        self, gradients: Callable[[Tensor, Tensor], Tensor], network: nn.Module, *, cuda: Any = torch.cuda
    ) -> None:
        self._gradients = gradients
        self._network = network
        self._cuda = cuda
        self._graph: Any = None

    def __call__(
        self, image: Float32[Tensor, "b 3 h w"], label: Int64[Tensor, "b h w"]
    ) -> Float32[Tensor, ""]:
        """Return the loss of a batch, which the next call overwrites; the parameters have its gradients.

        Raises:
            RefusedInput: The step does something that a graph cannot hold, such as a wait for the device.
        """
        if self._graph is None:
            self._record(image, label)
        self._image.copy_(image)
        self._label.copy_(label)
        self._graph.replay()
        for parameter, gradient in self._written:  # the optimiser lets go of them before each step
            parameter.grad = gradient
        return self._loss

    def _record(self, image: Tensor, label: Tensor) -> None:
        parameters = [one for one in self._network.parameters() if one.requires_grad]
        statistics = [(buffer, buffer.clone()) for buffer in self._network.buffers()]
        self._image, self._label = image.clone(), label.clone()
        devices = [image.device] if image.is_cuda else []

        def without_gradients() -> None:
            # those that are not there yet are made inside the graph's own memory
            for parameter in parameters:
                parameter.grad = None

        try:
            with torch.random.fork_rng(devices=devices):
                graph, self._loss = record_graph(
                    lambda: self._gradients(self._image, self._label), self._cuda, before=without_gradients
                )
        except RuntimeError as error:
            raise RefusedInput(
                f"{type(self._network).__name__}: its step cannot be recorded as a CUDA graph: {error}",
                then="leave CARNET_TRAINING out",
            ) from error
        with torch.no_grad():
            for buffer, before in statistics:
                buffer.copy_(before)
        self._written = [(one, one.grad) for one in parameters if one.grad is not None]
        self._graph = graph
