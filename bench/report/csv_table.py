"""A frame of a judged table or study as CSV; ``results/README.md`` defines the columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.report.origin import Origin
from bench.reproduce.frames import STUDY_COLUMNS as _STUDY_COLUMNS
from bench.reproduce.frames import TABLE_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_ORIGIN = ("commit", "machine")
COLUMNS = (*TABLE_COLUMNS, *_ORIGIN)
STUDY_COLUMNS = (*_STUDY_COLUMNS, *_ORIGIN)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_text(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula; a number stays a number."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _is_number(text) else text


def to_csv(frame: pd.DataFrame, origin: Origin) -> str:
    """Return a frame as CSV with all digits, commit and machine behind; a missing value is an empty field.

    Raises:
        ValueError: An infinite number.
    """
    for column in frame.select_dtypes("number"):
        if frame[column].map(math.isinf).any():
            raise ValueError(f"column {column}: infinity is not a measured value")
    texts = {
        column: frame[column].map(as_text, na_action="ignore")
        for column in frame.columns.difference(frame.select_dtypes("number").columns)
    }
    whole = frame.assign(**texts, commit=origin.commit, machine=origin.machine)
    return whole.to_csv(index=False, lineterminator="\n")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
