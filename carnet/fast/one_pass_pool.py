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
_FUNCTIONS = {torch.float32: "carnet_one_pass_pool_fp32", torch.bfloat16: "carnet_one_pass_pool_bf16"}
"""By the numbers of the map."""


@functools.cache
def code() -> CompiledC | None:
    """Return the compiled C; None where it cannot be had."""
    return compiled_c((_SOURCE,), tuple((name, "v pp lll i") for name in _FUNCTIONS.values()), _is_right)


def takes(x: Tensor) -> bool:
    """Say whether a map is of the kind that the C is for: fp32 or bf16 on a CPU."""
    return x.device.type == "cpu" and x.dtype in _FUNCTIONS


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
        raise ValueError(f"one_pass_pool: {why}; expected fp32 or bf16 on a CPU with a C compiler")
    maps = x.permute(0, 2, 3, 1).contiguous()  # a view where it is in channels last
    pooled = torch.empty_like(maps)
    for one, out in zip(maps, pooled, strict=True):
        _pool(found.library, one, out)
    return pooled.permute(0, 3, 1, 2)


@one_pass_pool.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


def _pool(library: ctypes.CDLL, x: Tensor, out: Tensor) -> None:
    pool = getattr(library, _FUNCTIONS[x.dtype])
    pool(x.data_ptr(), out.data_ptr(), *x.shape, torch.get_num_threads())


def _is_right(library: ctypes.CDLL) -> bool:
    """Say whether a small map (h, w, c), without and with NaNs, is pooled as torch pools it."""
    values = torch.arange(13 * 9 * 37, dtype=torch.float64, device="cpu").mul(7).sin().view(13, 9, 37)
    values[2, 4, 5], values[9, 7, 30] = math.nan, -math.nan
    for dtype in _FUNCTIONS:
        rows = values.to(dtype)
        out = torch.empty_like(rows)
        _pool(library, rows, out)
        wanted = F.max_pool2d(rows.permute(2, 0, 1), 5, stride=1, padding=2).permute(1, 2, 0)
        if not torch.allclose(out, wanted, rtol=0, atol=0, equal_nan=True):
            return False
    return True
