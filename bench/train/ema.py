"""The exponential moving mean of the weights: m <- d m + (1 - d) w after every update."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput


class WeightsMean:
    """A network whose weights are the moving mean of another's, starting as its copy.

    Batch-norm's running statistics are averaged as the weights are, complex numbers as real ones; what is
    neither, such as a count, is copied. A tensor of several names (tied weights, a shared module) is averaged
    once.

    Args:
        network: Whose weights are averaged; call it where the network is already on its device.
        decay: d, 0 < d < 1.

    Attributes:
        network: Network with the mean; for evaluation only.

    Raises:
        RefusedInput: The network cannot be copied, e.g. because a weight is computed from others by the old
            ``torch.nn.utils.weight_norm``.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        try:
            self.network = copy.deepcopy(network).requires_grad_(False)
        except Exception as error:  # whatever the network's own code raises
            raise RefusedInput(
                f"ema_decay: {type(network).__name__} cannot be copied ({type(error).__name__}: {error})",
                then="set ema_decay = 0, or compute weights by torch.nn.utils.parametrize",
            ) from error
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights after an update into the mean."""
        means: list[Tensor] = []
        weights: list[Tensor] = []
        seen: set[tuple[int, int]] = set()
        for mean, weight in zip(_tensors(self.network), _tensors(network), strict=True):
            # two views of one memory are two objects
            place = (mean.data_ptr(), mean.numel())
            if place in seen:
                continue
            seen.add(place)
            if mean.is_floating_point() or mean.is_complex():
                means.append(mean)
                weights.append(weight)
            else:
                mean.copy_(weight)
        torch._foreach_lerp_(means, weights, 1 - self.decay)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Yield each parameter and buffer once, also buffers that no file keeps."""
    return itertools.chain(network.parameters(), network.buffers())
