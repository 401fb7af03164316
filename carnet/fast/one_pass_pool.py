"""CRP's 5x5 max-pool on a CPU in one pass over the map, in C that the machine's compiler makes when wanted.

torch's pool also writes 64-bit indices, and a separable one, compiled too, goes through memory twice.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor

from carnet.fast.compiled_c import CompiledC, compiled_c, declare

_SOURCE = Path(__file__).with_suffix(".c")


@functools.cache
def code() -> CompiledC | None:
    """Return the compiled C; None where it cannot be had."""
    made = compiled_c(_SOURCE)
    if made is not None:
        declare(made, {"carnet_one_pass_pool": "v pp lll i"})
    return made


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
        found.library.carnet_one_pass_pool(
            one.data_ptr(), out.data_ptr(), *one.shape, torch.get_num_threads()
        )
    return pooled.permute(0, 3, 1, 2)


@one_pass_pool.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)
