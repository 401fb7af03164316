"""A judged table as CSV: one line a printed cell, then what stands beside the table.

``results/README.md`` defines the columns.
"""

from __future__ import annotations

import csv
import io
import math

from bench.report.origin import Origin
from bench.reproduce.table_result import Reproduction

COLUMNS = (
    "table", "row", "column", "printed", "std", "unit", "measured", "verdict", "note", "record", "commit",
    "machine",
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
