"""Recompute a record's values from what lies next to it: samples, confusion matrices, curve, losses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock.protocol import Protocol, reasons_against
from bench.clock.statistics import drift, spread, summarise
from bench.errors import RefusedInput
from bench.evaluate.confusion import Confusion
from bench.files import read_regular
from bench.results.record import AccuracyRecord, Record, SpeedRecord, TrainingRecord
from bench.results.store import Arrays, takes_of
from bench.results.value_types import Times
from bench.train.state import best_entry, has_stopped_gaining

_MATRICES = {"image", "truth", "prediction", "count", "shape"}
_ANY_NUMBER = replace(Protocol(), least_samples=0)


def wrong_values(record: Record, arrays: Arrays) -> list[str]:
    """Return each value of a record that is not what its samples, matrices or curve give."""
    if isinstance(record, SpeedRecord):
        return list(_of_times(record))
    if isinstance(record, TrainingRecord):
        return list(_of_run(record))
    if isinstance(record, AccuracyRecord) and arrays.keys() >= _MATRICES:
        return list(_of_scores(record, arrays))
    return []


def wrong_losses(runs: Path, records: Iterable[TrainingRecord]) -> Iterator[tuple[Path, str]]:
    """Yield each file of losses below a folder of runs that is not what the run's record says, and how."""
    known = list(records)
    for path in sorted(runs.glob("*/losses.csv")):
        try:
            identity = json.loads(read_regular(path.with_name("run.json")))
            taken = takes_of(known, identity)
            rows = csv.reader(io.StringIO(read_regular(path).decode()))
            losses = [float(loss) for _, loss in list(rows)[1:]]
        except (RefusedInput, ValueError, TypeError) as error:
            yield path, f"cannot be compared ({error})"
            continue
        faults = [list(_of_losses(one, losses)) for one in taken]
        if faults and all(faults):  # a repetition of the run is another take
            yield path, faults[-1][0]


def _differing(found: Mapping[str, Any], expected: Mapping[str, Any], source: str) -> Iterator[str]:
    for name, value in expected.items():
        if name in found and found[name] != value:
            yield f"{name} is {found[name]}, {source} give {value}"


def _of_times(record: SpeedRecord) -> Iterator[str]:
    values = record.values
    yield from _of_samples(values, record.identity.batch, "")
    for name, part in values.parts.items():
        yield from _of_samples(part, 1, f"{name}: ")
    expected: dict[str, Any] = {}
    if values.gmacs is not None and values.gemm_gmacs_per_s:
        expected["gemm_bound_ms"] = values.gmacs / values.gemm_gmacs_per_s * 1000.0
    if values.gemm_bound_ms is not None and values.median_ms > 0:
        expected["gemm_fraction"] = values.gemm_bound_ms / values.median_ms
    yield from _differing(values.model_dump(), expected, "its rates")
    if values.accuracy is not None:
        score = values.accuracy
        yield from _differing(score.model_dump(), {"loss": score.eager_miou - score.miou}, "its scores")
    if record.valid and values.samples_ms:
        for reason in reasons_against(values.samples_ms, values.foreign_share, _ANY_NUMBER):
            yield f"valid, although its samples say: {reason}"


def _of_samples(values: Times, batch: int, where: str) -> Iterator[str]:
    times_ms = values.samples_ms
    if not times_ms:
        yield f"{where}no samples"
        return
    summary = summarise(times_ms)
    known = summary.median_ms > 0
    expected = {
        **{name: getattr(summary, name) for name in ("median_ms", "p90_ms", "p99_ms", "mean_ms", "std_ms")},
        "fps": None if summary.calls_per_s is None else summary.calls_per_s * batch,
        "samples": len(times_ms),
        "drift": drift(times_ms) if known else None,
        "spread": spread(times_ms) if known else None,
    }
    for fault in _differing(values.model_dump(), expected, "its samples"):
        yield where + fault


def _of_scores(record: AccuracyRecord, arrays: Arrays) -> Iterator[str]:
    images, classes = (int(size) for size in arrays["shape"][:2])
    if classes != record.identity.num_classes:
        yield f"num_classes is {record.identity.num_classes}, its matrices are of {classes}"
        return
    confusion = Confusion(classes)
    try:
        np.add.at(confusion.matrix, (arrays["truth"], arrays["prediction"]), arrays["count"])
    except IndexError as error:
        yield f"its matrices are no matrices ({error})"
        return
    expected = {
        "miou": confusion.miou(),
        "pixel_accuracy": confusion.pixel_accuracy(),
        "mean_accuracy": confusion.mean_accuracy(),
        "images": images,
        "labelled_pixels": int(confusion.matrix.sum()),
    }
    yield from _differing(record.values.model_dump(), expected, "its matrices")
    found = record.values.iou
    if len(found) != classes:
        yield f"iou has {len(found)} classes, its matrices {classes}"
        return
    yield from _differing(found, dict(zip(found, confusion.iou(), strict=True)), "its matrices")


def _of_run(record: TrainingRecord) -> Iterator[str]:
    values = record.values
    stored = record.stored["identity"]["recipe"]
    curve = [point.model_dump() for point in values.curve]
    if not curve:
        return
    expected = {
        "steps": curve[-1]["step"],
        "epochs": len(curve),
        "mean_step_s": values.train_s / values.steps if values.steps else None,
        "stopped_early": has_stopped_gaining(curve, stored.get("stop_after", 0)),
    }
    yield from _differing(values.model_dump(), expected, "its curve and time")
    if values.selection is not None:
        kept = best_entry(curve) if values.selection.rule == "best" else curve[-1]
        expected = {name: kept[name] if kept else None for name in ("epoch", "val_miou")}
        yield from _differing(values.selection.model_dump(), expected, "its curve")


def _of_losses(record: TrainingRecord, losses: list[float]) -> Iterator[str]:
    began = 0
    for point in record.values.curve:
        epoch = losses[began : point.step]
        if len(epoch) != point.step - began:
            yield f"{len(losses)} losses, record {record.id[:12]} has {record.values.steps} steps"
            return
        mean = sum(epoch) / len(epoch)
        if point.loss != mean:
            yield f"epoch {point.epoch}: mean loss {mean}, record {record.id[:12]} has {point.loss}"
        began = point.step
