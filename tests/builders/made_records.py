"""Records for tests: what a test does not say of identity and values is filled in."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.results.record import RECORD_TYPES

RECIPE = {
    "name": "camvid-quick",
    "model": "carnet-mobile",
    "data": "camvid",
    "seed": 0,
    "epochs": 12,
    "batch": 6,
    "crop": [180, 240],
    "weights": "none",
    "scloss_weight": 0.2,
    "scloss_form": "paper",
    "model_options": {},
}
PLACE = {"engine": "eager", "device": "cpu", "precision": "32-true", "batch": 1, "threads": 2}
RUN = {
    **PLACE,
    "model": "carnet-mobile",
    "num_classes": 11,
    "recipe": RECIPE,
    "initial_weights_sha256": "a" * 64,
    "data": {"name": "camvid", "split": "train", "manifest_sha256": "m"},
    "batch": 6,
    "size": [180, 240],
}
PROTOCOL = {
    "data": "camvid",
    "split": "test",
    "size": "native",
    "scales": [1.0],
    "flip": False,
    "ignore": 255,
    "version": 1,
}
IDENTITY: dict[str, dict[str, Any]] = {
    "training": RUN,
    "accuracy": {
        **PLACE,
        "model": "carnet-mobile",
        "num_classes": 11,
        "run": RUN,
        "selection": "last",
        "weights_sha256": "b" * 64,
        "data": {"name": "camvid", "split": "test", "manifest_sha256": "m"},
        "protocol": PROTOCOL,
        "size": "native",
    },
    "speed": {
        **PLACE,
        "model": "carnet-mobile",
        "options": {},
        "num_classes": 19,
        "weights": "random",
        "protocol": 1,
        "memory_format": "channels_last",
        "size": [512, 1024],
        "machine": {"cpu": "Some CPU", "gpu": None},
    },
}
VALUES: dict[str, dict[str, Any]] = {
    "training": {
        "steps": 732,
        "epochs": 12,
        "train_s": 1464.0,
        "mean_step_s": 2.0,
        "empty_batches": 0,
        "curve": [],
        "final_weights_sha256": "b" * 64,
    },
    "accuracy": {
        "miou": 0.5,
        "iou": {},
        "pixel_accuracy": 0.9,
        "mean_accuracy": 0.6,
        "images": 233,
        "labelled_pixels": 1000,
        "ignored_pixels": 0,
        "wall_s": 23.3,
    },
    "speed": {
        "median_ms": 10.0,
        "p90_ms": 10.0,
        "p99_ms": None,
        "mean_ms": 10.0,
        "std_ms": 0.0,
        "fps": 100.0,
        "samples": 3,
        "samples_ms": [10.0, 10.0, 10.0],
        "drift": 0.0,
        "spread": 0.0,
        "foreign_share": 0.0,
    },
}


def make_record(
    kind: str,
    identity: Mapping[str, Any],
    values: Mapping[str, Any],
    provenance: Mapping[str, Any],
    **flags: Any,
) -> Any:
    """Return a record of a kind; a run's model and an evaluation's protocol follow from the rest."""
    derived = _of_samples(values["samples_ms"]) if "samples_ms" in values else {}
    return RECORD_TYPES[kind].make(
        completed(kind, identity), VALUES[kind] | derived | dict(values), provenance, **flags
    )


def _of_samples(times_ms: Sequence[float]) -> dict[str, Any]:
    """Return the statistics of some samples."""
    median_ms = float(np.median(times_ms))
    return {
        "median_ms": median_ms,
        "p90_ms": float(np.quantile(times_ms, 0.9)),
        "p99_ms": None,
        "mean_ms": math.fsum(times_ms) / len(times_ms),
        "std_ms": None if len(times_ms) == 1 else statistics.stdev(times_ms),
        "fps": 1000.0 / median_ms,
        "samples": len(times_ms),
    }


def completed(kind: str, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity with every key that its kind needs."""
    layout = {} if identity.get("device", "cpu") == "cpu" else {"memory_format": "contiguous_format"}
    return _filled(IDENTITY[kind] | (layout if kind == "speed" else {}), identity)


def _filled(default: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **default,
        **{
            key: _filled(default[key], value)
            if key in ("run", "recipe", "data", "protocol") and isinstance(value, Mapping)
            else value
            for key, value in given.items()
        },
    }
