"""A judged table as data: printed cells next to what was found, and methods that the paper does not print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.paper import Cell, Row, Table
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.order import Ranks
from bench.reproduce.verdict.plausibility import Plausibility
from bench.reproduce.verdict.ratio import Claim

FITTED_SHORT = "a constraint of the architecture search, no independent confirmation"


@dataclass(frozen=True)
class Result:
    """One printed cell next to what was found.

    Attributes:
        cell: As printed.
        measured: In the printed unit, unrounded; None is "not measured".
        verdict: One of `bench.reproduce.verdict.words.ALL`.
        note: What the verdict leaves unsaid, or None.
        record: Id of the record; None for a count.
        fitted: The printed number was a constraint of the architecture search (see
            `bench.reproduce.table.FITTED`).
    """

    cell: Cell
    measured: float | None
    verdict: str
    note: str | None = None
    record: str | None = None
    fitted: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the cell as ``reproduce --json`` prints it."""
        return {
            "row": self.cell.row,
            "column": self.cell.column,
            "printed": self.cell.printed,
            "measured": self.measured,
            "unit": self.cell.unit,
            "verdict": self.verdict,
            "note": joined(self.note, FITTED_SHORT if self.fitted else None),
            "record": self.record,
        }


@dataclass(frozen=True)
class Measured:
    """One number of a row that is not in the paper's table, under one of its columns.

    Attributes:
        row, column: The method's name and the table's column. Under ``flops`` there are two: the paper's rule
            and multiply-adds.
        unit: What the number counts.
        value: Unrounded, in ``unit``; None is "not measured".
        note: Why there is none, or what the number leaves unsaid; or None.
        record: Id of the record; None for a count.
    """

    row: str
    column: str
    unit: str
    value: float | None
    note: str | None = None
    record: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the number as ``reproduce --json`` prints it."""
        return {
            "row": self.row,
            "column": self.column,
            "measured": self.value,
            "unit": self.unit,
            "note": self.note,
            "record": self.record,
        }


@dataclass(frozen=True)
class Beside:
    """A method that is not in the paper's table, measured at its size and classes: no print, no verdict.

    Attributes:
        name, title: As for a row of the table.
        kind: What it is, in words: a peer from a library, the user's own, another method of the paper.
        numbers: In the order of the table's columns; none where the column does not apply.
        params_m: The parameters in 1e6, if they could be counted.
    """

    name: str
    title: str
    kind: str
    numbers: tuple[Measured, ...]
    params_m: float | None = None

    def under(self, column: str) -> tuple[Measured, ...]:
        """Return the numbers of one column."""
        return tuple(number for number in self.numbers if number.column == column)


@dataclass(frozen=True)
class Point:
    """An accuracy measured here, on whatever data.

    Attributes:
        row: Registry name.
        title: Name of the method in the plot.
        data: Data set and split, e.g. ``camvid test``.
        params_m: Learnable numbers in 1e6, with the table's classes.
        miou_percent: Mean over the seeds.
        synthetic: Measured on synthetic images.
        notes: What the records say besides, e.g. where the initial weights come from.
        in_table: The method has a row in the paper's table; one that has none is shown for context.
    """

    row: str
    title: str
    data: str
    params_m: float
    miou_percent: float
    synthetic: bool
    notes: tuple[str, ...] = ()
    in_table: bool = True


@dataclass(frozen=True)
class OtherTimes:
    """A table's times on a machine that is not the table's own.

    Attributes:
        machine: In words.
        cells: Measured times and rates, by (row, column).
        ranks: Their order against the printed one.
    """

    machine: str
    cells: Mapping[tuple[str, str], Result]
    ranks: Ranks

    def as_json(self) -> dict[str, Any]:
        """Return the times as ``reproduce --json`` prints them."""
        cells = [result.as_json() for result in self.cells.values()]
        return {"machine": self.machine, "cells": cells, "ranks": self.ranks.as_json()}


@dataclass(frozen=True)
class Reproduction:
    """One table of the paper, judged.

    Attributes:
        table: The paper's.
        rows: All of its rows, in its order.
        results: By (row, column); every printed cell has one.
        notes: What holds for the table as a whole.
        params_m: True parameter counts in 1e6 of the rows that were counted.
        points: Accuracies to plot: of each method on each data set and split there is a record of.
        reconstructions: Rows whose method is our reconstruction; they say so wherever they are shown.
        beside: Methods that the paper's table does not have.
        ranks: Whether the times stand in the printed order; None where the table has no times.
        claims: Ratios of times that the table claims.
        plausibility: Share of the paper's GPU that each printed time needs.
        form: Engine and precision of the times shown, as `SpeedIdentity.form` names them; empty is eager
            fp32.
        machine: Machine whose times the table shows, in words; this one where there is no time to show.
        elsewhere: The times of other machines.
        gmacs: Multiply-adds in 1e9, at the printed sizes, of the rows that were counted.
    """

    table: Table
    rows: tuple[Row, ...]
    results: Mapping[tuple[str, str], Result]
    notes: tuple[str, ...] = ()
    params_m: Mapping[str, float] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    reconstructions: frozenset[str] = frozenset()
    beside: tuple[Beside, ...] = ()
    ranks: Ranks | None = None
    claims: tuple[Claim, ...] = ()
    plausibility: tuple[Plausibility, ...] = ()
    form: str = ""
    machine: str = ""
    elsewhere: tuple[OtherTimes, ...] = ()
    gmacs: Mapping[str, float] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """Name of its files: the table's, and behind it the form of its times where that is not the usual."""
        return "-".join([self.table.name, *self.form.split()])

    @property
    def summary(self) -> dict[str, int]:
        """How often each verdict occurs; a reconstruction is a count of its own and matches nothing."""
        return v.tally([result.verdict for result in self.results.values()])

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``reproduce --json``."""
        return {
            "table": self.table.name,
            "form": self.form or None,
            "machine": self.machine or None,
            "cells": [result.as_json() for result in self.results.values()],
            "beside": [number.as_json() for method in self.beside for number in method.numbers],
            "summary": self.summary,
            "ranks": None if self.ranks is None else self.ranks.as_json(),
            "claims": [claim.as_json() for claim in self.claims],
            "plausibility": [time.as_json() for time in self.plausibility],
            "elsewhere": [times.as_json() for times in self.elsewhere],
        }


def joined(*notes: str | None) -> str | None:
    """Return the notes that there are in one line, or None."""
    return "; ".join(note for note in notes if note) or None
