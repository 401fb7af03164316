"""Batch-norm in training and the ReLU or ReLU6 after it, as one operation.

Apart, a step reads or writes the map a dozen times for them, and copies it before a clamp in place. Here
forward reads it twice and writes once, and so does backward, with the gradient.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from carnet.fast.training.library import computes_in_c, run


def takes(bn: nn.Module, x: Tensor) -> bool:
    """Say whether it is a batch-norm that learns from this map, and the map one that the C is for."""
    return (
        type(bn) is nn.BatchNorm2d
        and bn.training
        and bn.affine
        and bn.track_running_stats
        and bn.momentum is not None
        and x.numel() > x.shape[1]  # one value per channel is refused by torch, in its words
        and computes_in_c(x)
    )


def norm_and_clamp(
    bn: nn.BatchNorm2d, x: Float[Tensor, "b c h w"], low: float = -math.inf, high: float = math.inf
) -> Float[Tensor, "b c h w"]:
    """Return ``bn(x).clamp(low, high)``, and let the running statistics take their share.

    It can be differentiated once. As in torch, no gradient flows where the value lies on a bound.

    Args:
        bn, x: Such that `takes` says yes.
        low, high: Bounds of the clamp; infinite without one.

    Raises:
        MemoryError: The C got none for its sums.
    """
    cast("Tensor", bn.num_batches_tracked).add_(1)
    y = _NormAndClamp.apply((bn, low, high), x, bn.weight, bn.bias)
    return cast("Tensor", y)


class _NormAndClamp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, options: tuple[nn.BatchNorm2d, float, float], x: Tensor, weight: Tensor, bias: Tensor
    ) -> Tensor:
        bn, *bounds = options
        channels = x.shape[1]
        y = torch.empty_like(x)
        inverse, kept = torch.empty(channels, dtype=torch.float64), torch.empty(3, channels)
        ctx.options = *bounds, x.numel() // channels, channels
        statistics = cast("Tensor", bn.running_mean), cast("Tensor", bn.running_var)
        rates = cast("float", bn.momentum), bn.eps
        run("carnet_norm", x, weight, bias, *statistics, *rates, y, inverse, kept, *ctx.options)
        ctx.save_for_backward(x, inverse, kept)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, inverse, kept = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_x = torch.empty_like(x)
        of_weight, of_bias = torch.empty_like(kept[:2]).unbind()
        run("carnet_norm_backward", x, gradient, inverse, kept, of_x, of_weight, of_bias, *ctx.options)
        return None, of_x, of_weight, of_bias
