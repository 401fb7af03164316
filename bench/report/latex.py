"""A frame of a judged table or study as LaTeX in the paper's layout; it needs booktabs, and uses graphicx."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.report.origin import Origin
from bench.report.page import HEADINGS, number

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = {**HEADINGS, "improvement": "Improvement (points)", "difference": "Difference (points)"}
_SPECIAL = str.maketrans({
    **{sign: f"\\{sign}" for sign in "%&_#${}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "†": "\\textdagger{}",
})  # fmt: skip

NEEDS = "needs \\usepackage{booktabs}, and graphicx to shrink what is wider than the text"
"""The packages of a `fitted` table, for the comment at its head."""

_SHOWN = (
    "\\ifdim\\wd0>\\linewidth\\ifdefined\\resizebox\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi"
    "\\else\\usebox0\\fi"
)
"""Shows box 0, made narrower where it is wider than a line."""


def escaped(text: str) -> str:
    """Return text without a sign that TeX would read as a command."""
    return text.translate(_SPECIAL)


def to_latex(frame: pd.DataFrame, titles: Mapping[str, str], caption: str, origin: Origin) -> str:
    """Return a ``tabular`` with the printed and the measured number of each column, and the verdicts below.

    Args:
        frame: As `bench.reproduce.frames` makes it, with the paper's digits as text.
        titles: Title of each row by its name; a row without one is left out.
        caption: First words of the comment at the head of the file.
        origin: Commit and machine that make the file.
    """
    columns = list(dict.fromkeys(frame["column"]))
    kinds = dict.fromkeys(frame["verdict"].dropna())
    marks = {kind: chr(ord("a") + place) for place, kind in enumerate(kinds)}
    ends = [(2 * place + 2, 2 * place + 3) for place in range(len(columns))]
    heads = [f"\\multicolumn{{2}}{{c}}{{{escaped(_HEADINGS[column])}}}" for column in columns]
    lines = [
        f"\\begin{{tabular}}{{l{'rr' * len(columns)}}}",
        "\\toprule",
        _line(["Method", *heads]),
        " ".join(f"\\cmidrule(lr){{{first}-{last}}}" for first, last in ends),
        _line(["", *["paper", "ours"] * len(columns)]),
    ]
    panels = frame.groupby("panel" if "panel" in frame else "table", sort=False)
    for name, panel in panels:
        lines.append("\\midrule")
        if "panel" in frame:
            lines.append(f"\\multicolumn{{{ends[-1][1]}}}{{l}}{{\\emph{{{escaped(str(name))}}}}} \\\\")
        for row, cells in panel.groupby("row", sort=False):
            if str(row) in titles:
                found = {str(cell["column"]): cell for cell in cells.to_dict("records")}
                fields = [field for column in columns for field in _pair(found.get(column), marks)]
                lines.append(_line([escaped(titles[str(row)]), *fields]))
    legend = "; ".join(f"$^{mark}$ {escaped(str(kind))}" for kind, mark in marks.items())
    lines += ["\\bottomrule", "\\end{tabular}"]
    head = [f"% {caption}; {NEEDS}", f"% {origin.line}"]
    return "\n".join([*head, *fitted(lines), "", f"{{\\footnotesize {legend}\\par}}", ""])


def fitted(tabular: Sequence[str]) -> list[str]:
    """Return the lines of a ``tabular`` that graphicx makes narrower where it is wider than the text."""
    *lines, last = tabular
    start = "\\begingroup\\setlength{\\tabcolsep}{3pt}\\sbox0{%"
    return [start, *lines, f"{last}}}%", _SHOWN, "\\par\\endgroup"]


def _pair(cell: Mapping[Any, Any] | None, marks: Mapping[str, str]) -> tuple[str, str]:
    """Return the printed number, and the measured one with its deviation and the mark of its verdict."""
    if cell is None:
        return "", ""
    printed, std, verdict = (_text(cell.get(name)) for name in ("printed", "std", "verdict"))
    deviation = _text(cell.get("measured_std"))
    interval = _text(cell.get("low"))
    shown = "{:.2f}".format if interval else number
    ours = [
        "--" if not _text(cell["measured"]) else shown(cell["measured"]),
        f"± {float(deviation):.2f}" if deviation else "",
    ]
    if interval and not deviation:
        ours.append(f"({cell['low']:.2f} to {cell['high']:.2f})")
    mark = f"$^{marks[verdict]}$" if verdict else ""
    paper = f"{printed} ± {std}" if std else printed
    return _signed(paper), _signed(" ".join(part for part in ours if part)) + mark


def _signed(text: str) -> str:
    """Return text with a minus sign in place of a hyphen before a number."""
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", escaped(text))


def _text(value: Any) -> str:
    """Return a value as text; nothing for a missing one."""
    return "" if value is None or value != value or str(value) == "<NA>" else str(value)  # noqa: PLR0124


def _line(fields: list[str]) -> str:
    return " & ".join(fields) + " \\\\"
