"""CRP's 5x5 max-pool on a CPU in one pass over the map, in C that the machine's compiler makes when wanted.

torch's pool also writes 64-bit indices, and a separable one, compiled too, goes through memory twice.
"""

from __future__ import annotations

import ctypes
import functools
import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from carnet.fast.compiled_c import CompiledC, compiled_c

_SOURCE = Path(__file__).with_suffix(".c")


@functools.cache
def code() -> CompiledC | None:
    """Return the compiled C; None where it cannot be had."""
    return compiled_c((_SOURCE,), (("carnet_one_pass_pool", "v pp lll i"),), _is_right)


def takes(x: Tensor) -> bool:
    """Say whether a map is of the kind that the C is for: 32-bit floats on a CPU."""
    return x.device.type == "cpu" and x.dtype == torch.float32


@torch.library.custom_op("carnet::one_pass_pool", mutates_args=(), schema="(Tensor x) -> Tensor")
def one_pass_pool(x: Tensor) -> Tensor:
    """Return the maxima of 5x5 neighbourhoods, those of ``max_pool2d(x, 5, stride=1, padding=2)``.

    Args:
        x: Map (b, c, h, w) that `takes` says yes to, on a machine that has the `code`.

    Returns:
        A map of the same shape in channels last.

    Raises:
        ValueError: Another map, or no code.
    """
    found = code()
    if found is None or not takes(x):
        why = "no C compiler here" if found is None else f"a map of {x.dtype} on {x.device}"
        raise ValueError(f"one_pass_pool: {why}; expected 32-bit floats on a CPU with a C compiler")
    maps = x.permute(0, 2, 3, 1).contiguous()  # a view where it is in channels last
    pooled = torch.empty_like(maps)
    for one, out in zip(maps, pooled, strict=True):
        _pool(found.library, one, out)
    return pooled.permute(0, 3, 1, 2)


@one_pass_pool.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


def _pool(library: ctypes.CDLL, x: Tensor, out: Tensor) -> None:
    library.carnet_one_pass_pool(x.data_ptr(), out.data_ptr(), *x.shape, torch.get_num_threads())


def _is_right(library: ctypes.CDLL) -> bool:
    """Say whether a small map (h, w, c), without and with a NaN, is pooled as torch pools it."""
    rows = torch.arange(13 * 9 * 37, dtype=torch.float64, device="cpu").mul(7).sin().float().view(13, 9, 37)
    rows[2, 4, 5] = math.nan
    out = torch.empty_like(rows)
    _pool(library, rows, out)
    wanted = F.max_pool2d(rows.permute(2, 0, 1), 5, stride=1, padding=2)
    return torch.allclose(out, wanted.permute(1, 2, 0), rtol=0, atol=0, equal_nan=True)
