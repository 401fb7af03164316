"""What a list shows of a record and sorts by, and whether a table may hold it: kept by the index as it is."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from bench.paper.variant import Variant, variant_of
from bench.results.record import AccuracyRecord, Record, SpeedRecord, TrainingRecord
from bench.results.record_types import Machine
from bench.results.select import Measured, against, started


class Listed(NamedTuple):
    """A record in a list.

    Attributes:
        id, kind, model, valid, first_id, take: As the record has them.
        data: Data set and split, or the height and width of a timed input.
        data_set: Name of the data set; None of a time.
        value, unit: Main value: mIoU in percent, the validation mIoU of the kept weights, or the median in
            ms; None where not measured.
        detail, where: How, and on what it was measured, in words.
        started: When the measurement started (UTC); empty where that is not known.
        against: Why no table may hold it, whatever the code is now; else None.
        code: Which code had a part in it, as JSON: of each part ``source``, ``dirty`` and ``unknown``.
        deployed: Whether it is the time of a folded network.
    """

    id: str
    kind: str
    model: str
    data: str
    data_set: str | None
    value: float | None
    unit: str
    detail: str
    where: str
    valid: bool
    started: str
    take: int
    first_id: str
    against: str | None
    code: str
    deployed: bool


def listed_of(record: Record) -> Listed:
    """Return what a list shows of a record."""
    own: dict[str, Any] = {}
    if isinstance(record, SpeedRecord):
        own = _of_time(record)
    elif isinstance(record, AccuracyRecord) and record.identity.trained is None:
        own = _without_run(record)
    elif isinstance(record, AccuracyRecord | TrainingRecord):
        own = _of_run(record)
    parts = (record.provenance, *record.provenance.parts)
    code = [{"source": one.source, "dirty": one.dirty, "unknown": one.unknown} for one in parts]
    return Listed(
        id=record.id,
        kind=record.kind,
        model=record.identity.model,
        valid=record.valid,
        started=started(record),
        take=record.identity.take,
        first_id=record.first_id,
        against=against(record),
        code=json.dumps(code, sort_keys=True),
        deployed=isinstance(record, SpeedRecord) and record.identity.deploy,
        **own,
    )


def sort_key_of_listed(one: Listed) -> Measured:
    """Return what `bench.results.select.newest_first` sorts by."""
    return one.started, one.take, one.first_id, one.id


def from_text(text: str) -> Listed:
    """Return what `as_text` wrote; a ValueError or TypeError where it is something else."""
    return Listed(*json.loads(text))


def as_text(listed: Listed) -> str:
    """Return a line of JSON."""
    return json.dumps(listed)


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
        "data_set": data.name,
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
        "data_set": data.name,
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
        "data_set": None,
        "value": record.main_value,
        "unit": "ms",
        "detail": ", ".join(filter(None, (identity.form or "eager", identity.measured, batch))),
        "where": identity.where,
    }


def _percent(record: Record) -> float | None:
    return None if record.main_value is None else 100 * record.main_value
