"""The records below a home folder as rows or as a pandas frame: each record's main value with its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.method import Method
from bench.errors import unknown
from bench.paper.variant import Variant, variant_of
from bench.results.record import KINDS, AccuracyRecord, Record, SpeedRecord, TrainingRecord
from bench.results.record_types import Machine
from bench.results.select import Tabulated, newest_first, started
from bench.results.store import read_records

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
    wanted = None if model is None else lambda subject: subject[0] == model
    return [
        _row(record, tabulated)
        for each in KINDS
        if kind in (None, each)
        for record in newest_first(read_records(home, each, strict=False, wanted=wanted))
        if data in (None, _data_set(record))
    ]


def _row(record: Record, tabulated: Tabulated) -> dict[str, Any]:
    why_not = tabulated.why_not(record)
    own: dict[str, Any] = {}
    if isinstance(record, SpeedRecord):
        own = _of_time(record)
    elif isinstance(record, AccuracyRecord) and record.identity.trained is None:
        own = _without_run(record)
    elif isinstance(record, AccuracyRecord | TrainingRecord):
        own = _of_run(record)
    row = {
        "id": record.id,
        "kind": record.kind,
        "model": record.identity.model,
        "valid": record.valid,
        "tabulated": why_not is None,
        "why_not": why_not,
        "started_utc": started(record) or None,
        **own,
    }
    return {name: row[name] for name in COLUMNS}


def _of_run(record: AccuracyRecord | TrainingRecord) -> dict[str, Any]:
    if isinstance(record, AccuracyRecord):
        recipe, unit = record.identity.run.recipe, "% mIoU"
    else:
        recipe, unit = record.identity.recipe, "% val mIoU"
    data, device = record.identity.data, record.identity.device
    machine = record.provenance.machine or Machine()
    variant = variant_of(recipe)
    degraded = variant.title if variant and variant != Variant(variant.backbone) else None
    length = f"seed {recipe.seed}, {recipe.epochs} epochs"
    return {
        "data": f"{data.name} {data.split}",
        "value": _percent(record),
        "unit": unit,
        "detail": ", ".join(filter(None, (recipe.name, degraded, length))),
        "where": (machine.cpu if device == "cpu" else machine.gpu) or device,
    }


def _without_run(record: AccuracyRecord) -> dict[str, Any]:
    data, machine = record.identity.data, record.provenance.machine or Machine()
    outside = record.identity.predictions is not None
    return {
        "data": f"{data.name} {data.split}",
        "value": _percent(record),
        "unit": "% mIoU",
        "detail": "predictions from outside" if outside else f"exported file, {record.identity.engine}",
        "where": "not known" if outside else machine.cpu or "cpu",
    }


def _of_time(record: SpeedRecord) -> dict[str, Any]:
    identity = record.identity
    height, width = identity.size
    batch = f"batch {identity.batch}" if identity.batch > 1 else None
    return {
        "data": f"{height}x{width}",
        "value": record.main_value,
        "unit": "ms",
        "detail": ", ".join(filter(None, (identity.form or "eager", identity.measured, batch))),
        "where": identity.where,
    }


def _percent(record: Record) -> float:
    return math.nan if record.main_value is None else 100 * record.main_value


def _data_set(record: Record) -> str | None:
    return record.identity.data.name if isinstance(record, AccuracyRecord | TrainingRecord) else None
