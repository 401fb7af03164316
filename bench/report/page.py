"""A judged table as Markdown, in the paper's own layout."""

from __future__ import annotations

from bench.paper import Cell, Row
from bench.report.origin import Origin
from bench.report.times import times_section
from bench.reproduce.table_result import Beside, Measured, Reproduction, Result
from bench.reproduce.verdict.words import NOT_MEASURED

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


def title(row: Row, reproduction: Reproduction, between: str = " ") -> str:
    """Return the method as printed, with its dagger, and saying so where it is our reconstruction."""
    name = f"{row.title} †" if "dagger" in row.marks else row.title
    return f"{name}{between}(reconstruction)" if row.name in reproduction.reconstructions else name


def printed_text(cell: Cell) -> str:
    """Return the printed number, with its standard deviation where the paper gives one."""
    return cell.printed if cell.std is None else f"{cell.printed} ± {cell.std}"


def beside_title(reproduction: Reproduction) -> str:
    """Return the heading of what is not in the paper's table."""
    return f"Not in the paper's Table {reproduction.table.name.removeprefix('table')}"


def tally_line(reproduction: Reproduction) -> str:
    """Return how many cells are printed and how often each verdict occurs."""
    counts = ", ".join(f"{count} {name}" for name, count in reproduction.summary.items())
    return f"{len(reproduction.results)} printed cells: {counts}"


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
    form = f", times: {reproduction.form}" if reproduction.form else ""
    all_rows = "" if shows_size else f"All rows: {conditions(reproduction)}. "
    heads = ["Method", *(["Input size"] if shows_size else []), *(HEADINGS[name] for name in table.columns)]
    lines = [
        f"# Table {table.name.removeprefix('table')}: {table.caption}{form}",
        "",
        "In each cell: the paper's number, ours with its unit, the verdict. "
        f"{all_rows}Sizes are height x width. † also trained with coarse annotations; "
        "msc: multi-scale testing. `-`: the paper prints nothing.",
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
        lines.append(_line([_escaped(title(row, reproduction)), *size, *cells]))
    lines += ["", f"{tally_line(reproduction)}.", ""]
    lines += times_section(reproduction)
    lines += _beside(reproduction, footnotes)
    if footnotes:
        lines += ["## Notes", "", *(f"{count}. {_escaped(note)}" for note, count in footnotes.items()), ""]
    if plot is not None:
        lines += [f"![Parameters and mIoU of Table 1]({plot})", ""]
    lines += [f"{origin.line[0].upper()}{origin.line[1:]}.", ""]
    return "\n".join(lines)


def conditions(reproduction: Reproduction) -> str:
    """Return size and classes of the table, e.g. ``468x625, 40 classes``."""
    table = reproduction.table
    size = "" if table.size_hw is None else f"{table.size_hw[0]}x{table.size_hw[1]}, "
    return f"{size}{table.num_classes} classes"


def _beside(reproduction: Reproduction, footnotes: dict[str, int]) -> list[str]:
    """Return the section of what is not in the paper's table; nothing when there is nothing."""
    if not reproduction.beside:
        return []
    columns = reproduction.table.columns
    lines = [
        f"## {beside_title(reproduction)}",
        "",
        f"Measured in the same way ({conditions(reproduction)}); there is no print, and so no verdict.",
        "",
        _line(["Method", *(HEADINGS[name] for name in columns)]),
        _line(["---"] * (1 + len(columns))),
    ]
    for method in reproduction.beside:
        fields = [f"{_escaped(method.title)}<br>_{method.kind}_"]
        fields += [_numbers(method, column, footnotes) for column in columns]
        lines.append(_line(fields))
    return [*lines, ""]


def _numbers(method: Beside, column: str, footnotes: dict[str, int]) -> str:
    # what is missing for one reason, in two units, is said once
    texts = dict.fromkeys(_number(one, footnotes) for one in method.under(column))
    return "<br>".join(texts) or "-"


def _number(one: Measured, footnotes: dict[str, int]) -> str:
    shown = "_not measured_" if one.value is None else f"{number(one.value)} {one.unit}"
    if one.note is None:
        return shown
    return f"{shown} <sup>{footnotes.setdefault(one.note, len(footnotes) + 1)}</sup>"


def _cell(result: Result, footnotes: dict[str, int]) -> str:
    cell = result.cell
    printed = f"**{printed_text(cell)}**" + (" (msc)" if "msc" in cell.marks else "")
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
