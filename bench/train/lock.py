"""One process per run: a lock in the run's folder that the system drops when its holder dies."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import RefusedInput

# Windows has no such locks: there two processes of one run are the user's to avoid
if sys.platform != "win32":
    import fcntl


class RunLockedError(RefusedInput):
    """Another process works on this run, or another machine has written its next checkpoint."""


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; it is made when missing.

    The lock is the kernel's (POSIX record locks), so it ends with the process that holds it, however that
    ends, and data workers do not inherit it. The file stays and names the last holder.

    Raises:
        RunLockedError: Another process holds it: its process id and host.
        RefusedInput: The folder cannot be written.
    """
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise RefusedInput(
            f"{path}: cannot write ({error.strerror})", then="choose another folder with --home"
        ) from error
    try:
        _acquire(handle, path)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def is_held(folder: Path) -> bool:
    """Say whether another process holds a run's folder; no where that cannot be found out."""
    if sys.platform == "win32":
        return False
    try:
        handle = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        os.lockf(handle, os.F_TEST, 0)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(handle)
    return False


def _acquire(handle: int, path: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        pid, _, host = os.pread(handle, 300, 0).decode(errors="replace").strip().partition(" ")
        raise RunLockedError(
            f"{path.parent}: process {pid or '?'} on {host or '?'} is working on this run",
            then="wait until it ends, or stop it and rerun the same command",
        ) from error
    except OSError:
        return  # a file system without locks
