"""A judged table as CSV: one line a printed cell (``results/README.md`` defines the columns)."""

from __future__ import annotations

import csv
import io
import math

from bench.report.origin import Origin
from bench.reproduce.tables import Reproduction

COLUMNS = (
    "table", "row", "column", "printed", "unit", "measured", "verdict", "note", "record", "commit", "machine",
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
    for result in reproduction.results.values():
        found = result.as_json()
        fields = {
            **found,
            "table": reproduction.table.name,
            "commit": origin.commit,
            "machine": origin.machine,
        }
        writer.writerow(as_text(fields[name]) for name in COLUMNS)
    return stream.getvalue()
