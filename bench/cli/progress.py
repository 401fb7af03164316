"""Progress of long work on stderr: bars on a terminal; elsewhere, as in a log, a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bench.train.run import Watch

_EVERY_S = 30.0
_SETTLE_S = 2.0
"""Least time between a line and that of a new stage, so that short stages write none."""


class Tell(Protocol):
    """Called with each piece of work done."""

    def __call__(
        self, bar: str, done: float, total: float | None, *, stage: str = "", note: str = ""
    ) -> None:
        """Show ``done`` of ``total`` (1.0 for a share; None when unknown) of what ``bar`` names."""


class Lines:
    """Progress as lines: a stage's name, the share done and the time left, at most every 30 s a stage.

    Args:
        write: Called with each line.
        clock: Monotonic seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._told_s = clock()
        self._told = ""
        self._began: dict[str, tuple[float, float]] = {}
        self._last: dict[str, float] = {}

    def tell(self, bar: str, done: float, total: float | None, *, stage: str = "", note: str = "") -> None:
        """Write a line if one is due."""
        now_s = self._clock()
        if bar not in self._began or done < self._last[bar]:
            self._began[bar] = (now_s, done)
        self._last[bar] = done
        stage = stage or bar
        if now_s - self._told_s < (_EVERY_S if stage == self._told else _SETTLE_S):
            return
        self._told_s, self._told = now_s, stage
        parts = [f"{stage}: {_amount(done, total)}" if total else stage, self._left(bar, now_s, total), note]
        self._write(", ".join(part for part in parts if part))

    def _left(self, bar: str, now_s: float, total: float | None) -> str:
        from bench.experiments.duration import about

        began_s, first = self._began[bar]
        gained = self._last[bar] - first
        if not total or gained <= 0 or self._last[bar] >= total:
            return ""
        return f"{about((now_s - began_s) * (total - self._last[bar]) / gained)} left"


def _amount(done: float, total: float) -> str:
    share = f"{100 * done / total:.0f} %"
    return share if total == 1.0 else f"{done:.0f} of {total:.0f} ({share})"


@contextmanager
def showing(*, keep: bool = False, refresh: bool = True) -> Iterator[Tell]:
    """Show progress; ``keep`` leaves the bars in place, ``refresh`` redraws them during the work."""
    # this very stream: ptflops' words are kept from the terminal by exchanging sys.stderr
    stream = sys.stderr
    if not stream.isatty():
        yield Lines(lambda line: print(line, file=stream, flush=True)).tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(file=stream)
    with Progress(
        *columns,
        console=console,
        transient=not keep,
        auto_refresh=refresh,
        redirect_stdout=False,  # results stay on stdout
        redirect_stderr=False,
    ) as progress:
        bars: dict[str, Any] = {}

        def tell(bar: str, done: float, total: float | None, *, stage: str = "", note: str = "") -> None:
            if bar not in bars:
                bars[bar] = progress.add_task(bar, total=None, amount="", note="")
            shown = {"amount": _amount(done, total) if total else "", "note": note}
            progress.update(
                bars[bar],
                completed=done,
                total=total,
                description=stage or bar,
                refresh=not refresh,
                **shown,  # type: ignore[arg-type]
            )

        yield tell


@contextmanager
def watching() -> Iterator[Watch]:
    """Show each kind of training work: training, validation, test."""
    with showing(keep=True) as tell:
        yield lambda kind, done, total, loss: tell(
            kind, done, total, note=f"loss {loss:.4f}" if kind == "train" else ""
        )


@contextmanager
def timing() -> Iterator[Callable[[str, float], None]]:
    """Show the share of a timing, between samples only: drawing must not be measured too."""
    with showing(refresh=False) as tell:
        yield lambda stage, share: tell("timing", share, 1.0, stage=stage)
