"""How many seeds would detect each gain of a study, as a Markdown table."""

from __future__ import annotations

from bench.evaluate.differences import Difference
from bench.evaluate.power import MOST_SEEDS, POWER, seeds_needed, smallest_gain
from bench.report.markdown import escaped, table
from bench.report.study_rows import NOTHING
from bench.reproduce.study_result import Gain, Panel

_HEADS = [
    "Difference",
    "between seeds",
    "between images",
    "smallest detectable gain",
    "printed gain",
    "seeds needed for it",
]


def power_of(panel: Panel) -> list[str]:
    """Return the lines of a panel's table; none where no gain has two seeds or more."""
    rows = [_row(gain, gain.difference) for gain in panel.gains if gain.difference is not None]
    found = [row for row in rows if row is not None]
    if not found:
        return []
    return [
        f"Seeds needed to detect a gain with a chance of {100 * POWER:.0f} %: standard deviations of a "
        "pair of runs between seeds, and of what all pairs share between images, in points of mIoU; the "
        "smallest true gain that the seeds on record detect; and the seeds that the printed gain would take "
        "with these spreads. More seeds do not make the part of the images smaller, and a spread from 3 "
        "seeds is rough.",
        "",
        *table(_HEADS, found),
    ]


def _row(gain: Gain, difference: Difference) -> list[str] | None:
    if difference.pair_variance is None:
        return None
    smallest = smallest_gain(difference, min(difference.seeds))
    return [
        escaped(f"{gain.label} - {gain.over}"),
        f"{100 * difference.pair_variance**0.5:.2f}",
        f"{100 * difference.shared_variance**0.5:.2f}",
        NOTHING if smallest is None else f"{100 * smallest:+.2f}",
        gain.printed or "positive",
        _seeds(gain.printed, difference),
    ]


def _seeds(printed: str | None, difference: Difference) -> str:
    if printed is None or float(printed) <= 0:
        return NOTHING
    needed = seeds_needed(difference, float(printed) / 100)
    return f"more than {MOST_SEEDS}" if needed is None else str(needed)
