"""What the records say about a printed time or accuracy."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from bench.paper import Cell, Table
from bench.reproduce.record_choice import Choice
from bench.reproduce.verdict import words as v
from bench.results.record import AccuracyRecord, SpeedRecord
from bench.results.select import is_single_pass, is_synthetic

Judged = tuple[float | None, str, str | None, str | None]
"""Measured in the printed unit, verdict, note, record id."""


@dataclass(frozen=True)
class Found:
    """What the records chosen for a cell say.

    Attributes
    ----------
    value
        mIoU in percent, time in ms or rate in fps; None when there is nothing that may be shown.
    note
        On which data or machine; why there is nothing.
    record
        Id of the (first) record.
    """

    value: float | None
    note: str
    record: str | None


def found_miou(choice: Choice[AccuracyRecord]) -> Found:
    """Return the mean mIoU over the seeds, in percent."""
    if not choice.records:
        return Found(None, _nothing(choice), None)
    percent = statistics.fmean(_percents(choice))
    remarks = "; ".join((_on_which(choice.records), *own_notes(choice.records)))
    return Found(percent, remarks, choice.records[0].id)


def found_speed(column: str, choice: Choice[SpeedRecord], *, with_std: bool = False) -> Found:
    """Return the median time (ms), or the rate (fps), with the machine and the roofline bound.

    Parameters
    ----------
    column
        ``time`` or ``fps``.
    choice
        The record chosen.
    with_std
        Name mean and standard deviation too: the paper prints them.
    """
    if not choice.records:
        reasons = "; ".join(dict.fromkeys(choice.refused))
        return Found(None, reasons or "no time of this machine yet", None)
    record = choice.records[0]
    values, identity = record.values, record.identity
    value = values.median_ms if column == "time" else values.fps
    if value is None:
        return Found(None, "the clock could not resolve this call", record.id)
    bound_ms = values.gemm_bound_ms
    bound = "no roofline bound" if bound_ms is None else f"bound by the GEMM rate {_bound(column, bound_ms)}"
    folded = " deployed" if identity.deploy else ""
    engine = f"{identity.engine} {identity.precision}{folded}"
    parts = [f"{identity.where}, {engine}"]
    if with_std and values.std_ms is not None:
        spread = f"mean {values.mean_ms:.4g} ± {values.std_ms:.2g} ms"
        parts.append(f"median of {values.samples} samples, {spread}")
    return Found(value, "; ".join((*parts, bound, *record.notes)), record.id)


def judge_miou(cell: Cell, table: Table, choice: Choice[AccuracyRecord]) -> Judged:
    """Judge a printed mIoU (in percent) by the records chosen for it.

    On the paper's own data and split by the interval over seeds; on the other split of that data, or on
    other data, the value only stands beside it.
    """
    found = found_miou(choice)
    if found.value is None:
        return None, v.NOT_MEASURED, found.note, None
    first = choice.records[0]
    data = first.identity.data
    if data.name != table.dataset:
        verdict, note = v.OTHER_DATA, f"{found.note}; the paper: {table.dataset} {table.split}"
    elif data.split != table.split:
        verdict, note = v.OTHER_SPLIT, f"{found.note}; the paper: {table.split}"
    elif "msc" in cell.marks and first.identity.protocol.scales == (1.0,):
        verdict, note = v.NOT_DISTINGUISHABLE, f"{found.note}; one scale here, several in the paper"
    elif "msc" not in cell.marks and not is_single_pass(first):
        verdict, note = v.NOT_DISTINGUISHABLE, f"{found.note}; several views here, one in the paper"
    else:
        judged = v.judge_accuracy(_percents(choice), cell.printed)
        verdict, note = judged.verdict, "; ".join(filter(None, (judged.note, found.note)))
    return found.value, verdict, note, found.record


def judge_speed(cell: Cell, table: Table, choice: Choice[SpeedRecord]) -> Judged:
    """Set a printed time (ms) or rate (fps) beside the one measured here, with the roofline bound."""
    found = found_speed(cell.column, choice, with_std=cell.std is not None)
    if found.value is None:
        return None, v.NOT_MEASURED, found.note, found.record
    return found.value, v.OTHER_MACHINE, f"{found.note}; the paper: {table.device}", found.record


def _percents(choice: Choice[AccuracyRecord]) -> list[float]:
    return [100 * record.values.miou for record in choice.records]


def _on_which(records: tuple[AccuracyRecord, ...]) -> str:
    first = records[0]
    data, recipe = first.identity.data, first.identity.run.recipe
    kind = "synthetic (drawn) images" if is_synthetic(first) else "images"
    parts = [
        f"{data.name} {data.split}",
        f"{first.values.images} {kind}",
        f"{first.identity.num_classes} classes",
        _many(len(records), "seed"),
        _many(recipe.epochs, "epoch"),
    ]
    if recipe.weights == "none":
        parts.append("from scratch")
    if recipe.scloss_weight != 0.2:
        parts.append(f"lambda {recipe.scloss_weight:g}")
    return ", ".join(parts)


def own_notes(records: tuple[AccuracyRecord, ...]) -> list[str]:
    """Return the remarks of some records, each once; that images are drawn is said elsewhere."""
    notes = [note for record in records for note in record.notes if note != "synthetic data"]
    return list(dict.fromkeys(notes))


def _nothing(choice: Choice[AccuracyRecord]) -> str:
    if not choice.refused:
        return "no accuracy record"
    return f"no accuracy record that may be tabulated: {'; '.join(dict.fromkeys(choice.refused))}"


def _bound(column: str, bound_ms: float) -> str:
    return f"{bound_ms:.3g} ms" if column == "time" else f"{1000 / bound_ms:.3g} fps"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
