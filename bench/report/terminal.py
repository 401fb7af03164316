"""A judged table for the terminal: 100 columns are enough."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from bench.report.page import HEADINGS, beside_title, conditions, number, printed_text, tally_line, title
from bench.report.times import times_notes
from bench.reproduce.table import NO_NETWORK
from bench.reproduce.table_result import Beside, Reproduction, Result
from bench.reproduce.verdict import words as v

_STYLES = {
    v.EQUAL: "green",
    v.EQUAL_IN_SOURCE_UNIT: "green",
    v.REPRODUCED: "green",
    v.WITHIN_ONE_DIGIT: "yellow",
    v.OFF: "red",
    v.UNIT_ERROR: "red",
    v.CONTRADICTED: "red",
    v.NOT_MEASURED: "dim",
}
_SHORT_UNIT = 3


def terminal_tables(reproduction: Reproduction) -> tuple[list[Table], list[str]]:
    """Return the table, what stands beside it if there is anything, and the notes to print below.

    In each cell: the printed number, ours in the printed unit, the verdict with the number of its note.
    """
    source = reproduction.table
    footnotes: dict[str, int] = {}
    lines = [
        [
            _name(title(row, reproduction, "\n"), row.input_size),
            *(_text(reproduction.results.get((row.name, column)), footnotes) for column in row.cells),
        ]
        for row in reproduction.rows
    ]
    name = f"Table {source.name.removeprefix('table')}: {source.caption}. Printed, measured, verdict"
    tables = [_table(name, source.columns, lines)]
    if reproduction.beside:
        lines = [
            [
                _name(method.title, method.kind),
                *(_numbers(method, column, footnotes) for column in source.columns),
            ]
            for method in reproduction.beside
        ]
        name = f"{beside_title(reproduction)}: measured, {conditions(reproduction)}"
        tables.append(_table(name, source.columns, lines))
    numbered = [f"[{count}] {note}" for note, count in footnotes.items()]
    return tables, [*numbered, *reproduction.notes, *times_notes(reproduction), tally_line(reproduction)]


def _table(name: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    # lines between rows only: 100 columns then hold every word of a verdict
    table = Table(title=name, show_lines=True, title_justify="left", box=box.HORIZONTALS)
    table.collapse_padding, table.pad_edge = True, False
    table.add_column("Method", no_wrap=True)
    for column, cells in zip(columns, list(zip(*lines, strict=True))[1:], strict=True):
        heading = HEADINGS[column].replace(" (", "\n(")
        words = " ".join(Text.from_markup(cell).plain for cell in cells).split()
        table.add_column(
            heading, justify="right", overflow="fold", min_width=max(len(word) for word in words)
        )
    for line in lines:
        table.add_row(*line)
    return table


def _name(text: str, below: str | None) -> str:
    return f"{text}\n[dim]{below}[/dim]" if below else text


def _text(result: Result | None, footnotes: dict[str, int]) -> str:
    if result is None:
        return "-"
    scales = " msc" if "msc" in result.cell.marks else ""
    lines = [f"[bold]{printed_text(result.cell)}[/bold]{scales}"]
    if result.measured is not None:
        lines.append(_with_unit(result.measured, result.cell.unit))
    verdict = result.verdict
    if result.note == NO_NETWORK:
        verdict = NO_NETWORK
    elif result.note is not None:
        verdict += f" {_mark(result.note, footnotes)}"
    style = _STYLES.get(result.verdict)
    lines.append(f"[{style}]{verdict}[/{style}]" if style else verdict)
    return "\n".join(lines)


def _numbers(method: Beside, column: str, footnotes: dict[str, int]) -> str:
    lines: list[str] = []
    for one in method.under(column):
        shown = "[dim]not measured[/dim]" if one.value is None else _with_unit(one.value, one.unit)
        line = shown if one.note is None else f"{shown} {_mark(one.note, footnotes)}"
        if line not in lines:
            lines.append(line)
    return "\n".join(lines) or "-"


def _with_unit(value: float, unit: str) -> str:
    """Return number and unit; a long unit on a line of its own, where it is not cut."""
    return f"{number(value)}{' ' if len(unit) <= _SHORT_UNIT else chr(10)}{unit}"


def _mark(note: str, footnotes: dict[str, int]) -> str:
    # an escaped bracket: rich would read [1] as a style
    return f"\\[{footnotes.setdefault(note, len(footnotes) + 1)}]"
