"""A judged table as Markdown, in the paper's own layout."""

from __future__ import annotations

from collections.abc import Iterator

from bench.paper import Cell, Row
from bench.paper.claims import CLAIMS
from bench.report.markdown import Footnotes, escaped, sentence, table
from bench.report.origin import Origin
from bench.reproduce.table_result import Beside, Measured, Reproduction, Result
from bench.reproduce.verdict.plausibility import CAVEAT, IMPLAUSIBLE, Plausibility, Share
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
SHOWS_SIZE = ("table1",)
"""Tables whose rows have input sizes of their own."""


def number(value: float) -> str:
    """Return six significant digits, without an exponent and trailing zeros."""
    text = f"{value:.6g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def title(row: Row, reproduction: Reproduction, between: str = " ") -> str:
    """Return the method as printed, with its dagger, marked if it is our reconstruction."""
    name = f"{row.title} †" if "dagger" in row.marks else row.title
    return f"{name}{between}(reconstruction)" if row.name in reproduction.reconstructions else name


def printed_text(cell: Cell) -> str:
    """Return the printed number, with its standard deviation where the paper gives one."""
    return cell.printed if cell.std is None else f"{cell.printed} ± {cell.std}"


def heading(reproduction: Reproduction) -> str:
    """Return what the table is, with the form of its times unless that is eager fp32."""
    form = f", times: {reproduction.form}" if reproduction.form else ""
    return f"Table {reproduction.table.name.removeprefix('table')}: {reproduction.table.caption}{form}"


def beside_title(reproduction: Reproduction) -> str:
    """Return the heading of what is not in the paper's table."""
    return f"Not in the paper's Table {reproduction.table.name.removeprefix('table')}"


def tally_line(reproduction: Reproduction) -> str:
    """Return the number of printed cells and of each verdict."""
    counts = ", ".join(f"{count} {name}" for name, count in reproduction.summary.items())
    return f"{len(reproduction.results)} printed cells: {counts}"


def conditions(reproduction: Reproduction) -> str:
    """Return size and classes of the table, e.g. ``468x625, 40 classes``."""
    source = reproduction.table
    size = "" if source.size_hw is None else f"{source.size_hw[0]}x{source.size_hw[1]}, "
    return f"{size}{source.num_classes} classes"


def ratios_line(reproduction: Reproduction) -> str | None:
    """Return the range of the measured ratios of times, from every valid run; None without any."""
    ratios = [claim.ratio for claim in reproduction.claims if claim.ratio is not None]
    if not ratios:
        return None
    printed = [claim.printed for claim in reproduction.claims]
    return (
        f"ratios of times: printed {min(printed):.2f} to {max(printed):.2f}, "
        f"measured {min(ratios):.3f} to {max(ratios):.3f} ({len(ratios)} pairs, each timed in one run)"
    )


def to_markdown(reproduction: Reproduction, origin: Origin, plot: str | None = None) -> str:
    """Return the page of a table.

    Each cell shows the printed number, below it the measured one with its unit, and the verdict; remarks on
    cells are numbered notes below the table.

    Args:
        reproduction: The judged table.
        origin: Commit and machine that make the page.
        plot: File name of a plot to show below, or None.
    """
    source = reproduction.table
    notes = Footnotes(_notes(reproduction))
    shows_size = source.name in SHOWS_SIZE
    all_rows = "" if shows_size else f"All rows: {conditions(reproduction)}. "
    rows = []
    for row in reproduction.rows:
        results = [reproduction.results.get((row.name, column)) for column in row.cells]
        size = [row.input_size or "-"] if shows_size else []
        cells = ["-" if one is None else _cell(one, reproduction, notes) for one in results]
        rows.append([escaped(title(row, reproduction)), *size, *cells])
    sizes = ["Input size"] if shows_size else []
    lines = [
        f"# {heading(reproduction)}",
        "",
        "Each cell: the paper's number, ours with its unit, the verdict. "
        f"{all_rows}Sizes are height x width. † also trained with coarse annotations; "
        "msc: multi-scale testing. `-`: the paper prints nothing.",
        "",
        *(f"**Note.** {note}\n" for note in reproduction.notes),
        *table(["Method", *sizes, *(HEADINGS[name] for name in source.columns)], rows),
        f"{tally_line(reproduction)}.",
        "",
        *_times(reproduction),
        *_elsewhere(reproduction, notes),
        *_plausibility(reproduction.plausibility, source.device or ""),
        *_beside(reproduction, notes),
        *notes.section,
    ]
    if plot is not None:
        lines += [f"![Parameters and mIoU of Table 1]({plot})", ""]
    return "\n".join([*lines, sentence(origin.line), ""])


def _notes(reproduction: Reproduction) -> Iterator[tuple[str, str | None]]:
    """Yield title and note of everything that the page shows, in its order."""
    titles = {row.name: row.title for row in reproduction.rows}
    for row in reproduction.rows:
        for column in row.cells:
            if (row.name, column) in reproduction.results:
                yield row.title, _note(reproduction.results[row.name, column], reproduction)
    for other in reproduction.elsewhere:
        for (name, column), result in other.cells.items():
            if column == "time":
                yield titles[name], result.note
    for method in reproduction.beside:
        for one in method.numbers:
            yield method.title, one.note


