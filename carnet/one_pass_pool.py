"""CRP's 5x5 max-pool on a CPU in one pass over the map, in C that the machine's compiler makes when wanted.

torch's pool also writes 64-bit indices, and a separable one, compiled too, goes through memory twice. The C
needs Linux, a compiler, and the OpenMP that torch computes with: a second one would fight it for the cores.
"""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_SOURCE = Path(__file__).with_suffix(".c")
_COMPILERS = ("gcc", "cc")
_FLAGS = ("-O3", "-march=native", "-fPIC", "-fopenmp")
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Code:
    """The compiled C.

    Attributes
    ----------
    pool
        ``carnet_one_pass_pool`` of the file in C.
    compiler
        Its name and version, as it says them.
    """

    pool: Any
    compiler: str


@functools.cache
def code() -> Code | None:
    """Return the compiled C; None where it cannot be had."""
    compiler = next((path for name in _COMPILERS if (path := shutil.which(name))), None)
    if sys.platform != "linux" or compiler is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="carnet-") as folder:
            library = ctypes.CDLL(str(_linked(compiler, Path(folder))))  # once loaded, the file may go
        version = _run(compiler, "--version").partition("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return None
    pool = library.carnet_one_pass_pool
    pool.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_long] * 3 + [ctypes.c_int]
    pool.restype = None
    return Code(pool, version)


def takes(x: Tensor) -> bool:
    """Say whether a map is of the kind that the C is for: 32-bit floats on a CPU."""
    return x.device.type == "cpu" and x.dtype == torch.float32


@torch.library.custom_op("carnet::one_pass_pool", mutates_args=(), schema="(Tensor x) -> Tensor")
def one_pass_pool(x: Tensor) -> Tensor:
    """Return the maxima of 5x5 neighbourhoods, those of ``max_pool2d(x, 5, stride=1, padding=2)``.

    Parameters
    ----------
    x
        Map (b, c, h, w) that `takes` says yes to, on a machine that has the `code`.

    Returns
    -------
    A map of the same shape in channels last.

    Raises
    ------
    ValueError
        Another map, or no code.
    """
    found = code()
    if found is None or not takes(x):
        why = "no C compiler here" if found is None else f"a map of {x.dtype} on {x.device}"
        raise ValueError(
            f"one_pass_pool: {why}; it takes 32-bit floats on a CPU, where there is a C compiler"
        )
    maps = x.permute(0, 2, 3, 1).contiguous()  # a view where it is in channels last
    pooled = torch.empty_like(maps)
    for one, out in zip(maps, pooled, strict=True):
        found.pool(one.data_ptr(), out.data_ptr(), *one.shape, torch.get_num_threads())
    return pooled.permute(0, 3, 1, 2)


@one_pass_pool.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


def _linked(compiler: str, folder: Path) -> Path:
    """Compile the C and link it against the OpenMP that torch brings, where it brings one."""
    compiled, linked = folder / "pool.o", folder / "pool.so"
    _run(compiler, *_FLAGS, "-c", str(_SOURCE), "-o", str(compiled))
    own = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    openmp = [str(own[0])] if own else ["-fopenmp"]
    _run(compiler, "-shared", "-Wl,--no-undefined", str(compiled), *openmp, "-o", str(linked))
    return linked


def _run(*words: str) -> str:
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S
    )
    return done.stdout
