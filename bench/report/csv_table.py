"""A judged table as CSV: one line a printed cell, then what stands beside the table.

``results/README.md`` defines the columns.
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from bench.report.origin import Origin
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table_result import Reproduction

COLUMNS = (
    "table", "row", "column", "printed", "std", "unit", "measured", "verdict", "note", "record", "commit",
    "machine",
)  # fmt: skip

STUDY_COLUMNS = (
    "table", "panel", "row", "column", "over", "printed", "unit", "measured", "measured_std", "low", "high",
    "seeds", "verdict", "note", "record", "commit", "machine",
)  # fmt: skip

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_text(value: str | float | None) -> str:
    """Return a CSV field: empty for None, all digits of a number, no text that a spreadsheet would run.

    Raises
    ------
    ValueError
        NaN or infinity.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if not math.isfinite(value):
        raise ValueError(f"{value} is no measurement")
    return repr(float(value))


def to_csv(reproduction: Reproduction, origin: Origin) -> str:
    """Return the table as CSV text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(as_text(name) for name in COLUMNS)
    shared = {"table": reproduction.table.name, "commit": origin.commit, "machine": origin.machine}
    lines = [{**result.as_json(), "std": result.cell.std} for result in reproduction.results.values()]
    lines += [number.as_json() for method in reproduction.beside for number in method.numbers]
    for line in lines:
        fields = {**line, **shared}
        writer.writerow(as_text(fields.get(name)) for name in COLUMNS)
    return stream.getvalue()


def study_to_csv(study: JudgedStudy, origin: Origin) -> str:
    """Return one line for each mIoU and each difference; ``results/README.md`` defines the columns."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(STUDY_COLUMNS)
    shared = {"table": study.name, "commit": origin.commit, "machine": origin.machine}
    for panel in study.panels:
        levels = [
            {
                **level.as_json(),
                "column": "miou",
                "row": level.label if level.cell is None else level.cell.row,
                "printed": None if level.cell is None else level.cell.printed,
                "measured_std": level.as_json()["std"],
                "seeds": " ".join(map(str, level.seeds)),
                "verdict": level.verdict,
                "record": " ".join(level.records),
            }
            for level in panel.levels
        ]
        names = {level.label: line["row"] for level, line in zip(panel.levels, levels, strict=True)}
        gains = [
            {
                **gain.as_json(),
                "column": "improvement" if study.improves else "difference",
                "row": names[gain.label],
                "over": names[gain.over],
            }
            for gain in panel.gains
        ]
        for line in [*levels, *gains]:
            fields: dict[str, Any] = {**line, **shared, "panel": panel.title}
            writer.writerow(as_text(fields.get(name)) for name in STUDY_COLUMNS)
    return stream.getvalue()
