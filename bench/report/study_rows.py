"""A judged study in rows of text, as page and terminal print them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.evaluate.differences import Difference, Interval
from bench.reproduce.study_result import Gain, JudgedStudy, Level, Panel

NOTHING = "-"

INTERVAL_RULE = (
    "Intervals are 95 %, over seeds (Student's t) and images (jackknife over blocks of neighbouring frames; "
    "one seed: images only)."
)

INTERVALS = (
    f"{INTERVAL_RULE} A difference is reproduced or contradicted when, with 3 seeds or more, its interval "
    "excludes 0; it contradicts a claim on several differences when that holds corrected for their number."
)

NO_NUMBERS = "The figure's numbers are not in the paper's text, so only its statement is checked."


@dataclass(frozen=True)
class StudyRow:
    """One variant: its mIoU, and the difference that its row shows.

    Attributes:
        label: Name of the variant.
        printed, measured, interval, seeds, verdict: Its mIoU in percent; the verdict is empty where nothing
            is printed.
        note: Note on the mIoU, or None.
        gain_printed, gain, gain_interval, gain_verdict: The difference in points; `NOTHING` where the row has
            none.
        gain_note: Note on the difference, or None.
    """

    label: str
    printed: str
    measured: str
    interval: str
    seeds: str
    verdict: str
    note: str | None
    gain_printed: str
    gain: str
    gain_interval: str
    gain_verdict: str
    gain_note: str | None


def rows_of(study: JudgedStudy, panel: Panel) -> list[StudyRow]:
    """Return a row for each variant.

    In Table 5 the difference is the improvement over the row before; in a figure the claimed best minus this.
    """
    by_label = {gain.label if study.improves else gain.over: gain for gain in panel.gains}
    return [_row(level, by_label.get(level.label)) for level in panel.levels]


def gain_heading(study: JudgedStudy, panel: Panel) -> str:
    """Return what the differences are: ``improvement``, or e.g. ``N = 4 minus this variant``."""
    return "improvement" if study.improves else f"{panel.gains[0].label} minus this variant"


def statement_line(panel: Panel) -> str:
    """Return the paper's claim with its verdict and what decided."""
    note = f" ({panel.statement.note})" if panel.statement.note else ""
    return f'claim "{panel.statement.text}": {panel.statement.verdict}{note}'


def summary_line(study: JudgedStudy) -> str:
    """Return the number of printed cells, or of a figure's claims, and of each verdict."""
    counts = ", ".join(f"{count} {name}" for name, count in study.summary.items())
    total = sum(study.summary.values())
    what = "printed cell" if study.results else "claim"
    return f"{total} {what}{'' if total == 1 else 's'}: {counts}"


def _row(level: Level, gain: Gain | None) -> StudyRow:
    found = level.interval
    difference = None if gain is None else gain.difference
    return StudyRow(
        level.label,
        NOTHING if level.cell is None else level.cell.printed,
        _measured(found),
        _range(found, signed=False),
        str(len(level.seeds)),
        level.verdict or "",
        level.note,
        NOTHING if gain is None else gain.printed or "+",
        NOTHING if difference is None else f"{100 * difference.mean:+.2f}",
        _range(difference, signed=True),
        NOTHING if gain is None else gain.verdict,
        None if gain is None or difference is None else gain.note,
    )


def _measured(found: Interval | None) -> str:
    if found is None:
        return NOTHING
    std = "" if found.std is None else f" ± {100 * found.std:.2f}"
    return f"{100 * found.mean:.2f}{std}"


def _range(found: Interval | Difference | None, *, signed: bool) -> str:
    if found is None:
        return NOTHING
    low, high = 100 * found.low, 100 * found.high
    return f"{low:+.2f} to {high:+.2f}" if signed else f"{low:.2f} to {high:.2f}"
