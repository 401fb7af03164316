"""The 3x3 classifier in training: its gradients as those of a 1x1 convolution.

A convolution to so few channels fills vectors badly. Its gradients are those of a 1x1 convolution to nine
times as many, with the output's gradient shifted for each tap.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

from carnet.fast.training.pointwise import gradients

_SIDE = 3


def convolve_to_few(
    x: Float[Tensor, "b d h w"], weight: Float[Tensor, "c d 3 3"], bias: Float[Tensor, " c"]
) -> Float[Tensor, "b c h w"]:
    """Return ``conv2d(x, weight, bias, padding=1)`` of a channels-last map; it can be differentiated once."""
    return cast("Tensor", _ConvolutionToFew.apply(x, weight, bias))


class _ConvolutionToFew(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        images, channels, height, width = x.shape
        # what reaches a pixel through tap (i, j) is the gradient at (1 - i, 1 - j) from it: taps in reverse
        padded = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        shifted = padded.unfold(1, _SIDE, 1).unfold(2, _SIDE, 1).permute(0, 1, 2, 4, 5, 3)
        of_taps = shifted.reshape(images, height, width, -1)
        taps = weight.flip(2, 3).permute(2, 3, 0, 1).reshape(-1, channels, 1, 1)
        of_x, of_weight = gradients(of_taps, x.permute(0, 2, 3, 1), taps)
        of_weight = of_weight.view(_SIDE, _SIDE, -1, channels).flip(0, 1).permute(2, 3, 0, 1)
        return of_x.permute(0, 3, 1, 2), of_weight, gradient.sum((0, 2, 3))
