"""A judged study as a Markdown page."""

from __future__ import annotations

from bench.report.markdown import Footnotes, escaped, sentence, table
from bench.report.origin import Origin
from bench.report.scloss_rows import scloss_section
from bench.report.study_power import power_of
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
from bench.reproduce.study_result import JudgedStudy, Panel


def study_to_markdown(study: JudgedStudy, origin: Origin, plot: str) -> str:
    """Return the page of a study.

    Args:
        study: A judged study.
        origin: Commit and machine that make the page.
        plot: File name of its figure.
    """
    rows = {panel.title: rows_of(study, panel) for panel in study.panels}
    every = [row for of_panel in rows.values() for row in of_panel]
    notes = Footnotes((row.label, note) for row in every for note in (row.note, row.gain_note))
    printed = "Printed and measured" if study.results else f"{NO_NUMBERS} Measured"
    lines = [
        f"# {study.heading}: {study.caption}",
        "",
        f"{printed}: mean mIoU ± standard deviation between the seeds, in percent. {INTERVALS}",
        "",
    ]
    for panel in study.panels:
        lines += _panel(study, panel, rows[panel.title], notes)
    lines += [
        f"![{study.heading}: points with their intervals]({plot})",
        "",
        *scloss_section(study),
        f"{summary_line(study)}.",
        "",
        *notes.section,
        sentence(origin.line),
        "",
    ]
    return "\n".join(lines)


def _panel(study: JudgedStudy, panel: Panel, rows: list[StudyRow], notes: Footnotes) -> list[str]:
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
    remarks = "".join(f" {sentence(note)}" for note in panel.notes)
    return [
        f"## {panel.title}",
        "",
        sentence(panel.about),
        "",
        *table(heads, [_fields(row, notes, printed=printed) for row in rows]),
        f"**{escaped(sentence(statement_line(panel)))}**{remarks}",
        "",
        *power_of(panel),
    ]


def _fields(row: StudyRow, notes: Footnotes, *, printed: bool) -> list[str]:
    mark = notes.mark(row.note)
    gain_printed = row.gain_printed if row.gain_printed == NOTHING else f"**{row.gain_printed}**"
    return [
        escaped(row.label),
        *([f"**{row.printed}**", row.measured] if printed else [row.measured + mark]),
        row.interval,
        row.seeds,
        *([row.verdict + mark, gain_printed, row.gain] if printed else [row.gain]),
        row.gain_interval,
        row.gain_verdict + notes.mark(row.gain_note),
    ]
