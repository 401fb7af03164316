"""C of ours that the machine's own compiler makes when it is first wanted, and that torch's threads run.

It needs Linux, a compiler, and the OpenMP that torch computes with: a second one would fight it for the
cores. What was compiled stays in the user's cache folder, ``carnet-bench`` below ``$XDG_CACHE_HOME`` or
``~/.cache``, provided that nobody else may write there; otherwise each process compiles. A library that does
not compute what torch does is not used.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_COMPILERS = ("gcc", "cc")
_FLAGS = ("-O3", "-march=native", "-fPIC", "-fopenmp")
_PATIENCE_S = 20.0
"""For each word to the compiler; one file takes 1 to 5 s."""

_BUILD = f"carnet-build-{platform.node()}-"
_TYPES = {
    "p": ctypes.c_void_p,
    "l": ctypes.c_long,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
    "i": ctypes.c_int,
    "b": ctypes.c_bool,
    "v": None,
}
_log = logging.getLogger(__name__)


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
def compiled_c(
    sources: tuple[Path, ...],
    signatures: tuple[tuple[str, str], ...],
    is_right: Callable[[ctypes.CDLL], bool],
) -> CompiledC | None:
    """Return the library that files in C make; None where it cannot be had.

    Args:
        sources: The files.
        signatures: Per function its name, and the letter of what it returns, ``v`` for nothing, with those of
            its arguments: ``p`` pointer, ``l`` long, ``f`` float, ``d`` double, ``i`` int, ``b`` bool. Spaces
            do not count.
        is_right: Says whether the functions compute what torch does.
    """
    compiler = _compiler()
    if sys.platform != "linux" or compiler is None:
        return None
    for keep_in in (_cache_folder(), None):
        try:
            with _build_folder(keep_in) as folder:
                version = _run(folder, compiler, "--version")
                key = _key(sources, compiler, version)
                made = _kept(keep_in, key, signatures, is_right) if keep_in else None
                if made is None:
                    linked = _linked(compiler, sources, folder)
                    made = _loaded(linked, signatures, is_right)
                    if made is None:
                        _log.warning("%s: its library computes wrongly; torch computes instead", compiler)
                        return None
                    if keep_in:
                        linked.replace(keep_in / f"{key}-{_digest(linked.read_bytes())}.so")
            return CompiledC(made, version.partition("\n")[0])
        except subprocess.TimeoutExpired:
            _log.warning("%s: no answer within %g s; torch computes instead", compiler, _PATIENCE_S)
            return None
        except (OSError, subprocess.SubprocessError):
            continue  # a cache on a full disk, or one that may not hold programs: without it
    return None


def _compiler() -> str | None:
    """Return a compiler from PATH."""
    paths = (str(folder / name) for name in _COMPILERS for folder in _path())
    return next((found for path in paths if (found := shutil.which(path))), None)


def _path() -> list[Path]:
    """Return PATH without its relative entries, the empty one among them: they mean the working folder."""
    return [folder for entry in os.get_exec_path() if (folder := Path(entry)).is_absolute()]


def _cache_folder() -> Path | None:
    """Return the folder for libraries; None where there is none that is this user's alone."""
    try:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        parent = given if given.is_absolute() else Path.home() / ".cache"
        for folder in (parent, parent / "carnet-bench"):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.stat().st_uid != os.geteuid():
                return None
        found = folder.lstat()
    except (OSError, RuntimeError):  # no home
        return None
    return folder if stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077 else None


@contextmanager
def _build_folder(parent: Path | None) -> Iterator[Path]:
    """Make a folder for a compilation, and remove those that killed processes of this machine left."""
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{_BUILD}*"):
        process = left.name.removeprefix(_BUILD).partition("-")[0]
        with suppress(OSError):  # another process removes it too
            if left.lstat().st_uid == os.geteuid() and not Path("/proc", process).exists():
                shutil.rmtree(left, ignore_errors=True)
    prefix = f"{_BUILD}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _key(sources: Sequence[Path], compiler: str, version: str) -> str:
    """Return the digest of all that decides what the compiler makes."""
    files = [*sources, *sorted(Path(__file__).parent.glob("*.h"))]
    seen = ("vendor_id", "cpu", "model", "stepping", "flags", "CPU", "Features", "isa")
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    cpu = [line for line in first.splitlines() if line.startswith(seen) and not line.startswith("cpu MHz")]
    words = (compiler, version, *_FLAGS, *_openmp(), platform.machine(), *cpu)
    return _digest("\0".join((*words, *(_digest(file.read_bytes()) for file in files))).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _kept(
    folder: Path,
    key: str,
    signatures: Sequence[tuple[str, str]],
    is_right: Callable[[ctypes.CDLL], bool],
) -> ctypes.CDLL | None:
    """Return the library that was kept under a key; what is damaged is removed."""
    for path in folder.glob(f"{key}-*.so"):
        if _digest(path.read_bytes()) == path.stem.rpartition("-")[2]:
            made = _loaded(path, signatures, is_right)
            if made is not None:
                return made
        path.unlink(missing_ok=True)
    return None


def _loaded(
    path: Path, signatures: Sequence[tuple[str, str]], is_right: Callable[[ctypes.CDLL], bool]
) -> ctypes.CDLL | None:
    """Load a library, after which its file may go; None where it lacks a function or computes wrongly."""
    library = ctypes.CDLL(str(path))
    for name, signature in signatures:
        function = getattr(library, name, None)
        if function is None:
            return None
        function.restype, *function.argtypes = (_TYPES[letter] for letter in signature.replace(" ", ""))
    return library if is_right(library) else None


def _openmp() -> list[str]:
    """Return the OpenMP that torch brings, where it brings one, for the linker."""
    own = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    return [str(own[0])] if own else ["-fopenmp"]


def _linked(compiler: str, sources: Sequence[Path], folder: Path) -> Path:
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    for source, made in zip(sources, objects, strict=True):
        _run(folder, compiler, *_FLAGS, "-c", str(source), "-o", made)
    linked = folder / "linked.so"
    words = ("-shared", "-Wl,--no-undefined", *objects, *_openmp(), "-lm", "-o", str(linked))
    _run(folder, compiler, *words)
    return linked


def _run(folder: Path, *words: str) -> str:
    """Return what a program prints that works in a folder, where relative paths of variables lead too."""
    environment = {**os.environ, "PATH": os.pathsep.join(map(str, _path())), "TMPDIR": str(folder)}
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        env=environment,
        process_group=0,
    ) as process:
        try:
            output, _ = process.communicate(timeout=_PATIENCE_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # a compiler has programs of its own
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, output)
    return output
