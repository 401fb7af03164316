"""Chained residual pooling in training, as one operation.

torch's pool writes a 64-bit index for each value, and autograd adds what flows back to one map in passes of
their own. Here an index is two bytes, the pool's gradient is added to the other one while it is computed, and
a few images go through all stages before the next ones, for what a stage left is then nearer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from carnet.fast.training.library import run
from carnet.fast.training.pointwise import convolved, gradients

_PIXELS_AT_A_TIME = 4800
"""About 5 MB of a map of 256 channels: fewer pixels make the products of matrices slower."""


def chained_residual_pooling(
    x: Float[Tensor, "b c h w"], weights: Sequence[Float[Tensor, "c c 1 1"]]
) -> Float[Tensor, "b c h w"]:
    """Return y = x + p_1 + ... with p_i = W_i pool(p_(i-1)), p_0 = x; it can be differentiated once.

    Args:
        x: Such that `carnet.fast.training.library.computes_in_c` says yes.
        weights: W_1, W_2, ..., at least one.

    Raises:
        MemoryError: The C got none for its rows.
    """
    return cast("Tensor", _ChainedResidualPooling.apply(x, *weights))


class _ChainedResidualPooling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        maps = x.permute(0, 2, 3, 1)
        total = torch.empty_like(maps)
        pooled = [torch.empty_like(maps) for _ in weights]
        rows, columns = ([torch.empty(maps.shape, dtype=torch.uint8) for _ in weights] for _ in range(2))
        for part in _parts(maps):
            stage = sums = maps[part]
            for n, weight in enumerate(weights):
                run("carnet_pool", stage, pooled[n][part], rows[n][part], columns[n][part], *stage.shape)
                stage = convolved(pooled[n][part], weight)
                sums = torch.add(sums, stage, out=total[part])
        ctx.save_for_backward(*weights, *pooled, *rows, *columns)
        return total.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        saved = ctx.saved_tensors
        count = len(saved) // 4
        weights, pooled, rows, columns = (saved[n * count : (n + 1) * count] for n in range(4))
        beside = gradient.permute(0, 2, 3, 1).contiguous()
        of_x = torch.empty_like(beside)
        of_weights = [torch.zeros_like(weight) for weight in weights]
        for part in _parts(beside):
            of_stage = beside[part]
            for n in reversed(range(count)):
                of_pooled, of_weight = gradients(of_stage, pooled[n][part], weights[n])
                of_weights[n] += of_weight
                of_stage = of_x[part] if n == 0 else torch.empty_like(of_stage)
                places = rows[n][part], columns[n][part]
                run("carnet_pool_backward", of_pooled, *places, beside[part], of_stage, *of_stage.shape)
        return of_x.permute(0, 3, 1, 2), *of_weights


def _parts(maps: Float[Tensor, "b h w c"]) -> Iterator[slice]:
    """Cut the batch into runs of images of about `_PIXELS_AT_A_TIME` pixels."""
    count, height, width, _ = maps.shape
    images = max(1, _PIXELS_AT_A_TIME // (height * width))
    return (slice(start, start + images) for start in range(0, count, images))
