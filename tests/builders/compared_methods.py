"""Methods of a comparison on record: scores with their images, trainings and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from made_records import make_record

from baselines.registry import METHODS
from bench.clock.statistics import drift, spread, summarise
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import Evaluation
from bench.reproduce.comparison_result import Counted, Entry, given_entry
from bench.results.provenance import current_sources
from bench.results.record import AccuracyRecord, SpeedRecord
from bench.results.store import add_record, read_arrays

SIZE = (360, 480)
IMAGES = 20
_OF_PREDICTIONS = ("num_classes", "data", "protocol")


def make_entry(
    home: Path,
    name: str,
    wrong: Sequence[int],
    median_ms: float | None = None,
    *,
    weights: str = "none",
    failed: Sequence[int] = (),
    validated: Sequence[float] = (),
    counted: Counted | None = None,
    recipe_name: str = "camvid-compare",
    **flags: Any,
) -> Entry:
    """Return a method whose seeds give this number of 1,000 pixels of each image the other of two classes.

    Args:
        validated: Validation mIoU of epochs 1, 2, ... of every seed.
    """
    method = METHODS[name]
    provenance = {
        "source": current_sources(method),
        "dirty": False,
        "started_utc": "2026-01-01T00:00:00Z",
    }

    def run(seed: int) -> dict[str, Any]:
        recipe = {"name": recipe_name, "model": name, "seed": seed, "weights": weights}
        return {"model": name, "recipe": recipe, "num_classes": 2}

    accuracy, training = {}, {}
    for seed, count in enumerate(wrong):
        hard = count + np.array([10, -10] * (IMAGES // 2))
        per_image = np.array([[[500 - one, one], [one, 500 - one]] for one in hard // 2], np.int32)
        confusion = Confusion(2)
        confusion.matrix += per_image.sum(axis=0)
        names = tuple(f"image_{number}" for number in range(IMAGES))
        outcome = Evaluation(confusion, per_image, names, 1.0)
        values: dict[str, Any] = {
            "miou": confusion.miou(),
            "iou": dict(zip(("road", "sky, clouds"), confusion.iou(), strict=True)),
            "pixel_accuracy": confusion.pixel_accuracy(),
            "mean_accuracy": confusion.mean_accuracy(),
            "labelled_pixels": int(confusion.matrix.sum()),
            "images": IMAGES,
        }
        score = make_record(
            "accuracy", {"model": name, "num_classes": 2, "run": run(seed)}, values, provenance, **flags
        )
        accuracy[seed] = add_record(score, home, outcome.arrays())[0]
        curve = [
            {"epoch": epoch, "step": epoch, "loss": 1.0, "encoder_lr": 0.01, "val_miou": miou}
            for epoch, miou in enumerate(validated, start=1)
        ]
        learnt = {"train_s": 60.0 * (seed + 1), **({"curve": curve} if curve else {})}
        trained = make_record("training", run(seed), learnt, provenance)
        training[seed] = add_record(trained, home)[0]
    for seed in failed:
        lost = make_record("training", run(seed), {}, provenance, reasons=["diverged: loss is nan at step 7"])
        training[seed] = add_record(lost, home)[0]
    speed = None
    if median_ms is not None:
        identity = {"model": name, "options": dict(method.options)}
        speed = _timed(home, identity, median_ms, provenance)
    return Entry(method, method, counted or Counted(1.5, 2.5), accuracy, training, speed)


def make_given(
    home: Path, like: Entry, name: str, *, file: str | None = None, median_ms: float | None = None
) -> Entry:
    """Return what is scored as it stands: with ``file`` a network's file, else predictions from outside.

    Args:
        home: Where it is recorded.
        like: The method whose first score it has.
        name: Its name.
        file: ``onnx`` or ``xml``.
        median_ms: Time of the file in the run of `make_entry`.
    """
    inside = like.accuracy[0]
    kept = {
        key: value
        for key, value in inside.stored["identity"].items()
        if key not in ("run", "take", "selection") and (file is not None or key in _OF_PREDICTIONS)
    }
    if file is None:
        kept |= {"predictions": {"sha256": "c" * 64, "ids": "train"}}
        kept["protocol"] = {**kept["protocol"], "scales": []}
    else:
        kept |= {"file": file, "weights_sha256": "d" * 64, "engine": "onnxruntime"}
    made = AccuracyRecord.make({**kept, "model": name}, inside.stored["values"], {})
    record = add_record(made, home, read_arrays(inside, home))[0]
    speed = None
    if median_ms is not None:
        engine = {"engine": "onnxruntime", "memory_format": "contiguous_format", "weights": "d" * 64}
        speed = _timed(home, {"model": name, **engine}, median_ms, {"dirty": False})
    return given_entry(record, speed)


def _timed(
    home: Path, identity: Mapping[str, Any], median_ms: float, provenance: Mapping[str, Any]
) -> SpeedRecord:
    samples = [median_ms * (1 + 0.001 * (number % 3 - 1)) for number in range(20)]
    summary = asdict(summarise(samples))
    values = {
        "fps": summary.pop("calls_per_s"),
        **summary,
        "samples_ms": samples,
        "drift": drift(samples),
        "spread": spread(samples),
    }
    made = make_record(
        "speed",
        {"num_classes": 2, "size": list(SIZE), **identity},
        values,
        {**provenance, "run": "a" * 16},
    )
    record: SpeedRecord = add_record(made, home)[0]
    return record
