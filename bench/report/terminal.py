"""A judged table for the terminal."""

from __future__ import annotations

from rich.table import Table

from bench.paper import Row
from bench.report.page import HEADINGS, number, title
from bench.reproduce import verdict as v
from bench.reproduce.tables import NOT_BUILT, Reproduction, Result

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


def terminal_table(reproduction: Reproduction) -> tuple[Table, list[str]]:
    """Return the table, and the notes to print below it.

    In each cell: the printed number, ours in the printed unit, the verdict with the number of its note.
    """
    source = reproduction.table
    footnotes: dict[str, int] = {}
    table = Table(
        title=f"Table {source.name.removeprefix('table')}: {source.caption}. Printed, measured, verdict",
        show_lines=True,
        title_justify="left",
    )
    table.add_column("Method", overflow="fold")
    for name in source.columns:
        table.add_column(HEADINGS[name], justify="right")
    for row in reproduction.rows:
        texts = [_text(reproduction.results.get((row.name, column)), footnotes) for column in row.cells]
        table.add_row(_name(row), *texts)
    numbered = [f"[{count}] {note}" for note, count in footnotes.items()]
    counts = ", ".join(f"{count} {name}" for name, count in reproduction.summary.items())
    return table, [*numbered, *reproduction.notes, f"{len(reproduction.results)} printed cells: {counts}"]


def _name(row: Row) -> str:
    return f"{title(row)}\n[dim]{row.input_size}[/dim]" if row.input_size else title(row)


def _text(result: Result | None, footnotes: dict[str, int]) -> str:
    if result is None:
        return "-"
    lines = [f"[bold]{result.cell.printed}[/bold]"]
    if result.measured is not None:
        lines.append(f"{number(result.measured)} {result.cell.unit}")
    verdict = result.verdict
    if result.note == NOT_BUILT:
        verdict = "not built yet"
    elif result.note is not None:
        # an escaped bracket: rich would read [1] as a style
        verdict += f" \\[{footnotes.setdefault(result.note, len(footnotes) + 1)}]"
    style = _STYLES.get(result.verdict)
    lines.append(f"[{style}]{verdict}[/{style}]" if style else verdict)
    return "\n".join(lines)
