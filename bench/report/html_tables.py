"""The judged tables and studies as what the HTML page shows of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.paper import Cell
from bench.report.page import (
    HEADINGS,
    SHOWS_SIZE,
    conditions,
    heading,
    number,
    printed_text,
    tally_line,
    title,
)
from bench.report.study_rows import rows_of
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table_result import Reproduction, Result
from bench.results.record import Record, SpeedRecord


@dataclass(frozen=True)
class CellView:
    """One cell: printed and measured text, and what opens below it.

    Attributes:
        sort: The printed number, by which a column is sorted.
        interval: How the measured number spreads, or None.
        command: What repeats the measurement, or None.
    """

    printed: str
    measured: str
    unit: str
    verdict: str
    sort: float
    note: str | None = None
    record: str | None = None
    interval: str | None = None
    command: str | None = None


@dataclass(frozen=True)
class RowView:
    """One row: its title, its input size where the table has one, and a cell or None for each column."""

    title: str
    size: str
    cells: tuple[CellView | None, ...]


@dataclass(frozen=True)
class TableView:
    """One table in the paper's layout."""

    id: str
    short: str
    heading: str
    about: str
    caption: str
    heads: tuple[str, ...]
    rows: tuple[RowView, ...]
    summary: Mapping[str, int]
    remarks: tuple[str, ...]


def table_view(table: Reproduction, records: Mapping[str, Record]) -> TableView:
    """Return what the page shows of a table.

    Args:
        table: The judged table.
        records: By id, for the commands and spreads of what was measured.
    """
    shows_size = table.table.name in SHOWS_SIZE
    rows = tuple(
        RowView(
            title(row, table),
            (row.input_size or "") if shows_size else "",
            tuple(_cell(table.results.get((row.name, column)), records) for column in row.cells),
        )
        for row in table.rows
    )
    about = "Printed number, measured number, verdict; open a cell for unit, note, record and command."
    if not shows_size:
        about += f" All rows: {conditions(table)}."
    remarks = [f"Times: {table.machine}. {table.ranks.line}."] if table.ranks is not None else []
    remarks += [f"{claim.line}." for claim in table.claims]
    name = f"Table {table.table.name.removeprefix('table')}"
    heads = tuple(HEADINGS[column] for column in table.table.columns)
    caption = f"{tally_line(table)}."
    return TableView(
        table.table.name, name, heading(table), about, caption, heads, rows, table.summary,
        (*table.notes, *remarks),
    )  # fmt: skip


def study_panels(studies: Sequence[JudgedStudy]) -> list[dict[str, Any]]:
    """Return what the page shows of each panel of the studies."""
    return [
        {
            "heading": study.heading,
            "title": panel.title,
            "about": f"{panel.about[0].upper()}{panel.about[1:]}.",
            "statement": f"{panel.statement.text[0].upper()}{panel.statement.text[1:]}",
            "verdict": panel.statement.verdict,
            "note": panel.statement.note,
            "rows": [asdict(row) for row in rows_of(study, panel)],
        }
        for study in studies
        for panel in study.panels
    ]


def text_number(result: Result) -> dict[str, str]:
    """Return what the page shows of a number that the running text prints."""
    cell = result.cell
    return {
        "title": cell.title,
        "column": cell.column.replace("_", " "),
        "where": cell.where or "",
        "printed": f"{printed_text(cell)} {cell.unit}",
        "measured": "not measured" if result.measured is None else f"{number(result.measured)} {cell.unit}",
        "printed_key": str(cell.value),
        "measured_key": "" if result.measured is None else repr(result.measured),
        "verdict": str(result.verdict),
        "note": result.as_json()["note"] or "",
    }


def _cell(result: Result | None, records: Mapping[str, Record]) -> CellView | None:
    if result is None:
        return None
    cell, record = result.cell, records.get(result.record or "")
    marks = " (msc)" if "msc" in cell.marks else " (from the text)" if "text-only" in cell.marks else ""
    return CellView(
        printed_text(cell) + marks,
        "" if result.measured is None else number(result.measured),
        cell.unit,
        str(result.verdict),
        float(cell.value),
        result.as_json()["note"],
        result.record,
        _spread(record),
        _command(cell, result, record),
    )


def _spread(record: Record | None) -> str | None:
    if not isinstance(record, SpeedRecord) or record.values.p90_ms is None:
        return None
    values = record.values
    return f"median of {values.samples} samples, 90 % within {values.p90_ms:.4g} ms"


def _command(cell: Cell, result: Result, record: Record | None) -> str | None:
    """Return the command that repeats a measurement: the record's own, or the count's."""
    if record is not None:
        return shlex.join(record.provenance.command)
    if result.measured is None:
        return None
    size = f" --size {cell.input_size}" if cell.input_size else ""
    classes = f" --classes {cell.classes}" if cell.classes else ""
    return f"carnet-bench cost {cell.row}{size}{classes}"
