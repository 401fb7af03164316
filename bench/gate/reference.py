"""The reference workload: a fixed mix of what networks do; a model's time is compared as a ratio to its."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F  # noqa: N812

VERSION = 1
"""Raised whenever the workload below changes: ratios to another one are not comparable."""

_CHANNELS = 64
_SIDE = 64
_GEMM_SIDE = 512


def reference() -> Callable[[], object]:
    """Return a call of some ten milliseconds of one core: 3x3 convolution, depthwise, pool, resize, GEMM.

    A convolution and a matrix product of about 0.15 GMAC each, and the operations between them that wait for
    memory: a machine that slows down slows this mix as it slows a network. fp32, channels last, on the CPU.
    """
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    maps = drawn(1, _CHANNELS, _SIDE, _SIDE).contiguous(memory_format=torch.channels_last)
    full = drawn(_CHANNELS, _CHANNELS, 3, 3).contiguous(memory_format=torch.channels_last)
    depthwise = drawn(_CHANNELS, 1, 3, 3)
    left, right = drawn(_GEMM_SIDE, _GEMM_SIDE), drawn(_GEMM_SIDE, _GEMM_SIDE)

    def work() -> object:
        x = F.relu6(F.conv2d(maps, full, padding=1))
        x = F.relu6(F.conv2d(x, depthwise, padding=1, groups=_CHANNELS))
        x = F.max_pool2d(x, 5, stride=1, padding=2)
        return F.interpolate(x, scale_factor=2, mode="bilinear"), torch.mm(left, right)

    return work
