"""The records below a home folder as rows or as a pandas frame: each record's main value with its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.method import Method
from bench.errors import unknown
from bench.results.listed import Listed, sort_key_of_listed
from bench.results.listing import read_listed
from bench.results.record import KINDS
from bench.results.select import Tabulated, newest_first

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "id", "kind", "model", "data", "value", "unit", "detail", "where", "valid", "tabulated",
    "why_not", "started_utc",
)  # fmt: skip


def records_frame(
    home: Path,
    methods: Mapping[str, Method],
    *,
    kind: str | None = None,
    model: str | None = None,
    data: str | None = None,
) -> pd.DataFrame:
    """Return a row per record, the latest first within each kind.

    Args:
        home: Holds ``results/records``.
        methods: By registry name; their code decides what is stale.
        kind, model, data: Only records of this kind, model and data set; None for any.

    Returns:
        Columns ``COLUMNS``. ``data`` is the data set and split, or the height and width of a timed input;
        ``value`` the mIoU in percent, the validation mIoU of the kept weights, or the median in ms, NaN where
        not measured; ``detail`` the recipe, a degraded CARNet's components, seed and epochs, or engine,
        precision and batch; ``why_not`` is None where ``tabulated`` is true.

    Raises:
        UsageError: No such kind.
        RefusedInput: The folder of records cannot be read.
    """
    import pandas as pd  # noqa: PLC0415 - takes longer than the rows do

    rows = record_rows(home, methods, kind=kind, model=model, data=data)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"value": float})


def record_rows(
    home: Path,
    methods: Mapping[str, Method],
    *,
    kind: str | None = None,
    model: str | None = None,
    data: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of `records_frame`; its parameters and errors. The keys are ``COLUMNS``, in order."""
    if kind is not None and kind not in KINDS:
        raise unknown("kind of record", kind, list(KINDS))
    tabulated = Tabulated(methods)
    return [
        _row(one, tabulated)
        for each in KINDS
        if kind in (None, each)
        for one in newest_first(read_listed(home, each), by=sort_key_of_listed)
        if model in (None, one.model) and data in (None, one.data_set)
    ]


def _row(one: Listed, tabulated: Tabulated) -> dict[str, Any]:
    why_not = tabulated.why_not_listed(one)
    return {
        "id": one.id,
        "kind": one.kind,
        "model": one.model,
        "data": one.data,
        "value": math.nan if one.value is None else one.value,
        "unit": one.unit,
        "detail": one.detail,
        "where": one.where,
        "valid": one.valid,
        "tabulated": why_not is None,
        "why_not": why_not,
        "started_utc": one.started or None,
    }
