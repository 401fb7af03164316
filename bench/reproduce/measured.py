"""What the records say about a printed time or accuracy."""

from __future__ import annotations

import statistics

from bench.paper import Cell, Table
from bench.reproduce import verdict as v
from bench.reproduce.chosen import Choice, is_synthetic, recipe_of
from bench.results.record import Record

Judged = tuple[float | None, str, str | None, str | None]
"""Measured in the printed unit, verdict, note, record id."""


def judge_miou(cell: Cell, table: Table, choice: Choice) -> Judged:
    """Judge a printed mIoU (in percent) by the records chosen for it.

    On the paper's own data and split by the interval over seeds; on the other split of that data, or on
    other data, the value only stands beside it.
    """
    if not choice.records:
        return None, v.NOT_MEASURED, _nothing("accuracy", choice), None
    percents = [100 * record.values["miou"] for record in choice.records]
    measured, first = statistics.fmean(percents), choice.records[0]
    data = first.identity["data"]
    remarks = "; ".join((_on_which(choice.records), *own_notes(choice.records)))
    if data["name"] != table.dataset:
        verdict, note = v.OTHER_DATA, f"{remarks}; the paper: {table.dataset} {table.split}"
    elif data["split"] != table.split:
        verdict, note = v.OTHER_SPLIT, f"{remarks}; the paper: {table.split}"
    elif "msc" in cell.marks and first.identity.get("protocol", {}).get("scales") == [1.0]:
        verdict, note = v.NOT_DISTINGUISHABLE, f"{remarks}; one scale here, several in the paper"
    else:
        judged = v.judge_accuracy(percents, cell.printed)
        verdict, note = judged.verdict, "; ".join(filter(None, (judged.note, remarks)))
    return measured, verdict, note, first.id


def judge_speed(cell: Cell, table: Table, choice: Choice) -> Judged:
    """Set a printed time (ms) or rate (fps) beside the one measured here, with the roofline bound."""
    if not choice.records:
        return None, v.NOT_MEASURED, _nothing("speed", choice), None
    record = choice.records[0]
    values, identity = record.values, record.identity
    machine = identity.get("machine", {})
    where = machine.get("gpu") if identity.get("device") == "cuda" else machine.get("cpu")
    threads = f", {_many(identity.get('threads', 0), 'thread')}" if identity.get("device") == "cpu" else ""
    bound_ms = values.get("gemm_bound_ms")
    bound = "no roofline bound" if bound_ms is None else f"bound by the GEMM rate {_bound(cell, bound_ms)}"
    engine = f"{identity.get('engine')} {identity.get('precision')}"
    measured = values["median_ms"] if cell.column == "time" else values.get("fps")
    if measured is None:
        return None, v.NOT_MEASURED, "the clock could not resolve this call", record.id
    note = "; ".join(
        (
            f"{where or identity.get('device')}{threads}, {engine}",
            bound,
            f"the paper: {table.device}",
            *record.notes,
        )
    )
    return measured, v.OTHER_MACHINE, note, record.id


def _on_which(records: tuple[Record, ...]) -> str:
    first = records[0]
    data, recipe = first.identity["data"], recipe_of(first)
    kind = "synthetic (drawn) images" if is_synthetic(first) else "images"
    parts = [
        f"{data['name']} {data['split']}",
        f"{first.values['images']} {kind}",
        f"{first.identity['num_classes']} classes",
        _many(len(records), "seed"),
    ]
    if "epochs" in recipe:
        parts.append(_many(recipe["epochs"], "epoch"))
    if recipe.get("weights") == "none":
        parts.append("from scratch")
    if recipe.get("scloss_weight", 0.2) != 0.2:
        parts.append(f"lambda {recipe['scloss_weight']:g}")
    return ", ".join(parts)


def own_notes(records: tuple[Record, ...]) -> list[str]:
    """Return the remarks of some records, each once; that images are drawn is said elsewhere."""
    notes = [note for record in records for note in record.notes if note != "synthetic data"]
    return list(dict.fromkeys(notes))


def _nothing(kind: str, choice: Choice) -> str:
    if not choice.refused:
        return f"no {kind} record"
    return f"no {kind} record that may be tabulated: {'; '.join(dict.fromkeys(choice.refused))}"


def _bound(cell: Cell, bound_ms: float) -> str:
    return f"{bound_ms:.3g} ms" if cell.column == "time" else f"{1000 / bound_ms:.3g} fps"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
