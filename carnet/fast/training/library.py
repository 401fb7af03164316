"""The three C files of this folder, as one library: what they take, and how they are called."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch
from torch import Tensor

from carnet.fast.compiled_c import CompiledC, compiled_c
from carnet.fast.training.self_test import computes_as_torch

_FOLDER = Path(__file__).parent
_SOURCES = tuple(_FOLDER / name for name in ("fusion.c", "norm.c", "pool.c"))
# the number of threads is the last argument; each function returns whether it had the memory it needs
_SIGNATURES = {
    "carnet_fusion": "b pppp ff lll i",
    "carnet_fusion_sums": "b pppp ff lll i",
    "carnet_fusion_backward": "b ppppppp ff lll i",
    "carnet_norm": "b ppppp dd ppp ff ll i",
    "carnet_norm_backward": "b ppppppp ff ll i",
    "carnet_pool": "b pppp llll i",
    "carnet_pool_backward": "b ppppp llll i",
}


@functools.cache
def library() -> CompiledC | None:
    """Return the compiled C; None where it cannot be had."""
    return compiled_c(_SOURCES, tuple(_SIGNATURES.items()), _is_right)


def computes_in_c(x: Tensor) -> bool:
    """Say whether a map is of the kind that the C is for, here and now.

    That is: 32-bit floats on a CPU, in channels last, without autocast, with the `library` built.
    """
    return (
        type(x) is Tensor  # neither a tracer's nor another subclass
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.is_autocast_enabled("cpu")
        and library() is not None
    )


def run(name: str, *arguments: Tensor | int | float) -> None:
    """Call a function of the library with torch's number of threads; of a tensor it gets the address.

    Raises:
        MemoryError: It got none.
        RuntimeError: There is no library.
    """
    made = library()
    if made is None:
        raise RuntimeError(f"{name}: no C compiler here; ask `computes_in_c` before")
    if not _called(made.library, name, *arguments):
        raise MemoryError(f"{name}: no memory for its sums or rows, a few KiB a channel")


def _called(library: ctypes.CDLL, name: str, *arguments: Tensor | int | float) -> bool:
    plain = (one.data_ptr() if isinstance(one, Tensor) else one for one in arguments)
    return bool(getattr(library, name)(*plain, torch.get_num_threads()))


def _is_right(library: ctypes.CDLL) -> bool:
    return computes_as_torch(functools.partial(_called, library))
