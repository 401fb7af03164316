"""Fig. 7 as a figure, a page and a CSV table: the parameters of each component, with what the text prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from bench.files import write_below
from bench.report.csv_table import to_csv
from bench.report.figure import COLOURS, render
from bench.report.latex import to_latex
from bench.report.markdown import sentence, table
from bench.report.origin import Origin, origin
from bench.reproduce.parameter_parts import CAPTION, NAME, PARTS, Part, summary

COLUMNS = ("table", "row", "column", "printed", "unit", "measured", "verdict", "note")

_HEADING = f"Fig. 7: {CAPTION}"
_HEIGHT_IN = 2.3
_ABOUT = (
    "Counted on the networks built here, with the parts that run in training only. The paper's bars carry no "
    "numbers: printed values are those of Section IV.E.1. They were constraints of the search that recovered "
    "the architecture, so their equality is no independent confirmation of it."
)


def write_parts(parts: Sequence[Part], home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/fig7.*``, ``reports/tex/fig7.tex`` and ``results/tables/fig7.csv``.

    Returns:
        The files written, the page first.

    Raises:
        RefusedInput: The disk refuses; the message names the file.
    """
    return write_below(home, parts_files(parts, made_by or origin()))


def parts_files(parts: Sequence[Part], made_by: Origin) -> dict[str, str | bytes]:
    """Return what `write_parts` writes, by path below the home folder; equal input gives equal bytes."""
    frame = pd.DataFrame([{"table": NAME, **one.as_json()} for one in parts], columns=list(COLUMNS))
    titles = {one.row: one.title for one in parts}
    return {
        f"reports/{NAME}.md": to_markdown(parts, made_by),
        f"reports/tex/{NAME}.tex": to_latex(frame, titles, _HEADING, made_by),
        f"results/tables/{NAME}.csv": to_csv(frame, made_by),
        **{f"reports/{NAME}.{form}": content for form, content in draw(parts, made_by).items()},
    }


def to_markdown(parts: Sequence[Part], made_by: Origin) -> str:
    """Return the page: a row per version, a column per component."""
    rows: dict[str, list[str]] = {}
    for one in parts:
        rows.setdefault(one.title, []).append("<br>".join(_lines(one)))
    lines = [
        f"# {_HEADING}",
        "",
        f"Each cell: the printed number, the count, the verdict. {_ABOUT}",
        "",
        *table(["Version", *PARTS.values()], [[title, *cells] for title, cells in rows.items()]),
        f"![{CAPTION}]({NAME}.svg)",
        "",
        sentence(made_by.line),
    ]
    return "\n".join([*lines, ""])


def show_parts(parts: Sequence[Part], console: Console) -> None:
    """Print the counts with the verdicts, and how often each occurs."""
    shown = Table(*("Version", *PARTS.values()), title=_HEADING)
    rows: dict[str, list[str]] = {}
    for one in parts:
        rows.setdefault(one.title, []).append("\n".join(_lines(one, bold="")))
    for title, cells in rows.items():
        shown.add_row(title, *cells)
    console.print(shown)
    counts = ", ".join(f"{count} {word}" for word, count in summary(parts).items())
    console.print(f"Printed numbers: {counts}", markup=False, highlight=False)


def draw(parts: Sequence[Part], made_by: Origin) -> dict[str, str | bytes]:
    """Return the figure in every form, and its caption; the same input gives the same bytes."""
    return render(
        _HEIGHT_IN,
        _HEADING,
        [_ABOUT.rstrip("."), made_by.line],
        lambda figure: _fill(figure, parts),
        shows=parts,
    )


def _fill(figure: Any, parts: Sequence[Part]) -> None:
    axes = figure.subplots()
    titles = list(dict.fromkeys(one.title for one in parts))
    width = 0.8 / len(PARTS)
    for index, (part, name) in enumerate(PARTS.items()):
        bars = [one for one in parts if one.part == part]
        places = [titles.index(one.title) - 0.4 + (index + 0.5) * width for one in bars]
        shown = axes.bar(
            places, [one.params_m for one in bars], width * 0.92, color=COLOURS[index], label=name
        )
        axes.bar_label(shown, [f"{one.params_m:.1f}" for one in bars], padding=2.5, fontsize=5)
        printed = [
            (place, float(one.printed.value)) for place, one in zip(places, bars, strict=True) if one.printed
        ]
        axes.plot(
            *zip(*printed, strict=True), "_", color="black", markersize=7, markeredgewidth=1.1,
            label="printed" if index == len(PARTS) - 1 else None,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_ylim(0.1, 130)
    axes.minorticks_off()
    axes.set_ylabel("parameters (M)")
    axes.set_xticks(range(len(titles)), [title.removeprefix("CARNet-") for title in titles])
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside lower left", ncols=len(PARTS) + 1, columnspacing=0.8, handlelength=1.0)


def _lines(one: Part, bold: str = "**") -> list[str]:
    printed = [] if one.printed is None else [f"{bold}{one.printed.printed}{bold}"]
    verdict = [] if one.found is None else [str(one.found.verdict)]
    return [*printed, f"{one.params_m:.6g} M", *verdict]
