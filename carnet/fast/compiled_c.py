"""C of ours that the machine's own compiler makes when it is first wanted, and that torch's threads run.

It needs Linux, a compiler, and the OpenMP that torch computes with: a second one would fight it for the
cores.
"""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

_COMPILERS = ("gcc", "cc")
_FLAGS = ("-O3", "-march=native", "-fPIC", "-fopenmp")
_PATIENCE_S = 60.0
_TYPES = {
    "p": ctypes.c_void_p,
    "l": ctypes.c_long,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "i": ctypes.c_int,
    "b": ctypes.c_bool,
    "v": None,
}


@dataclass(frozen=True)
class CompiledC:
    """A library and what made it.

    Attributes:
        library: Library loaded by `ctypes`.
        compiler: The compiler's name and version, as it says them.
    """

    library: ctypes.CDLL
    compiler: str


@functools.cache
def compiled_c(*sources: Path) -> CompiledC | None:
    """Return the library that files in C make; None where it cannot be had."""
    compiler = next((path for name in _COMPILERS if (path := shutil.which(name))), None)
    if sys.platform != "linux" or compiler is None:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="carnet-") as folder:
            # once loaded, the file may go
            library = ctypes.CDLL(str(_linked(compiler, sources, Path(folder))))
        version = _run(compiler, "--version").partition("\n")[0]
    except (OSError, subprocess.SubprocessError):
        return None
    return CompiledC(library, version)


def declare(made: CompiledC, signatures: Mapping[str, str]) -> None:
    """Tell `ctypes` what functions of a library return and take.

    Args:
        made: The library.
        signatures: Per function the letter of what it returns, ``v`` for nothing, and those of its arguments:
            ``p`` pointer, ``l`` long, ``f`` float, ``d`` double, ``i`` int, ``b`` bool. Spaces do not count.
    """
    for name, signature in signatures.items():
        function = getattr(made.library, name)
        function.restype, *function.argtypes = (_TYPES[letter] for letter in signature.replace(" ", ""))


def _linked(compiler: str, sources: Sequence[Path], folder: Path) -> Path:
    """Compile the C and link it against the OpenMP that torch brings, where it brings one."""
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    for source, made in zip(sources, objects, strict=True):
        _run(compiler, *_FLAGS, "-c", str(source), "-o", made)
    own = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    openmp = [str(own[0])] if own else ["-fopenmp"]
    linked = folder / "linked.so"
    _run(compiler, "-shared", "-Wl,--no-undefined", *objects, *openmp, "-lm", "-o", str(linked))
    return linked


def _run(*words: str) -> str:
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S
    )
    return done.stdout
