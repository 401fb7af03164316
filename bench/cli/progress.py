"""Progress bars of long work, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@contextmanager
def timing() -> Iterator[Callable[[str, float], None]]:
    """Show one bar for a timing; it is drawn between samples only, or drawing would be measured too."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        bar = progress.add_task("building", total=1.0)
        yield lambda stage, share: progress.update(bar, description=stage, completed=share, refresh=True)
