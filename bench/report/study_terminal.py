"""A judged study for the terminal: 100 columns are enough."""

from __future__ import annotations

from rich import box
from rich.table import Table

from bench.report.study_rows import (
    INTERVALS,
    NO_NUMBERS,
    NOTHING,
    Footnotes,
    StudyRow,
    gain_heading,
    rows_of,
    statement_line,
    summary_line,
)
from bench.reproduce.study_result import JudgedStudy, Panel
from bench.reproduce.verdict import words as v

_STYLES = {v.REPRODUCED: "green", v.CONTRADICTED: "red", v.NOT_MEASURED: "dim"}


def study_tables(study: JudgedStudy) -> tuple[list[tuple[Table, list[str]]], list[str]]:
    """Return each panel's table with the lines to print below it, and the lines for the end."""
    notes = Footnotes()
    panels = [(_table(study, panel, notes), _below(panel)) for panel in study.panels]
    numbered = [f"[{count}] {note}" for note, count in notes.numbers.items()]
    numbers = [] if study.results else [NO_NUMBERS]
    return panels, [*numbered, *numbers, INTERVALS, summary_line(study)]


def _table(study: JudgedStudy, panel: Panel, notes: Footnotes) -> Table:
    table = Table(
        title=f"{study.heading}: {study.caption}. {panel.title}",
        show_lines=True,
        title_justify="left",
        box=box.HORIZONTALS,
    )
    table.collapse_padding, table.pad_edge = True, False
    table.add_column("Variant")
    printed = bool(study.results)
    table.add_column("MIoU (%)\n" + ("printed, measured" if printed else "measured"), justify="right")
    table.add_column(f"{gain_heading(study, panel)}\n(points)", justify="right")
    table.add_column("verdict on\nthe difference", justify="right")
    for row in rows_of(study, panel, notes):
        change = [] if row.gain_printed in (NOTHING, "+") else [f"[bold]{row.gain_printed}[/bold]"]
        change += [row.gain] if row.gain_interval == NOTHING else [row.gain, row.gain_interval]
        verdict = _styled(row.gain_verdict, row.gain_note)
        table.add_row(row.label, _miou(row, printed=printed), "\n".join(change), verdict)
    return table


def _miou(row: StudyRow, *, printed: bool) -> str:
    lines = [f"[bold]{row.printed}[/bold]"] if printed else []
    if row.interval != NOTHING:
        seeds = f"{row.seeds} seed{'' if row.seeds == '1' else 's'}"
        lines += [f"{row.measured} ({seeds})", row.interval]
    lines.append(_styled(row.verdict, row.note))
    return "\n".join(line for line in lines if line)


def _below(panel: Panel) -> list[str]:
    return [f"{panel.about[0].upper()}{panel.about[1:]}.", statement_line(panel), *panel.notes, ""]


def _styled(verdict: str, note: int | None) -> str:
    # an escaped bracket: rich would read [1] as a style
    text = " ".join(part for part in (verdict, "" if note is None else f"\\[{note}]") if part)
    style = _STYLES.get(verdict)
    return f"[{style}]{text}[/{style}]" if style else text
