"""A judged comparison on a terminal: 80 columns are enough."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from bench.report.compare_rows import NOTHING, RULES, CompareRow, conditions, heading, rows_of
from bench.report.markdown import sentence
from bench.report.terminal import print_whole, table_of
from bench.reproduce.comparison_result import Comparison


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print a table of the methods, the rules of its marks, and each method's notes."""
    heads = ["Method", "", "mIoU (%)", "from the best\n(points)", "params\n(M)", "MACs\n(G)", "median\n(ms)"]
    rows = rows_of(comparison)
    lines = [
        [
            f"{escape(one.name)}\n[dim]{escape(row.weights)}[/dim]",
            row.marks,
            _two(row.miou, row.interval if row.interval != NOTHING else ""),
            _two(row.behind, "" if row.p == NOTHING else f"p {row.p}"),
            row.params,
            row.gmacs,
            row.median,
        ]
        for row, one in zip(rows, comparison.standings, strict=True)
    ]
    print_whole(console, table_of(heading(comparison), heads, lines))
    by_note: dict[str, list[str]] = {}
    for one in comparison.standings:
        for note in one.notes:
            by_note.setdefault(note, []).append(one.name)
    notes = [f"{', '.join(names)}: {note}" for note, names in by_note.items()]
    for line in (*map(sentence, conditions(comparison)), *_rules(rows), *notes):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _two(first: str, second: str) -> str:
    return "\n".join(part for part in (first, second) if part)


def _rules(rows: list[CompareRow]) -> list[str]:
    """Return the rules of what the table shows."""
    marks = "".join(row.marks for row in rows)
    return [RULES[0], *(rule for rule in RULES[1:] if rule[0] in marks)]
