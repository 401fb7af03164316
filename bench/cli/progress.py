"""Progress bars of long work, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.train.run import Watch


@contextmanager
def watching() -> Iterator[Watch]:
    """Show one progress bar a kind of work: training, validation, test."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:>6}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, Any] = {}

        def watch(kind: str, done: int, total: int, loss: float) -> None:
            if kind not in bars:
                bars[kind] = progress.add_task(kind, loss="")
            text = f"loss {loss:.4f}" if kind == "train" else ""
            progress.update(bars[kind], completed=done, total=total, loss=text)

        yield watch
