"""A judged comparison in rows of text, as page, LaTeX and terminal print them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.study_rows import INTERVAL_RULE
from bench.reproduce.comparison_result import Comparison, Standing
from bench.reproduce.verdict.groups import LEAST_LEAD, LEVEL, Pair

NOTHING = "-"
GROUP, FRONT = "=", "F"
"""Marks of the group of the best and of the front."""

RULES = (
    INTERVAL_RULE,
    f"{GROUP}: cannot be told apart from the highest mIoU; all pairs are compared by seed and by image, with "
    f"p values corrected by Holm, {100 * LEVEL:.0f} %.",
    f"{FRONT}: on the front of mIoU against time: over each other method its lead in mIoU is real by the "
    f"same pairs, or it is faster by more than {100 * (LEAST_LEAD - 1):.0f} % in one interleaved run (all "
    "pairs, Holm).",
)


@dataclass(frozen=True)
class CompareRow:
    """One method in text; `NOTHING` where nothing is measured or judged.

    Attributes:
        title: Title, with the name where it differs.
        marks: `GROUP` and `FRONT`.
        miou, interval, seeds: In percent.
        behind, p: Points behind the best with the interval, and the corrected p value.
        weights: Starting weights.
        params, gmacs: In 1e6 and 1e9.
        median, p90, p99, fps: Of one image; the median in ms.
        peak, train: MiB of a call, and minutes of a training.
    """

    title: str
    marks: str
    miou: str
    interval: str
    seeds: str
    behind: str
    p: str
    weights: str
    params: str
    gmacs: str
    median: str
    p90: str
    p99: str
    fps: str
    peak: str
    train: str


def rows_of(comparison: Comparison) -> list[CompareRow]:
    """Return a row per method, the highest mIoU first."""
    return [
        _row(standing, line) for standing, line in zip(comparison.standings, comparison.lines(), strict=True)
    ]


def heading(comparison: Comparison) -> str:
    """Return the title of the comparison."""
    synthetic = " (synthetic images)" if comparison.synthetic else ""
    return f"Comparison {comparison.name}{synthetic}"


def conditions(comparison: Comparison) -> list[str]:
    """Return protocol, times and remarks, a sentence each."""
    height, width = comparison.size_hw
    times = "no valid time in one run of the methods" if comparison.timed is None else comparison.timed
    smoke = ["smoke runs, which only show that the parts fit together"] if comparison.smoke else []
    return [
        *smoke,
        comparison.protocol,
        f"operations and times of one image of {height}x{width}, or of the smallest size above it that a "
        f"method takes; times: {times}",
        *comparison.notes,
    ]


def pair_words(pair: Pair) -> str:
    """Return the verdict on a pair: which of the two is ahead."""
    if pair.corrected is None:
        return "not judged"
    return "not told apart" if pair.leader is None else f"{pair.leader} is higher"


def points(values: Sequence[float | None], *, signed: bool = False) -> str:
    """Return the first fraction in percent, or the range of two."""
    if any(value is None for value in values):
        return NOTHING
    form = "{:+.2f}" if signed else "{:.2f}"
    return " to ".join(form.format(100 * value) for value in values if value is not None)


def _row(one: Standing, line: dict[str, object]) -> CompareRow:
    def number(key: str, digits: int = 4) -> str:
        value = line[key]
        return NOTHING if not isinstance(value, float) else f"{value:.{digits}g}"

    title = one.entry.method.title
    behind = (line["behind_best_low"], line["behind_best_high"])
    p = line["p_corrected"]
    return CompareRow(
        title if title == one.name else f"{title} ({one.name})",
        (GROUP if one.in_group else "") + (FRONT if one.on_front else ""),
        points([one.miou]),
        NOTHING if one.interval is None else points([one.interval.low, one.interval.high]),
        str(len(one.seeds)) if one.seeds or not one.entry.accuracy else NOTHING,
        NOTHING
        if one.to_best is None
        else points([value for value in behind if isinstance(value, float)], signed=True),
        NOTHING if not isinstance(p, float) else "< 0.001" if p < 0.001 else f"{p:.3f}",
        one.weights or NOTHING,
        number("params_m"),
        number("gmacs"),
        number("median_ms"),
        number("p90_ms"),
        number("p99_ms"),
        number("fps", 3),
        NOTHING if not isinstance(line["peak_mib"], float) else f"{line['peak_mib']:.0f}",
        NOTHING if one.train_s is None else f"{one.train_s / 60:.1f}",
    )
