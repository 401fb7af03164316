"""A judged comparison as a Markdown page and as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable

from bench.report import latex
from bench.report.compare_reading import TITLE, reading
from bench.report.compare_rows import (
    FRONT,
    GROUP,
    NOTHING,
    RULES,
    CompareRow,
    conditions,
    heading,
    pair_words,
    points,
    rows_of,
)
from bench.report.markdown import Footnotes, escaped, sentence, table
from bench.report.origin import Origin
from bench.reproduce.comparison_result import Comparison

_HEADS = {
    "title": "Method",
    "marks": "",
    "miou": "mIoU (%)",
    "interval": "95 % interval",
    "seeds": "seeds",
    "behind": "points from the best, 95 % interval",
    "p": "p (Holm)",
    "weights": "starting weights",
    "train": "training (min)",
}
_COSTS = {
    "title": "Method",
    "params": "params (M)",
    "gmacs": "MACs (G)",
    "median": "median (ms)",
    "p90": "p90 (ms)",
    "p99": "p99 (ms)",
    "fps": "FPS",
    "peak": "peak memory (MiB)",
}
_LATEX = ("title", "weights", "miou", "interval", "params", "gmacs", "median", "fps")


def comparison_to_markdown(comparison: Comparison, origin: Origin, plots: Iterable[str]) -> str:
    """Return the page of a comparison.

    Args:
        comparison: A judged comparison.
        origin: Commit and machine that make the page.
        plots: File names of its figures.
    """
    rows = rows_of(comparison)
    standings = comparison.standings
    notes = Footnotes(
        (row.title, note) for row, one in zip(rows, standings, strict=True) for note in one.notes
    )
    marks = {one.name: "".join(notes.mark(note) for note in one.notes) for one in standings}
    lines = [f"# {heading(comparison)}", "", *map(sentence, conditions(comparison)), "", *RULES, ""]
    fields = [
        [escaped(row.title) + marks[one.name], *_fields(row, list(_HEADS)[1:])]
        for row, one in zip(rows, standings, strict=True)
    ]
    lines += table(list(_HEADS.values()), fields)
    lines += ["## Costs", "", *table(list(_COSTS.values()), [_fields(row, _COSTS) for row in rows])]
    for plot in plots:
        lines += [f"![{plot.partition('.')[0]}]({plot})", ""]
    lines += [f"## {TITLE}", "", *(f"* {escaped(one)}" for one in reading(comparison)), ""]
    classes = comparison.classes
    by_class = [
        [escaped(row.title), *(points([one.iou.get(name)]) for name in classes)]
        for row, one in zip(rows, standings, strict=True)
    ]
    lines += ["## IoU of each class (%)", "", *table(["Method", *map(escaped, classes)], by_class)]
    lines += [*_pairs(comparison), *notes.section, sentence(origin.line), ""]
    return "\n".join(lines)


def comparison_to_latex(comparison: Comparison, origin: Origin) -> str:
    """Return a ``tabular`` of the comparison, no wider than the text; see `bench.report.latex.NEEDS`."""
    heads = {**_HEADS, **_COSTS}
    comments = (f"{heading(comparison)}; {latex.NEEDS}", *conditions(comparison), *RULES, origin.line)
    lines = [
        f"\\begin{{tabular}}{{ll{'r' * (len(_LATEX) - 2)}}}",
        "\\toprule",
        " & ".join(latex.escaped(heads[key]) for key in _LATEX) + " \\\\",
        "\\midrule",
    ]
    for row in rows_of(comparison):
        mark = f"$^{{{row.marks}}}$" if row.marks else ""
        fields = [latex.escaped(getattr(row, key)).replace(" to ", "--") for key in _LATEX]
        lines.append(" & ".join([fields[0], fields[1], fields[2] + mark, *fields[3:]]) + " \\\\")
    legend = f"$^{{{GROUP}}}$ not told apart from the best; $^{{{FRONT}}}$ on the front of mIoU against time"
    table_lines = latex.fitted([*lines, "\\bottomrule", "\\end{tabular}"])
    head = [f"% {line}" for line in comments]
    return "\n".join([*head, *table_lines, "", f"{{\\footnotesize {legend}\\par}}", ""])


def _fields(row: CompareRow, keys: Iterable[str]) -> list[str]:
    return [escaped(getattr(row, key)) for key in keys]


def _pairs(comparison: Comparison) -> list[str]:
    if not comparison.accuracy_pairs:
        return []
    lines = [
        [
            escaped(pair.second),
            escaped(pair.first),
            points([pair.mean], signed=True),
            points([pair.low, pair.high], signed=True),
            NOTHING if pair.corrected is None else f"{pair.corrected:.3g}",
            escaped(pair_words(pair)),
        ]
        for pair in comparison.accuracy_pairs
    ]
    heads = ["Method", "minus", "mIoU (points)", "95 % interval", "p (Holm)", "verdict"]
    return ["## All pairs", "", *table(heads, lines)]
