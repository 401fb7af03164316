"""Tables 1 and 4 of the paper again: every printed cell beside what is counted or measured here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baselines.registry import METHODS, Method
from bench.errors import NotMeasured, RefusedInput, unknown
from bench.paper import TABLES, Cell, Row, Table, rows
from bench.reproduce import verdict as v
from bench.reproduce.chosen import Records, is_synthetic
from bench.reproduce.counted import RowCosts, count_row
from bench.reproduce.measured import judge_miou, judge_speed, own_notes

REPRODUCIBLE = ("table1", "table4")
"""The tables there is a command for."""

FITTED = (
    "The costs of the CARNet rows were the constraints of the search that recovered the architecture, "
    "so their equality is no independent confirmation of it."
)
FITTED_SHORT = "a constraint of the architecture search, no independent confirmation"
RECONSTRUCTIONS = ("twocolumn",)
"""Methods of which no code and no list of layers is public; they stay out of the match statistics."""

NOT_BUILT = "baseline not built yet"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Result:
    """One printed cell beside what was found.

    Attributes
    ----------
    cell
        As printed.
    measured
        In the printed unit, unrounded; None is "not measured".
    verdict
        One of `bench.reproduce.verdict.ALL`.
    note
        What the verdict leaves unsaid, or None.
    record
        Id of the record; None for a count.
    fitted
        The printed number was a constraint of the architecture search (see `FITTED`).
    """

    cell: Cell
    measured: float | None
    verdict: str
    note: str | None = None
    record: str | None = None
    fitted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the cell as ``reproduce --json`` prints it."""
        notes = [self.note, FITTED_SHORT if self.fitted else None]
        return {
            "row": self.cell.row,
            "column": self.cell.column,
            "printed": self.cell.printed,
            "measured": self.measured,
            "unit": self.cell.unit,
            "verdict": self.verdict,
            "note": "; ".join(note for note in notes if note) or None,
            "record": self.record,
        }


