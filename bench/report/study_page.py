"""A judged study as a Markdown page and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from bench.report.csv_table import as_text
from bench.report.origin import Origin
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

COLUMNS = (
    "table", "panel", "row", "column", "over", "printed", "unit", "measured", "measured_std", "low", "high",
    "seeds", "verdict", "note", "record", "commit", "machine",
)  # fmt: skip


def study_to_markdown(study: JudgedStudy, origin: Origin, plot: str) -> str:
    """Return the page of a study.

    Parameters
    ----------
    study
        Judged.
    origin
        What made it.
    plot
        File name of its figure.
    """
    notes = Footnotes()
    lines = [f"# {study.heading}: {study.caption}", ""]
    printed = "Printed beside measured" if study.results else NO_NUMBERS + " Measured"
    lines += [f"{printed}: mean mIoU ± standard deviation between the seeds, in percent. {INTERVALS}", ""]
    for panel in study.panels:
        lines += _panel(study, panel, notes)
    lines += [f"![{study.heading}: points with their intervals]({plot})", "", f"{summary_line(study)}.", ""]
    if notes.numbers:
        numbered = [f"{count}. {_escaped(note)}" for note, count in notes.numbers.items()]
        lines += ["## Notes", "", *numbered, ""]
    lines += [f"{origin.line[0].upper()}{origin.line[1:]}.", ""]
    return "\n".join(lines)


def study_to_csv(study: JudgedStudy, origin: Origin) -> str:
    """Return one line for each mIoU and each difference; ``results/README.md`` defines the columns."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    shared = {"table": study.name, "commit": origin.commit, "machine": origin.machine}
    for panel in study.panels:
        levels = [
            {
                **level.as_json(),
                "column": "miou",
                "row": level.label if level.cell is None else level.cell.row,
                "printed": None if level.cell is None else level.cell.printed,
                "measured_std": level.as_json()["std"],
                "seeds": " ".join(map(str, level.seeds)),
                "verdict": level.verdict,
                "record": " ".join(level.records),
            }
            for level in panel.levels
        ]
        names = {level.label: line["row"] for level, line in zip(panel.levels, levels, strict=True)}
        gains = [
            {
                **gain.as_json(),
                "column": "improvement" if study.improves else "difference",
                "row": names[gain.label],
                "over": names[gain.over],
            }
            for gain in panel.gains
        ]
        for line in [*levels, *gains]:
            fields: dict[str, Any] = {**line, **shared, "panel": panel.title}
            writer.writerow(as_text(fields.get(name)) for name in COLUMNS)
    return stream.getvalue()


def _panel(study: JudgedStudy, panel: Panel, notes: Footnotes) -> list[str]:
    printed = bool(study.results)
    change = gain_heading(study, panel)
    heads = [
        "Variant",
        *(["MIoU (%) printed", "measured"] if printed else ["MIoU (%) measured"]),
        "95 % interval",
        "seeds",
        *(["verdict", f"{change} printed", "measured"] if printed else [change]),
        "95 % interval",
        "verdict",
    ]
    lines = [f"## {panel.title}", "", f"{panel.about[0].upper()}{panel.about[1:]}.", "", _line(heads)]
    lines.append(_line(["---"] * len(heads)))
    lines += [_line(_fields(row, printed=printed)) for row in rows_of(study, panel, notes)]
    remarks = [f"{note[0].upper()}{note[1:]}." for note in panel.notes]
    return [*lines, "", f"**{_escaped(statement_line(panel))}.** {' '.join(remarks)}".rstrip(), ""]


def _fields(row: StudyRow, *, printed: bool) -> list[str]:
    measured = f"{row.measured}{_mark(row.note)}" if not printed else row.measured
    return [
        _escaped(row.label),
        *([f"**{row.printed}**", measured] if printed else [measured]),
        row.interval,
        row.seeds,
        *([f"{row.verdict}{_mark(row.note)}", _bold(row.gain_printed), row.gain] if printed else [row.gain]),
        row.gain_interval,
        f"{row.gain_verdict}{_mark(row.gain_note)}",
    ]


def _bold(text: str) -> str:
    return text if text == NOTHING else f"**{text}**"


def _mark(number: int | None) -> str:
    return "" if number is None else f" <sup>{number}</sup>"


def _line(fields: list[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
