"""Judged tables and studies as pandas frames in long form: the source of CSV, Markdown and LaTeX.

``results/README.md`` defines the columns. Numbers are floats and missing ones NaN; ``as_printed`` keeps the
paper's digits (``135.0``, ``4000``) as text instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.reproduce.study_result import JudgedStudy, Panel
from bench.reproduce.table_result import Reproduction

if TYPE_CHECKING:
    import pandas as pd

TABLE_COLUMNS = (
    "table", "row", "column", "printed", "std", "unit", "measured", "verdict", "note", "record",
)  # fmt: skip
STUDY_COLUMNS = (
    "table", "panel", "row", "column", "over", "printed", "unit", "measured", "measured_std", "low", "high",
    "seeds", "verdict", "note", "record",
)  # fmt: skip
_PRINTED = ("printed", "std")
_NUMBERS = ("measured", "measured_std", "low", "high")


def table_frame(reproduction: Reproduction, *, as_printed: bool = False) -> pd.DataFrame:
    """Return a row per printed cell, then a row per number of the methods that are not in the paper."""
    lines = [{**result.as_json(), "std": result.cell.std} for result in reproduction.results.values()]
    lines += [number.as_json() for method in reproduction.beside for number in method.numbers]
    return _frame(lines, TABLE_COLUMNS, reproduction.table.name, as_printed=as_printed)


def study_frame(study: JudgedStudy, *, as_printed: bool = False) -> pd.DataFrame:
    """Return, panel by panel, a row per mean mIoU and then a row per difference."""
    kind = "improvement" if study.improves else "difference"
    lines = [line for panel in study.panels for line in _panel(panel, kind)]
    return _frame(lines, STUDY_COLUMNS, study.name, as_printed=as_printed)


def _panel(panel: Panel, kind: str) -> list[dict[str, Any]]:
    names = {one.label: one.label if one.cell is None else one.cell.row for one in panel.levels}
    levels = [
        {
            **level.as_json(),
            "column": "miou",
            "row": names[level.label],
            "printed": None if level.cell is None else level.cell.printed,
            "measured_std": level.as_json()["std"],
            "seeds": " ".join(map(str, level.seeds)) or None,
            "verdict": level.verdict,
            "record": " ".join(level.records) or None,
        }
        for level in panel.levels
    ]
    gains = [
        {
            **gain.as_json(),
            "column": kind,
            "row": names[gain.label],
            "over": names[gain.over],
            "printed": None if gain.printed is None else gain.printed.removeprefix("+"),
        }
        for gain in panel.gains
    ]
    return [{**line, "panel": panel.title} for line in [*levels, *gains]]


def _frame(
    lines: Iterable[Mapping[str, Any]], columns: Sequence[str], name: str, *, as_printed: bool
) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - a second that most commands need not spend

    frame = pd.DataFrame([{**line, "table": name} for line in lines], columns=list(columns))
    numbers = _NUMBERS if as_printed else (*_PRINTED, *_NUMBERS)
    kinds = {column: "float64" if column in numbers else "string" for column in columns}
    return frame.astype(kinds)
