"""A judged study on a terminal: 80 columns are enough."""

from __future__ import annotations

from functools import partial

from rich.console import Console
from rich.table import Table

from bench.report.markdown import sentence
from bench.report.study_rows import (
    INTERVALS,
    NO_NUMBERS,
    NOTHING,
    StudyRow,
    gain_heading,
    rows_of,
    statement_line,
    summary_line,
)
from bench.report.terminal import print_table, styled, table_of
from bench.reproduce.study_result import JudgedStudy, Panel


def show_study(study: JudgedStudy, console: Console) -> None:
    """Print a table for each panel with its statement below, and a summary; all notes are on the page."""
    for panel in study.panels:
        print_table(console, partial(_table, study, panel))
        for line in (sentence(panel.about), sentence(statement_line(panel)), ""):
            console.print(line, markup=False, highlight=False)
    numbers = [] if study.results else [NO_NUMBERS]
    for line in (*numbers, INTERVALS, sentence(summary_line(study)), f"All notes: reports/{study.name}.md"):
        console.print(line, markup=False, highlight=False)


def _table(study: JudgedStudy, panel: Panel, words: str) -> Table:
    printed = bool(study.results)
    heads = [
        "Variant",
        "MIoU (%)\n" + ("printed,\n" if printed else "") + "measured (seeds)",
        f"{gain_heading(study, panel)}\n(points)".replace(" minus ", "\nminus "),
        "verdict on\nthe difference",
    ]
    lines = []
    for row in rows_of(study, panel):
        change = [] if row.gain_printed in (NOTHING, "+") else [f"[bold]{row.gain_printed}[/bold]"]
        change += [row.gain] if row.gain_interval == NOTHING else [row.gain, row.gain_interval]
        miou = _miou(row, printed=printed, words=words)
        lines.append([row.label, miou, "\n".join(change), styled(row.gain_verdict, words=words)])
    return table_of(f"{study.heading}: {study.caption}. {panel.title}", heads, lines)


def _miou(row: StudyRow, *, printed: bool, words: str) -> str:
    lines = [f"[bold]{row.printed}[/bold]"] if printed else []
    if row.interval != NOTHING:
        lines += [f"{row.measured} ({row.seeds})", row.interval]
    lines.append(styled(row.verdict, words=words))
    return "\n".join(line for line in lines if line)
