"""The user's cache folder: what saves time when it is there, and whose loss costs nothing else."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

_ANEW: ContextVar[dict[str, Any] | None] = ContextVar("made anew", default=None)


@contextmanager
def made_anew() -> Iterator[None]:
    """Let everything that would be taken from the cache be made once, as if nothing was kept."""
    before = _ANEW.set({})
    try:
        yield
    finally:
        _ANEW.reset(before)


def is_made_anew() -> bool:
    """Say whether what is kept may not be used now, see `made_anew`."""
    return _ANEW.get() is not None


def anew(name: str, make: Callable[[], T]) -> T:
    """Return what ``make`` returns, made once within a `made_anew`.

    Args:
        name: Tells it from everything else that is made there.
        make: Makes it.
    """
    made = _ANEW.get()
    if made is None:
        return make()
    if name not in made:
        made[name] = make()
    found: T = made[name]
    return found


@functools.cache
def installed_versions(packages: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return the version of each package; None for one that is not installed."""
    found: list[str | None] = []
    for package in packages:
        try:
            found.append(version(package))
        except PackageNotFoundError:
            found.append(None)
    return tuple(found)


def cache_folder(*names: str) -> Path | None:
    """Return ``carnet-bench/NAME/...`` below ``$XDG_CACHE_HOME`` or ``~/.cache``, made when missing.

    Its rule is that of `carnet.fast.compiled_c`, which imports torch: what lies in a folder that others may
    write to is not used.

    Returns:
        The folder; None where there is none that is this user's alone.
    """
    try:
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        folder = given if given.is_absolute() else Path.home() / ".cache"
        owners = set()
        for name in ("", "carnet-bench", *names):
            folder /= name
            folder.mkdir(mode=0o700, exist_ok=True)
            owners.add(folder.stat().st_uid)
        top = folder.parents[len(names) - 1] if names else folder
        found = top.lstat()
    except (OSError, RuntimeError):  # no home, or a disk that refuses
        return None
    if hasattr(os, "geteuid") and (owners != {os.geteuid()} or found.st_mode & 0o077):
        return None
    return folder if stat.S_ISDIR(found.st_mode) else None


def keep_newest(folder: Path, most: int) -> None:
    """Remove all but the entries of a folder that were used last, so that a cache does not grow for ever."""
    with suppress(OSError):  # another process removes them too
        entries = sorted(folder.iterdir(), key=lambda one: one.lstat().st_mtime, reverse=True)
        for entry in entries[most:]:
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def digest_of_code(sources: Iterable[Path], versions: tuple[str | None, ...]) -> str | None:
    """Return the digest of the code, and of the versions of packages, that what is kept depends on.

    Returns:
        SHA-256 as hex; None where a file is newer than this process, which may have read it before.
    """
    try:
        states = [(path, path.stat()) for path in sorted(sources, key=_name)]
        if max(time for _, one in states for time in (one.st_mtime, one.st_ctime)) >= _began_s():
            return None
        seen = tuple((path, one.st_mtime_ns, one.st_ctime_ns, one.st_size) for path, one in states)
        return _digest_of(seen, versions)
    except OSError:
        return None


def _name(path: Path) -> tuple[str, str]:
    return path.parent.name, path.name


@functools.lru_cache(8)
def _digest_of(states: tuple[tuple[Path, int, int, int], ...], versions: tuple[str | None, ...]) -> str:
    digest = hashlib.sha256(json.dumps([platform.python_version(), *versions]).encode())
    for path, *_ in states:
        digest.update("/".join(_name(path)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.cache
def _began_s() -> float:
    return float(psutil.Process().create_time())
