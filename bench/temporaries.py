"""Temporary files: named after their writer, so that what a killed one left can be swept."""

from __future__ import annotations

import contextlib
import functools
import platform
import re
import time
import zlib
from pathlib import Path

import psutil

_TEMPORARY = re.compile(r"^\..+\.(?P<pid>\d+)\.((?P<host>[0-9a-f]{8})-)?[^.]+\.tmp$")
HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""This host, in the name of a temporary file: on a shared disk other hosts have the same process ids."""

_REUSED_S = 60.0
"""A process that started so long after a file was last written is not its writer."""

_FORGOTTEN_S = 86400.0
"""Age from which another host's temporary file is nobody's."""


def sweep_temporaries(folder: Path) -> list[Path]:
    """Remove the temporary files that killed writers left in a folder, and return their names.

    A temporary file carries the process id of its writer; those of living processes stay. Every write of
    `bench.files` sweeps its folder first, once per process.
    """
    swept = []
    with contextlib.suppress(OSError):  # no such folder, or one that may not be listed
        for path in sorted(folder.iterdir()):
            match = _TEMPORARY.match(path.name)
            with contextlib.suppress(OSError):  # another process sweeps too
                if match and not _has_writer(match, path.stat().st_mtime):
                    path.unlink()
                    swept.append(path)
    return swept


def _has_writer(name: re.Match[str], written_s: float) -> bool:
    if name["host"] not in (None, HOST):
        return time.time() - written_s < _FORGOTTEN_S
    try:
        return bool(psutil.Process(int(name["pid"])).create_time() < written_s + _REUSED_S)
    except (psutil.NoSuchProcess, OverflowError):
        return False
    except psutil.Error:
        return True


@functools.cache
def sweep_once(folder: Path) -> None:
    """Sweep a folder, at the first call only."""
    sweep_temporaries(folder)