def _note(result: Result, reproduction: Reproduction) -> str | None:
    """Return the note on a cell; a frame rate has that of the time whose reciprocal it is."""
    time = reproduction.results.get((result.cell.row, "time"))
    if result.cell.column == "fps" and time is not None and time.record == result.record:
        return time.note
    return result.note


def _cell(result: Result, reproduction: Reproduction, notes: Footnotes) -> str:
    cell = result.cell
    printed = f"**{printed_text(cell)}**" + (" (msc)" if "msc" in cell.marks else "")
    parts = [printed if "text-only" not in cell.marks else f"{printed} (from the text)"]
    if result.measured is not None:
        parts.append(f"{number(result.measured)} {cell.unit}")
    verdict = f"{result.verdict}{notes.mark(_note(result, reproduction))}"
    parts.append(f"_{verdict}_" if result.verdict == NOT_MEASURED else verdict)
    return "<br>".join(parts)


def _times(reproduction: Reproduction) -> list[str]:
    """Return what holds for the times together: their order and the claimed ratios."""
    if reproduction.ranks is None:
        return []
    lines = [f"## Times: {reproduction.machine}", "", sentence(reproduction.ranks.line), ""]
    if reproduction.claims:
        lines += [CLAIMS[reproduction.table.name], ""]
        lines += [f"* {sentence(claim.line)}" for claim in reproduction.claims]
        ratios = ratios_line(reproduction)
        lines += ["", sentence(ratios), ""] if ratios else [""]
    return lines


def _elsewhere(reproduction: Reproduction, notes: Footnotes) -> list[str]:
    """Return the times of other machines, a column each, and the order in which each has the rows."""
    others = reproduction.elsewhere
    if not others:
        return []
    rows = []
    for row in reproduction.rows:
        printed = row.cells.get("time")
        found = [other.cells.get((row.name, "time")) for other in others]
        if printed is not None and any(found):
            fields = [
                "-" if one is None or one.measured is None else number(one.measured) + notes.mark(one.note)
                for one in found
            ]
            rows.append([escaped(title(row, reproduction)), f"**{printed_text(printed)}**", *fields])
    lines = ["## Times of other machines (ms)", ""]
    lines += table(["Method", "Printed", *(other.machine for other in others)], rows)
    ranked = [f"* {other.machine}: {other.ranks.line}." for other in others if other.ranks is not None]
    return [*lines, *ranked, ""]


def _plausibility(times: tuple[Plausibility, ...], device: str) -> list[str]:
    if not times:
        return []
    named = next((time.shares for time in times if time.shares), ())
    rows = [
        [
            time.title,
            time.printed,
            "-" if time.gmacs is None else f"{time.gmacs:.1f}",
            *([_share(share) for share in time.shares] or ["-"] * len(named)),
            time.verdict,
        ]
        for time in times
    ]
    return [
        "## Are the printed times possible on the paper's GPU?",
        "",
        f"The paper's GPU: {device}{', which fits several' if len(named) > 1 else ''}. Each cell: the GPU's "
        "minimum time for the counted operations (or bytes), and its share of the printed time; above 100 % "
        f"is impossible as counted. {CAVEAT}",
        "",
        *table(["Method", "Printed (ms)", "GMAC", *(share.card.name for share in named), "Verdict"], rows),
        "Peaks:",
        "",
        *(
            f"* {card.name}: {card.cores} cores at {card.boost_mhz:g} MHz, "
            f"{2 * card.gmacs_per_s / 1000:.2f} Tflop/s; {card.bandwidth_gb_per_s:g} GB/s ({card.source})"
            for card in (share.card for share in named)
        ),
        "",
    ]


def _share(share: Share) -> str:
    shown = f"{share.bound_ms:.3g} ms, {100 * share.fraction:.0f} %"
    shown += " (bytes)" if share.bound_by == "bytes" else ""
    return f"**{shown}, {IMPLAUSIBLE}**" if share.verdict == IMPLAUSIBLE else shown


def _beside(reproduction: Reproduction, notes: Footnotes) -> list[str]:
    """Return the section of what is not in the paper's table; nothing when there is nothing."""
    if not reproduction.beside:
        return []
    columns = reproduction.table.columns
    rows = [
        [
            f"{escaped(method.title)}<br>_{method.kind}_",
            *(_numbers(method, column, notes) for column in columns),
        ]
        for method in reproduction.beside
    ]
    return [
        f"## {beside_title(reproduction)}",
        "",
        f"Measured in the same way ({conditions(reproduction)}); the paper prints no value, so there is no "
        "verdict.",
        "",
        *table(["Method", *(HEADINGS[name] for name in columns)], rows),
    ]


def _numbers(method: Beside, column: str, notes: Footnotes) -> str:
    # what is missing for one reason, in two units, is shown once
    return "<br>".join(dict.fromkeys(_number(one, notes) for one in method.under(column))) or "-"


def _number(one: Measured, notes: Footnotes) -> str:
    shown = "_not measured_" if one.value is None else f"{number(one.value)} {one.unit}"
    return f"{shown}{notes.mark(one.note)}"
