"""What the system does to a command: signals that end it, and streams that refuse what is printed."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TextIO, cast

from bench.errors import Stopped

_STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_ONE_STOP_S = 1.0
"""Schedulers and terminals send a signal to a process and again to its group: within this time it is one."""


@dataclass
class Stop:
    """The first signal that ended the command; None before any."""

    number: int | None = None


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """Raise `Stopped` at the first SIGINT, SIGTERM or SIGHUP; a later one ends the process at once.

    A signal that is ignored from the start, as under ``nohup``, stays so. A forked process dies of the
    signal, as if nothing had been changed.
    """
    stop, owner, since_s = Stop(), os.getpid(), 0.0

    def note(number: int, _frame: object) -> None:
        nonlocal since_s
        if stop.number is None and os.getpid() == owner:
            stop.number, since_s = number, time.monotonic()
            raise Stopped
        if os.getpid() != owner or time.monotonic() - since_s > _ONE_STOP_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before: dict[int, Any] = {}
    with suppress(ValueError):  # not in the main thread: signals are not ours to take
        for number in _STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Unbroken:
    """A stream of text that never fails: what the one below it refuses is dropped, so no work is lost by it.

    Args:
        stream: The one below.

    Attributes:
        error: The first refusal, e.g. of a full disk or a closed pipe; None while there is none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Write, as far as the stream below takes it."""
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Flush; what was refused is noted."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError) -> None:
        from bench.files import nowhere

        self.error = error
        with suppress(OSError):  # python flushes at its end what it still holds
            os.dup2(nowhere(), self._stream.fileno())


@contextmanager
def unbroken_streams() -> Iterator[Unbroken | None]:
    """Let stdout and stderr be `Unbroken`; yield stdout, or None where it is closed.

    Names that are no text, as file names may be, are written with escapes.
    """
    is_open = sys.stdout is not None
    for number in range(3):  # a closed one's number would be the next file's
        try:
            os.fstat(number)
        except OSError:
            from bench.files import nowhere

            nowhere()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    out, err = (Unbroken(stream or io.StringIO()) for stream in before)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield out if is_open else None
    finally:
        out.flush()
        sys.stdout, sys.stderr = before
