"""A CARModule in training and the activation after it, as one operation.

The gradients that reach its two maps through Eq. 1, the activation and the means are a product of maps or one
number per channel. They are written together, once Eq. 2's few numbers have theirs.
"""

from __future__ import annotations

import itertools
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from carnet.fast.training.library import run
from carnet.modules import CARModule, refuse_batch_of_one

_Pair = tuple[Float[Tensor, "b 256 h w"], Float[Tensor, "b 128 1 1"]]


def refine_and_clamp(
    module: CARModule,
    low: Float[Tensor, "b 256 h w"],
    high: Float[Tensor, "b 256 h w"],
    bounds: tuple[float, float],
) -> _Pair:
    """Return the module's two outputs, the first clamped; they can be differentiated once.

    Args:
        module: A module in training mode.
        low, high: Maps of one size that the C is for (`carnet.fast.training.library.computes_in_c`).
        bounds: Bounds of the clamp; as in torch, no gradient flows where the value lies on one.

    Raises:
        ValueError: A batch of one image.
        MemoryError: The C got none for its sums.
    """
    refuse_batch_of_one(low, module.w_bn)
    parameters = [conv.weight for conv in (module.w, module.w1, module.w2)]
    parameters += [
        parameter for bn in (module.w_bn, module.w1_bn, module.w2_bn) for parameter in (bn.weight, bn.bias)
    ]
    outputs = _Refinement.apply(module, bounds, low, high, *parameters)
    return cast("_Pair", outputs)


class _Refinement(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        module: CARModule,
        bounds: tuple[float, float],
        low: Tensor,
        high: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        means = torch.cat((module.pool_low(low), module.pool_high(high)), dim=1).requires_grad_()
        with torch.enable_grad():  # of a few numbers an image: autograd may have them
            squeezed = module.relu(module.w_bn(module.w(means)))
            sigma_a = module.sigmoid(module.w2_bn(module.w2(module.w1_bn(module.w1(squeezed)))))
        out = torch.empty_like(low)
        images, channels, height, width = low.shape
        ctx.options = *bounds, images, height * width, channels
        run("carnet_fusion", low, high, sigma_a, out, *ctx.options)
        ctx.save_for_backward(low, out, *parameters)
        ctx.attention = means, squeezed, sigma_a
        return out, squeezed.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, of_squeezed: Tensor) -> tuple[Tensor | None, ...]:
        low, out, *parameters = ctx.saved_tensors
        means, squeezed, sigma_a = ctx.attention
        pixels = ctx.options[3]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_sigma = torch.empty(sigma_a.shape, dtype=torch.float64)
        run("carnet_fusion_sums", gradient, out, low, of_sigma, *ctx.options)
        learning = [parameter is not None and parameter.requires_grad for parameter in parameters]
        of_means, *found = torch.autograd.grad(
            (sigma_a, squeezed),
            (means, *itertools.compress(parameters, learning)),
            (of_sigma.float(), of_squeezed),
            retain_graph=True,
        )
        left = iter(found)
        of_parameters = (next(left) if learns else None for learns in learning)
        of_low_mean, of_high_mean = (half.contiguous() for half in (of_means / pixels).chunk(2, dim=1))
        of_low, of_high = torch.empty_like(low), torch.empty_like(low)
        run(
            "carnet_fusion_backward",
            *(gradient, out, sigma_a, of_low_mean, of_high_mean, of_low, of_high),
            *ctx.options,
        )
        return None, None, of_low, of_high, *of_parameters