@dataclass(frozen=True)
class Point:
    """An accuracy measured here, on whatever data.

    Attributes
    ----------
    row
        Registry name.
    data
        Data set and split, e.g. ``camvid test``.
    params_m
        Learnable numbers in 1e6, with the table's classes.
    miou_percent
        Mean over the seeds.
    synthetic
        Measured on drawn images.
    notes
        What the records say besides, e.g. where the initial weights come from.
    """

    row: str
    data: str
    params_m: float
    miou_percent: float
    synthetic: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """One table of the paper, judged.

    Attributes
    ----------
    table
        The paper's.
    rows
        All of its rows, in its order.
    results
        By (row, column); every printed cell has one.
    notes
        What holds for the table as a whole.
    params_m
        True parameter counts in 1e6 of the rows that were counted.
    points
        Accuracies to plot: of each row on each data set and split there is a record of.
    """

    table: Table
    rows: tuple[Row, ...]
    results: Mapping[tuple[str, str], Result]
    notes: tuple[str, ...] = ()
    params_m: Mapping[str, float] = field(default_factory=dict)
    points: tuple[Point, ...] = ()

    @property
    def summary(self) -> dict[str, int]:
        """How often each verdict occurs."""
        return v.tally([result.verdict for result in self.results.values()])

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``reproduce --json``."""
        return {
            "table": self.table.name,
            "cells": [result.as_json() for result in self.results.values()],
            "summary": self.summary,
        }


def check_name(name: str) -> None:
    """Raise UsageError with the choices unless there is a command for this table."""
    if name not in REPRODUCIBLE:
        raise unknown("table", name, list(REPRODUCIBLE))


def reproduce(
    name: str,
    home: Path,
    methods: Mapping[str, Method] = METHODS,
    progress: Progress = lambda *_: None,
    prefer: Collection[str] = (),
) -> Reproduction:
    """Judge every printed cell of a table: costs are counted now, times and accuracies come from records.

    Parameters
    ----------
    name
        One of `REPRODUCIBLE`.
    home
        Holds ``results/records``.
    methods
        By registry name.
    progress
        Told the row in work, the rows done and the rows in all.
    prefer
        Ids of accuracy records to show before all others.

    Raises
    ------
    UsageError
        No such table; the message lists the choices.
    RefusedInput
        A damaged record; the message names its file.
    """
    check_name(name)
    table, printed_rows = TABLES[name], tuple(rows(name))
    records = Records(home, methods, prefer)
    results: dict[tuple[str, str], Result] = {}
    params_m: dict[str, float] = {}
    points: list[Point] = []
    for done, row in enumerate(printed_rows):
        progress(row.name, done, len(printed_rows))
        work = _Work(row, table, *_costs(row, methods.get(row.name)), records)
        if work.costs is not None and work.costs.total.params_m is not None:
            params_m[row.name] = work.costs.total.params_m
            points += _points(row.name, work.costs.total.params_m, table, records)
        for column, cell in row.cells.items():
            if cell is not None:
                results[row.name, column] = _labelled(_judge(cell, work))
    progress("", len(printed_rows), len(printed_rows))
    notes = (FITTED,) if any(result.fitted for result in results.values()) else ()
    return Reproduction(table, printed_rows, results, notes, params_m, tuple(points))


@dataclass(frozen=True)
class _Work:
    """A row with what is known of it; ``reason`` says why there are no counts."""

    row: Row
    table: Table
    costs: RowCosts | None
    reason: str | None
    records: Records


def _costs(row: Row, method: Method | None) -> tuple[RowCosts | None, str | None]:
    """Return the counts a row needs, or why there are none."""
    if method is None or method.builder is None:
        return None, NOT_BUILT
    try:
        return count_row(row, method), None
    except (NotMeasured, RefusedInput) as error:
        return None, str(error)


def _points(row: str, params_m: float, table: Table, records: Records) -> list[Point]:
    return [
        Point(
            row,
            data,
            params_m,
            100 * statistics.fmean(record.values["miou"] for record in chosen),
            is_synthetic(chosen[0]),
            tuple(own_notes(chosen)),
        )
        for data, chosen in records.accuracy_by_split(row, table).items()
    ]


def _judge(cell: Cell, work: _Work) -> Result:
    if work.reason == NOT_BUILT:
        return Result(cell, None, v.NOT_MEASURED, NOT_BUILT)
    name = work.row.name
    if cell.column == "miou":
        return Result(cell, *judge_miou(cell, work.table, work.records.accuracy(name, work.table)))
    if cell.column in ("time", "fps"):
        choice = work.records.speed(name, cell.size_hw, cell.classes)
        return Result(cell, *judge_speed(cell, work.table, choice))
    if work.costs is None:
        return Result(cell, None, v.NOT_MEASURED, work.reason)
    measured = work.costs.in_printed_unit(cell)
    if measured is None:
        return Result(cell, None, v.NOT_MEASURED, "; ".join(work.costs.total.notes) or "not counted")
    found = work.costs.judge(cell, measured)
    note = found.note
    if cell.column == "others" and found.verdict == v.OFF:
        note = "; ".join(filter(None, (note, _remainder_note(cell, work.row, work.costs))))
    matches = found.verdict in (v.EQUAL, v.WITHIN_ONE_DIGIT)
    return Result(cell, measured, found.verdict, note, fitted=matches and name.startswith("carnet-"))


def _remainder_note(cell: Cell, row: Row, costs: RowCosts) -> str | None:
    """Explain Others where the print is what the row's other cells, rounded, leave of the total."""
    if costs.total.thop2019_gops is None:
        return None
    total = v.round_as(costs.total.thop2019_gops, cell.printed)
    rest = [other.value for other in row.cells.values() if other is not None and other.column != cell.column]
    if total - sum(rest) != cell.value:
        return None
    way = " - ".join(str(number) for number in (total, *rest))
    return f"printed is the remainder of the other cells after their rounding: {way} = {cell.printed}"


def _labelled(result: Result) -> Result:
    """Mark what is our reconstruction, whatever its numbers say."""
    if result.cell.row not in RECONSTRUCTIONS or result.verdict == v.NOT_MEASURED:
        return result
    note = f"{result.verdict}; {result.note}" if result.note else result.verdict
    return Result(result.cell, result.measured, v.RECONSTRUCTION, note, result.record)
