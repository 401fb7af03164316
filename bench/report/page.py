"""A judged table as Markdown, in the paper's own layout."""

from __future__ import annotations

from bench.paper import Row
from bench.report.origin import Origin
from bench.reproduce.tables import Reproduction, Result
from bench.reproduce.verdict import NOT_MEASURED

HEADINGS = {
    "flops": "FLOPs (G)",
    "params": "Params (M)",
    "time": "Time (ms)",
    "fps": "Frame (fps)",
    "miou": "MIoU (%)",
    "bs": "BS",
    "carmodule": "CARModule",
    "crp": "CRP",
    "others": "Others",
}
_SHOWS_SIZE = ("table1",)


def number(value: float) -> str:
    """Return six significant digits, without an exponent and trailing zeros."""
    text = f"{value:.6g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def title(row: Row) -> str:
    """Return the method as printed, with its dagger."""
    return f"{row.title} †" if "dagger" in row.marks else row.title


def to_markdown(reproduction: Reproduction, origin: Origin, plot: str | None = None) -> str:
    """Return the page of a table.

    Each cell shows the printed number, below it the measured one with its unit, and the verdict; what there
    is to say about a cell is a numbered note below the table.

    Parameters
    ----------
    reproduction
        The judged table.
    origin
        What made it.
    plot
        File name of a plot to show below, or None.
    """
    table = reproduction.table
    footnotes: dict[str, int] = {}
    shows_size = table.name in _SHOWS_SIZE
    heads = ["Method", *(["Input size"] if shows_size else []), *(HEADINGS[name] for name in table.columns)]
    lines = [
        f"# Table {table.name.removeprefix('table')}: {table.caption}",
        "",
        "In each cell: the paper's number, ours with its unit, the verdict. Sizes are height x width. "
        "† also trained with coarse annotations; msc: multi-scale testing. `-`: the paper prints nothing.",
        "",
        *(f"**Note.** {note}\n" for note in reproduction.notes),
        _line(heads),
        _line(["---"] * len(heads)),
    ]
    for row in reproduction.rows:
        cells = [
            "-" if cell is None else _cell(reproduction.results[row.name, column], footnotes)
            for column, cell in row.cells.items()
        ]
        size = [(row.input_size or "-")] if shows_size else []
        lines.append(_line([_escaped(title(row)), *size, *cells]))
    counts = ", ".join(f"{count} {name}" for name, count in reproduction.summary.items())
    lines += ["", f"{len(reproduction.results)} printed cells: {counts}.", ""]
    if footnotes:
        lines += ["## Notes", "", *(f"{count}. {_escaped(note)}" for note, count in footnotes.items()), ""]
    if plot is not None:
        lines += [f"![Parameters and mIoU of Table 1]({plot})", ""]
    lines += [f"{origin.line[0].upper()}{origin.line[1:]}.", ""]
    return "\n".join(lines)


def _cell(result: Result, footnotes: dict[str, int]) -> str:
    cell = result.cell
    printed = f"**{cell.printed}**" + (" (msc)" if "msc" in cell.marks else "")
    parts = [printed if "text-only" not in cell.marks else f"{printed} (from the text)"]
    if result.measured is not None:
        parts.append(f"{number(result.measured)} {cell.unit}")
    verdict = result.verdict
    if result.note is not None:
        mark = footnotes.setdefault(result.note, len(footnotes) + 1)
        verdict += f" <sup>{mark}</sup>"
    parts.append(f"_{verdict}_" if result.verdict == NOT_MEASURED else verdict)
    return "<br>".join(parts)


def _line(fields: list[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
