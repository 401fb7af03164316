"""A judged table on a terminal: 80 columns hold every column and verdict, and a short summary follows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.report.markdown import sentence
from bench.report.page import (
    HEADINGS,
    SHOWS_SIZE,
    beside_title,
    conditions,
    heading,
    number,
    printed_text,
    ratios_line,
    title,
)
from bench.reproduce.table_result import Beside, Reproduction, Result
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.plausibility import IMPLAUSIBLE

_COLOURS = {str(word): word.colour for word in v.Word}
_SHORT: dict[str, str] = {
    v.EQUAL_IN_SOURCE_UNIT: "= in unit",
    v.WITHIN_ONE_DIGIT: "±1 digit",
    v.UNIT_ERROR: "unit err.",
    v.REPRODUCED: "reprod.",
    v.CONTRADICTED: "contrad.",
    v.NOT_DISTINGUISHABLE: "undecided",
    v.OTHER_MACHINE: "≠ machine",
    v.OTHER_DATA: "≠ data",
    v.OTHER_SPLIT: "≠ split",
    v.NOT_MEASURED: "not meas.",
    v.RECONSTRUCTION: "reconstr.",
}
"""At most nine characters, for a terminal that is too narrow for the words."""
_UNLIMITED = 10_000
_LINE = 13
"""Characters of a verdict in one line, where its words stand below each other."""

WORDS = ("whole", "stacked", "short")
"""Forms of the verdicts, the widest first."""


def show_table(reproduction: Reproduction, console: Console) -> None:
    """Print a table, what is not in the paper below it, and a summary of at most 12 lines.

    Each cell: the printed number, ours, the verdict. The notes on cells are on the page.
    """
    source = reproduction.table
    heads = ["Method", *(HEADINGS[column].replace(" (", "\n(") for column in source.columns)]

    def rows(words: str) -> Table:
        lines = [
            [
                _name(title(row, reproduction, "\n"), row.input_size if source.name in SHOWS_SIZE else None),
                *(_cell(reproduction.results.get((row.name, column)), words=words) for column in row.cells),
            ]
            for row in reproduction.rows
        ]
        shared = "" if source.name in SHOWS_SIZE else f" ({conditions(reproduction)})"
        name = f"{heading(reproduction)}{shared}. Printed, measured, verdict"
        return table_of(name, heads, lines)

    def beside(words: str) -> Table:
        lines = [
            [
                _name(method.title, method.kind),
                *(_numbers(method, name, words=words) for name in source.columns),
            ]
            for method in reproduction.beside
        ]
        name = f"{beside_title(reproduction)}: measured, {conditions(reproduction)}"
        return table_of(name, heads, lines)

    words = print_table(console, rows)
    if reproduction.beside:
        print_table(console, beside)
    for line in [*_summary(reproduction, words=words), f"All notes: reports/{reproduction.stem}.md"]:
        console.print(line, markup=False, highlight=False)


def table_of(name: str, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    """Return a table that wraps no line of a cell."""
    table = Table(title=name, show_lines=True, title_justify="left", box=box.HORIZONTALS)
    table.collapse_padding, table.pad_edge = True, False
    for head in heads:
        table.add_column(head, justify="right" if table.columns else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    return table


def print_table(console: Console, build: Callable[[str], Table]) -> str:
    """Print a table with the widest form of the verdicts that fits, and return the form.

    Without a terminal nothing is shortened. Where no form fits, the lines are longer than the terminal.
    """
    for words in WORDS if console.is_terminal else WORDS[1:2]:
        table = build(words)
        if _width(console, table) <= console.width:
            break
    print_whole(console, table)
    return words


def print_whole(console: Console, table: Table) -> None:
    """Print a table whose lines are rather longer than the terminal than cut."""
    width = console.width
    console.width = max(width, _width(console, table))
    console.print(table)
    console.width = width


def _width(console: Console, table: Table) -> int:
    return console.measure(table, options=console.options.update(width=_UNLIMITED)).maximum


def styled(verdict: str, *, words: str) -> str:
    """Return a verdict with its colour."""
    style = _COLOURS.get(verdict)
    text = _SHORT.get(verdict, verdict) if words == "short" else verdict
    if words == "stacked":
        text = textwrap.fill(verdict, _LINE, break_long_words=False)
    return f"[{style}]{text}[/{style}]" if style else text


def counted(counts: dict[str, int], *, words: str) -> str:
    """Return how often each verdict occurs, with the short form that the table shows."""
    return ", ".join(
        f"{count} {name}" + (f" ({_SHORT[name]})" if words == "short" and name in _SHORT else "")
        for name, count in counts.items()
    )


def _summary(reproduction: Reproduction, *, words: str) -> list[str]:
    """Return verdicts, whose times, their order, ratios and plausibility, in a line each."""
    tally = counted(reproduction.summary, words=words)
    lines = [f"{len(reproduction.results)} printed cells: {tally}.", *reproduction.notes]
    ranks = reproduction.ranks
    if ranks is None:
        return lines
    others = ", ".join(other.machine for other in reproduction.elsewhere)
    lines.append(f"Times: {reproduction.machine}" + (f"; on the page also {others}." if others else "."))
    if ranks.tau_b is not None:
        p = "" if ranks.p is None else f", p {ranks.p:.2g}"
        lines.append(
            f"Order: Kendall's tau-b {ranks.tau_b:+.3f}, {len(ranks.rows)} rows{p}: {ranks.verdict}."
        )
    if (ratios := ratios_line(reproduction)) is not None:
        verdicts = v.tally([claim.verdict for claim in reproduction.claims])
        lines.append(sentence(f"{ratios}: {counted(verdicts, words='whole')}"))
    times = reproduction.plausibility
    impossible: dict[str, int] = {}
    for share in (share for time in times for share in time.shares if share.verdict == IMPLAUSIBLE):
        impossible[share.card.name] = impossible.get(share.card.name, 0) + 1
    cards = " and ".join(f"{count} of {len(times)} on {card}" for card, count in impossible.items())
    return [*lines, f"Printed times impossible as counted: {cards}."] if cards else lines


def _name(text: str, below: str | None) -> str:
    return f"{escape(text)}\n[dim]{below}[/dim]" if below else escape(text)


def _cell(result: Result | None, *, words: str) -> str:
    if result is None:
        return "-"
    scales = " msc" if "msc" in result.cell.marks else ""
    lines = [f"[bold]{printed_text(result.cell)}[/bold]{scales}"]
    if result.measured is not None:
        # a long unit is a line of its own, so that it is not broken
        unit = f"{' ' if len(result.cell.unit) <= 3 else chr(10)}{result.cell.unit}"
        lines.append(number(result.measured) + ("" if words == "short" else unit))
    return "\n".join([*lines, styled(result.verdict, words=words)])


def _numbers(method: Beside, column: str, *, words: str) -> str:
    lines = [
        styled(v.NOT_MEASURED, words=words) if one.value is None else f"{number(one.value)} {one.unit}"
        for one in method.under(column)
    ]
    return "\n".join(dict.fromkeys(lines)) or "-"
