"""Processes of one run that end too early: the others end too, with a line that says which and how."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import _exit  # taken here: while a user's network runs, `bench.own.guard` refuses the module's own
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import BenchError
from bench.fabric import launched_by

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_GRACE_S = 10.0
"""Time for this process to end by itself, with its own message, after another one has."""
_BROKEN = re.compile(r"[Cc]onnection (closed|reset|refused)|[Bb]roken pipe|[Ss]ocket|NCCL|gloo")
_THEN = "rerun the same command; a training resumes at its last checkpoint"


class LostProcess(BenchError):  # noqa: N818 - named for what happened
    """Another process of the run has ended before the run's end (exit 1, or that process's own code)."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message, _THEN)
        self.exit_code = code


class Peers:
    """The processes of a run, as one of them sees them, from their launch until `leave`.

    The process that has started the others waits for each of them in a thread: one that computes on a GPU
    would wait for a dead one without an end. Where torchrun or srun has started them, those do that.

    Args:
        fabric: Launched.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self._fallen: tuple[str, int] | None = None
        self._noticed, self._told, self._over = threading.Event(), False, False
        started: list[subprocess.Popen[Any]] = getattr(fabric.strategy.launcher, "procs", [])
        self._children = [*started]
        # Fabric's own watch over them would kill this process without a word
        started.clear()
        self._is_child = fabric.global_rank > 0 and launched_by() is None
        for rank, child in enumerate(self._children, start=1):
            threading.Thread(target=self._await, args=(rank, child), daemon=True).start()

    @contextmanager
    def named(self) -> Iterator[None]:
        """Name the process that has ended where another one misses it.

        Raises:
            LostProcess: In the place of what torch says of a broken connection.
        """
        try:
            yield
        except RuntimeError as error:
            if self.fabric.world_size == 1 or not _is_broken(error):
                raise
            if self._is_child:  # the first one tells
                raise SystemExit(LostProcess.exit_code) from error
            self._told = True
            self._noticed.wait(_GRACE_S if self._children else 0)
            raise self._error() from error

    def leave(self) -> None:
        """Leave the group: from here on the others may end as they like."""
        self._over = True
        if self.fabric.world_size > 1:
            torch.distributed.destroy_process_group()

    def _error(self) -> LostProcess:
        ranks = self.fabric.world_size
        if self._fallen is None:
            return LostProcess(f"one of the {ranks} processes has ended; the connection is lost")
        return LostProcess(*self._fallen)

    def _await(self, rank: int, child: subprocess.Popen[Any]) -> None:
        code = child.wait()
        if code == 0 or self._over or self._fallen is not None:
            return
        who = f"process {rank + 1} of {self.fabric.world_size} (pid {child.pid})"
        if code < 0:
            self._fallen = f"{who} was ended by {_name_of(-code)}", LostProcess.exit_code
        else:
            self._fallen = f"{who} has ended with exit code {code}; see its own message", code
        self._noticed.set()
        time.sleep(_GRACE_S)
        if self._told or self._over:
            return
        # the main thread waits in a computation that will not end, where no exception reaches it
        error = self._error()
        print(f"error: {error}\nnext: {error.then}", file=sys.stderr, flush=True)
        _exit(error.exit_code)


def _is_broken(error: RuntimeError) -> bool:
    return isinstance(error, torch.distributed.DistError) or bool(_BROKEN.search(str(error)))


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
