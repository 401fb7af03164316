"""What the records say about a printed time or accuracy."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.catalogue import known
from bench.evaluate.differences import Interval
from bench.evaluate.neighbours import blocks_of_split
from bench.paper import Cell, Table
from bench.paper.studies import SCLOSS_FORMS
from bench.paper.variant import exactly
from bench.reproduce.record_choice import Choice
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import accuracy_interval, judge_accuracy
from bench.results.record import AccuracyRecord, SpeedRecord
from bench.results.select import is_single_pass, is_synthetic
from bench.results.store import read_arrays

Judged = tuple[float | None, str, str | None, str | None]
"""Measured in the printed unit, verdict, note, record id."""


@dataclass(frozen=True)
class Found:
    """What the records chosen for a cell say.

    Attributes:
        value: mIoU in percent, time in ms or rate in fps; None when there is nothing that may be shown.
        note: On which data or machine; why there is nothing.
        record: Id of the (first) record.
    """

    value: float | None
    note: str
    record: str | None


def found_miou(choice: Choice[AccuracyRecord]) -> Found:
    """Return the mean mIoU over the seeds, in percent."""
    if not choice.records:
        return Found(None, _nothing(choice), None)
    percent = 100 * statistics.fmean(record.values.miou for record in choice.records)
    remarks = (_on_which(choice.records), also_on_record(choice.others), *own_notes(choice.records))
    return Found(percent, "; ".join(filter(None, remarks)), choice.records[0].id)


def found_speed(column: str, choice: Choice[SpeedRecord], *, with_std: bool = False) -> Found:
    """Return the median time (ms), or the rate (fps), with the machine and the roofline bound.

    Args:
        column: ``time`` or ``fps``.
        choice: The record chosen.
        with_std: Name mean and standard deviation too: the paper prints them.
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
    bound = "no roofline bound"
    if bound_ms is not None:
        side = "upper" if column == "fps" else "lower"
        bound = f"{side} bound from the GEMM rate {_bound(column, bound_ms)}"
    folded = " deployed" if identity.deploy else ""
    engine = f"{identity.engine} {identity.precision}{folded}"
    parts = [f"{identity.where}, {engine}"]
    if with_std and values.std_ms is not None:
        spread = f"mean {values.mean_ms:.4g} ± {values.std_ms:.2g} ms"
        parts.append(f"median of {values.samples} samples, {spread}")
    return Found(value, "; ".join((*parts, bound, *record.notes)), record.id)


def judge_miou(cell: Cell, table: Table, choice: Choice[AccuracyRecord], home: Path) -> Judged:
    """Judge a printed mIoU (in percent) by the records chosen for it."""
    found = found_miou(choice)
    if found.value is None:
        return None, v.NOT_MEASURED, found.note, None
    first = choice.records[0]

    def interval() -> Interval | None:
        data = first.identity.data
        blocks = blocks_of_split(data.name, data.split, first.values.images)
        arrays = [read_arrays(record, home) for record in choice.records]
        return accuracy_interval([record.values.miou for record in choice.records], arrays, blocks)

    judged = verdict_on_miou(cell, first, interval, table.dataset, table.split)
    return found.value, judged.verdict, "; ".join(filter(None, (found.note, judged.note))), found.record


def verdict_on_miou(
    cell: Cell,
    example: AccuracyRecord,
    interval: Callable[[], Interval | None],
    dataset: str | None,
    split: str | None,
) -> v.Verdict:
    """Judge a printed mIoU by an interval; only on the paper's own data, split and views can it be judged."""
    data = example.identity.data
    if data.name != dataset:
        return v.Verdict(v.OTHER_DATA, f"the paper: {dataset} {split}")
    if data.split != split:
        return v.Verdict(v.OTHER_SPLIT, f"the paper: {split}")
    if "msc" in cell.marks and example.identity.protocol.scales == (1.0,):
        return v.Verdict(v.NOT_DISTINGUISHABLE, "one scale here, several in the paper")
    if "msc" not in cell.marks and not is_single_pass(example):
        return v.Verdict(v.NOT_DISTINGUISHABLE, "several views here, one in the paper")
    return judge_accuracy(interval(), cell.printed)


def also_on_record(others: Sequence[Sequence[AccuracyRecord]]) -> str | None:
    """Name the other runs on the same data: mean mIoU in percent, epochs and seeds of each; or None."""
    runs = [
        f"{100 * statistics.fmean(scores):.2f} ({', '.join(_run_words(run))})"
        for run in others
        # not `values`, for which each file would be opened
        if (scores := [score for record in run if (score := record.main_value) is not None])
    ]
    return f"also on record: {', '.join(runs)}" if runs else None


def judge_speed(cell: Cell, table: Table, choice: Choice[SpeedRecord]) -> Judged:
    """Compare a printed time (ms) or rate (fps) with the one measured here, with the roofline bound."""
    found = found_speed(cell.column, choice, with_std=cell.std is not None)
    if found.value is None:
        return None, v.NOT_MEASURED, found.note, found.record
    return found.value, v.OTHER_MACHINE, f"{found.note}; the paper: {table.device}", found.record


def _on_which(records: tuple[AccuracyRecord, ...]) -> str:
    first = records[0]
    data = first.identity.data
    kind = "synthetic images" if is_synthetic(first) else "images"
    parts = [
        f"{data.name} {data.split}",
        f"{first.values.images} {kind}",
        f"{first.identity.num_classes} classes",
        *_run_words(records),
    ]
    return ", ".join(parts)


def _run_words(run: Sequence[AccuracyRecord]) -> list[str]:
    recipe = run[0].identity.run.recipe
    return [
        _many(len(run), "seed"),
        _many(recipe.epochs, "epoch"),
        *(["from scratch"] if recipe.weights == "none" else []),
        *([f"lambda {exactly(recipe.scloss_weight)}"] if recipe.scloss_weight != 0.2 else []),
        *([f"SCLoss {SCLOSS_FORMS[recipe.scloss_form]}"] if recipe.scloss_form != "paper" else []),
    ]


def own_notes(records: Sequence[AccuracyRecord]) -> list[str]:
    """Return the remarks on some records and their data, each once; synthetic images are named elsewhere."""
    notes = [note for record in records for note in (*record.notes, caveat_on(record)) if note]
    return [note for note in dict.fromkeys(notes) if note != "synthetic data"]


def caveat_on(record: AccuracyRecord) -> str | None:
    """Return what must be known of the images that a record was scored on, or None."""
    data = record.identity.data
    of = known(data.name)  # one's own has none
    return None if of is None else of.caveat(data.manifest_sha256)


def _nothing(choice: Choice[AccuracyRecord]) -> str:
    if not choice.refused:
        return "no accuracy record"
    return f"no accuracy record that may be tabulated: {'; '.join(dict.fromkeys(choice.refused))}"


def _bound(column: str, bound_ms: float) -> str:
    return f"{bound_ms:.3g} ms" if column == "time" else f"{1000 / bound_ms:.3g} fps"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
