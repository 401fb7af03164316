"""Signals during a run: the first asks for a stop after the step, the second ends the process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

STOPS = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__
)
"""Signals that end a run; Windows has no SIGHUP."""


@dataclass
class StopRequest:
    """The signal that requested a stop; None before any."""

    number: int | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note the first SIGINT, SIGTERM or SIGHUP instead of dying of it.

    Outside the main thread nothing is noted; a signal that the caller ignores (``nohup``) stays ignored.
    """
    request = StopRequest()
    before: dict[signal.Signals, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _frame: object) -> None:
        request.number = number
        restore()

    try:
        for number in STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, note)
    except ValueError:
        pass  # not in the main thread: signals are not ours to take
    try:
        yield request
    finally:
        restore()
