"""The C library's heap, which keeps its memory instead of requesting it from the system at every call.

And Python's, whose collector of unreachable cycles can wait while thousands of records are held.

glibc gives a block of 32 MiB or more its own mapping and unmaps it when it is freed, and no setting of its
threshold reaches higher. CARNet's maps at stride 4 are that large for an image of 512x1024, so each call
remaps them, and the system's zeroing of pages takes as long as much of the arithmetic.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from bench.environment import chosen

Heap = Literal["kept", "system"]
VARIABLE = "CARNET_HEAP"
"""Environment variable: ``system`` leaves the heap as the system has it."""

KEPT_FROM_THE_START = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
"""Environment of a process that shall keep its heap and may be of a tree without this module."""

_OBJECTS, _ROUNDS = 100_000, 50
"""New objects after which Python looks for cycles among them, and looks after which it includes older ones.

With Python's own 700 and 10 it walks over all records again and again while they are read: a third of the
time of a table over 10,000 of them.
"""

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # malloc.h
_NEVER = -1  # of the trim threshold, mallopt(3)


def keep_heap() -> Heap:
    """Let this process keep its heap, from now on; return which heap it has.

    glibc alone has this setting. Elsewhere, and where `VARIABLE` says so, the heap stays the system's. The
    process's resident memory then never falls by itself: `release_free_memory` gives back what is free.

    Raises:
        UsageError: `VARIABLE` is neither ``kept`` nor ``system``.
    """
    mallopt = _of_glibc("mallopt")
    if chosen(VARIABLE, "kept", "system") == "system" or mallopt is None:
        return "system"
    is_kept = mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER)
    return "kept" if is_kept else "system"


def release_free_memory() -> None:
    """Give the heap's free pages back to the system, where the C library can; what is in use stays."""
    malloc_trim = _of_glibc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


@contextmanager
def few_collections() -> Iterator[None]:
    """Let Python look for unreachable cycles rarely: for work that makes many objects and drops few."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, _ROUNDS, _ROUNDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    """Return a function of glibc, or None: another C library may know the name, but not the meaning."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # TypeError: Windows has no library of the process itself
        return None
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    found: ctypes._NamedFuncPointer | None = getattr(library, name, None)
    return found
