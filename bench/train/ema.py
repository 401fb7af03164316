"""The exponential moving mean of the weights: m <- d m + (1 - d) w after every update."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class WeightsMean:
    """A network whose weights are the moving mean of another's, starting as its copy.

    Batch-norm's running statistics are averaged as the weights are; what is not a floating-point number is
    copied.

    Args:
        network: Whose weights are averaged; call it where the network is already on its device.
        decay: d, 0 < d < 1.

    Attributes:
        network: Network with the mean; for evaluation only.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights after an update into the mean."""
        means: list[Tensor] = []
        weights: list[Tensor] = []
        pairs = zip(self.network.state_dict().values(), network.state_dict().values(), strict=True)
        for mean, weight in pairs:
            if mean.is_floating_point():
                means.append(mean)
                weights.append(weight)
            else:
                mean.copy_(weight)
        torch._foreach_lerp_(means, weights, 1 - self.decay)
