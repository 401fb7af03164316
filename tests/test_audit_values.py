"""``audit`` recomputes what a record says from its samples, matrices, curve and losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import make_record

from bench.audit import audit
from bench.audit.values import wrong_values
from bench.results.store import add_record, npz_bytes

# two images of two classes: [[3, 1], [0, 2]] in all, so IoU 3 / 4 and 2 / 3
MATRICES = {
    "image": np.array([0, 0, 1], np.int32),
    "truth": np.array([0, 0, 1], np.int32),
    "prediction": np.array([0, 1, 1], np.int32),
    "count": np.array([3, 1, 2], np.int32),
    "shape": np.array([2, 2, 2], np.int32),
}
SCORES = {
    "miou": (3 / 4 + 2 / 3) / 2,
    "iou": {"a": 3 / 4, "b": 2 / 3},
    "pixel_accuracy": 5 / 6,
    "mean_accuracy": (3 / 4 + 1) / 2,
    "images": 2,
    "labelled_pixels": 6,
}


def scored(**changes: Any) -> Any:
    return make_record("accuracy", {"num_classes": 2}, {**SCORES, **changes}, {})


def test_scores_are_those_of_the_matrices() -> None:
    assert wrong_values(scored(), MATRICES) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"miou": SCORES["miou"] + 0.1}, "miou"),  # type: ignore[operator]
        ({"iou": {"a": 3 / 4, "b": 0.76}}, "b is 0.76"),
        ({"iou": {"a": 2 / 3, "b": 3 / 4}}, "a is"),
        ({"iou": {"a": 3 / 4}}, "iou"),
        ({"pixel_accuracy": 0.84}, "pixel_accuracy"),
        ({"mean_accuracy": None}, "mean_accuracy"),
        ({"images": 3}, "images"),
        ({"labelled_pixels": 7}, "labelled_pixels"),
    ],
)
def test_a_score_that_its_matrices_do_not_give_is_named(changes: dict[str, Any], name: str) -> None:
    assert name in wrong_values(scored(**changes), MATRICES)[0]


def test_matrices_of_other_classes_or_beyond_them_are_named() -> None:
    assert "num_classes" in wrong_values(make_record("accuracy", {"num_classes": 3}, SCORES, {}), MATRICES)[0]
    assert "matrices" in wrong_values(scored(), {**MATRICES, "truth": np.array([0, 0, 5], np.int32)})[0]


def test_an_edited_score_with_every_digest_recomputed_is_found(tmp_path: Path) -> None:
    _, path = add_record(scored(miou=0.8), tmp_path, MATRICES)
    (one,) = audit(tmp_path).damage
    assert (one.file, "0.8" in one.found) == (path.relative_to(tmp_path).as_posix(), True)
    assert npz_bytes(MATRICES) == path.with_suffix(".npz").read_bytes()


TIMES = {
    "median_ms": 12.0,
    "p90_ms": 13.6,
    "p99_ms": None,
    "mean_ms": 12.0,
    "std_ms": 2.0,
    "fps": 1000 / 12,
    "samples": 3,
    "samples_ms": [10.0, 12.0, 14.0],
    "drift": 0.4,
    "spread": 2 / 12,
}


def timed(**changes: Any) -> Any:
    return make_record("speed", {}, {**TIMES, **changes}, {}, reasons=["drift"])


def test_times_are_those_of_the_samples() -> None:
    assert wrong_values(timed(drift=14.0 / 10.0 - 1.0), {}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("median_ms", 11.0), ("p90_ms", 13.7), ("p99_ms", 14.0), ("mean_ms", 12.1), ("std_ms", None)),
        *(("fps", 84.0), ("samples", 4), ("drift", 0.0), ("spread", 0.1)),
    ],
)
def test_a_statistic_that_its_samples_do_not_give_is_named(name: str, value: Any) -> None:
    found = wrong_values(timed(**{"drift": 14.0 / 10.0 - 1.0, name: value}), {})
    assert [one.split()[0] for one in found] == [name]


def test_a_bound_a_loss_and_a_part_are_recomputed() -> None:
    rates = {"gmacs": 2.0, "gemm_gmacs_per_s": 100.0, "gemm_bound_ms": 21.0, "gemm_fraction": 20.0 / 12.0}
    found = wrong_values(
        timed(**{**rates, "parts": {"read": {**TIMES, "median_ms": 1.0, "foreign_share": 0.0}}}), {}
    )
    names = ("read: median_ms", "gemm_bound_ms is 21.0", "gemm_fraction")
    assert all(any(one.startswith(name) for one in found) for name in names)


def test_a_time_whose_own_samples_are_not_valid_is_not_valid() -> None:
    steady = {"drift": 14.0 / 10.0 - 1.0}
    record = make_record("speed", {}, {**TIMES, **steady}, {})
    assert any("drift" in one for one in wrong_values(record, {}))
    busy = {"samples_ms": [10.0] * 9, "drift": 0.0, "spread": 0.0, "foreign_share": 0.5}
    assert any("valid" in one for one in wrong_values(make_record("speed", {}, busy, {}), {}))


CURVE = [
    {"epoch": 1, "step": 2, "loss": 1.5, "encoder_lr": 0.1, "val_miou": 0.5},
    {"epoch": 2, "step": 4, "loss": 0.75, "encoder_lr": 0.1, "val_miou": 0.25},
]
RUN = {
    "curve": CURVE,
    "steps": 4,
    "epochs": 2,
    "train_s": 8.0,
    "mean_step_s": 2.0,
    "selection": {"rule": "best", "epoch": 1, "val_miou": 0.5},
}


def test_a_run_is_what_its_curve_says() -> None:
    assert wrong_values(make_record("training", {}, RUN, {}), {}) == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"steps": 5}, "steps"),
        ({"epochs": 3}, "epochs"),
        ({"mean_step_s": 2.5}, "mean_step_s"),
        ({"stopped_early": True}, "stopped_early"),
        ({"selection": {"rule": "best", "epoch": 2, "val_miou": 0.25}}, "epoch"),
        ({"selection": {"rule": "last", "epoch": 2, "val_miou": 0.26}}, "val_miou"),
    ],
)
def test_what_a_curve_does_not_say_is_named(changes: dict[str, Any], name: str) -> None:
    found = wrong_values(make_record("training", {}, {**RUN, **changes}, {}), {})
    assert any(one.startswith(name) for one in found)


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ("1,2.0\n2,1.0\n3,1.0\n4,0.5\n", 0),
        ("1,2.0\n2,1.0\n3,1.0\n4,0.6\n", 1),
        ("1,2.0\n2,1.0\n3,1.0\n", 1),
        ("1,2.0\n2,one\n", 1),
        ("", 1),
    ],
)
def test_the_losses_of_a_run_are_those_of_its_record(tmp_path: Path, losses: str, found: int) -> None:
    record, _ = add_record(make_record("training", {}, RUN, {}), tmp_path)
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    identity = {name: value for name, value in record.stored["identity"].items() if name != "take"}
    (folder / "run.json").write_text(json.dumps(identity))
    (folder / "losses.csv").write_text(f"step,loss\n{losses}")
    (tmp_path / "results").mkdir(exist_ok=True)
    assert [one.file for one in audit(tmp_path).damage] == ["runs/one/losses.csv"] * found
