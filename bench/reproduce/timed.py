"""The time cells of a table on this machine: its built rows, each at the size it is printed for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from baselines.registry import Method
from bench.models import available
from bench.paper.cells import load_table
from bench.results.store import add_record
from bench.speed.measure import measure_speed
from bench.speed.protocol import Protocol
from bench.train.run import Settings

_SAMPLES = 20
"""Of each network: a median with its spread. ``carnet-bench time`` takes 100, which p99 needs."""


def time_table(
    table: str,
    budget_s: float,
    settings: Settings,
    progress: Callable[[str, float], None] = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> None:
    """Time the built rows of a table against each other and write their records.

    A measurement that is not valid is written too, with its reasons; the table leaves it out.

    Parameters
    ----------
    table
        Of ``bench.paper.cells.TABLES``; one without times is left as it is.
    budget_s
        For everything done here, in seconds.
    settings
        Home, device, threads and command.
    progress
        Is told the stage and the share of it that is done (0..1).
    log
        Is told what was not valid.
    """
    groups = _rows_to_time(table)
    for (size_hw, classes), methods in groups.items():
        records = measure_speed(
            methods,
            size_hw,
            num_classes=classes,
            threads=settings.threads,
            device=settings.device,
            protocol=Protocol(samples=_SAMPLES, budget_s=budget_s / len(groups)),
            command=settings.command,
            progress=progress,
        )
        for record in records:
            add_record(record, settings.home)
            if not record.valid:
                log(f"{record.identity['model']}: time not valid, {'; '.join(record.reasons)}")


def _rows_to_time(table: str) -> dict[tuple[tuple[int, int], int], list[Method]]:
    """Return the built methods of a table's time cells by input size and number of classes."""
    groups: dict[tuple[tuple[int, int], int], list[Method]] = defaultdict(list)
    methods = available()
    for cell in load_table(table):
        method = methods.get(cell.row)
        if cell.column != "time" or method is None or method.builder is None:
            continue
        if cell.size_hw is not None and cell.classes is not None:
            groups[cell.size_hw, cell.classes].append(method)
    return groups
