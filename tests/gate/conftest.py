"""Small networks that differ in one thing, and homes with copies of the real records."""

from __future__ import annotations

import hashlib
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dense_matrices import dense
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.method import Method
from bench.evaluate.confusion import Confusion
from bench.gate.baseline import Baseline
from bench.gate.golden import conditions
from bench.gate.measuring import KINDS, measurements
from bench.results.record import Record, record_id, to_json
from bench.results.store import npz_bytes, read_arrays

ROOT = Path(__file__).parents[2]

Array = np.ndarray[Any, Any]


class Toy(nn.Module):
    """Two convolutions, and at wish one multiply-add, one parameter or 1e-5 of a logit more."""

    def __init__(self, num_classes: int, more: str = "") -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, num_classes, 1)
        self.more = more
        if more == "parameter":
            self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, image: Tensor) -> Tensor:
        logits = self.last(F.relu(self.first(image)))
        if self.more == "mac":
            F.conv2d(logits[:, :1, :1, :1], torch.ones(1, 1, 1, 1, device=logits.device))
        if self.more == "logit":
            logits[0, 2, 3, 5] *= 1 + 1e-5
        if self.more == "nothing":
            raise RuntimeError("it is broken")
        return logits


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Method]]:
    """Make a registry of toys: a name for each, and what it has more than a plain one."""
    module = types.ModuleType("toys_of_the_gate")
    module.build = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toys_of_the_gate", module)

    def registry(**more: str) -> dict[str, Method]:
        return {
            name: Method(
                name,
                name,
                "none",
                2026,
                "toys_of_the_gate:build",
                {"more": one},
                size_hw=(32, 48),
                num_classes=5,
            )
            for name, one in more.items()
        }

    return registry


@pytest.fixture
def baseline_of() -> Callable[[dict[str, Method]], Baseline]:
    """Make a baseline of some methods, without accuracy and speed."""

    def make(methods: dict[str, Method]) -> Baseline:
        measured = dict(measurements(methods, methods, KINDS))
        return Baseline("0" * 40, conditions(), measured, {}, None)

    return make


@pytest.fixture
def records_copy(tmp_path: Path) -> Path:
    """A home with a copy of the accuracy records of this repository."""
    home = tmp_path / "copy"
    shutil.copytree(ROOT / "results" / "records" / "accuracy", home / "results" / "records" / "accuracy")
    return home


@pytest.fixture
def plant() -> Callable[..., Record]:
    """Write accuracy records with a loss planted into them."""
    return _plant


def _with_loss(home: Path, record: Record, loss: float) -> tuple[float, dict[str, Array]]:
    """Return mIoU and arrays of a record after it lost so much mIoU (a fraction); below 0 is a gain.

    In every image the same share of each class's hits goes to the next class.
    """
    matrices = dense(read_arrays(record, home))
    low, high = -0.5, 0.5
    for _ in range(40):
        share = (low + high) / 2
        if _miou(_moved(matrices, share)) > _miou(matrices) - loss:
            low = share
        else:
            high = share
    changed = _moved(matrices, high)
    image, truth, prediction = np.nonzero(changed)
    values = changed[image, truth, prediction]
    kept = {
        "image": image,
        "truth": truth,
        "prediction": prediction,
        "count": values,
        "shape": np.array(matrices.shape),
    }
    return _miou(changed), {name: array.astype(np.int32) for name, array in kept.items()}


def _moved(dense: Array, share: float) -> Array:
    """Return matrices with a share of the hits moved off the diagonal, or, below 0, of the misses onto it."""
    changed = dense.copy()
    classes = dense.shape[1]
    for truth in range(classes):
        beside = (truth + 1) % classes
        if share >= 0:
            number = np.floor(share * dense[:, truth, truth]).astype(np.int64)
        else:
            number = -np.floor(-share * dense[:, truth, beside]).astype(np.int64)
        changed[:, truth, truth] -= number
        changed[:, truth, beside] += number
    return changed


def _miou(dense: Array) -> float:
    confusion = Confusion(dense.shape[1])
    confusion.matrix += dense.sum(axis=0)
    found = confusion.miou()
    assert found is not None
    return found


def _plant(home: Path, source: Path, record: Record, loss: float, **identity: Any) -> Record:
    """Write a record like one of ``source`` with a loss; ``weights`` and ``seed`` make it another run's.

    Without either it takes the place of the record itself, as an evaluation of the same weights would.
    """
    score, arrays = _with_loss(source, record, loss)
    changed = {"weights_sha256": identity["weights"] * 64} if "weights" in identity else {}
    if "seed" in identity:
        run = record.stored["identity"]["run"]
        changed["run"] = {**run, "recipe": {**run["recipe"], "seed": identity["seed"]}}
    content = npz_bytes(arrays)
    name = record_id({**record.stored["identity"], **changed})
    planted = record.revised(
        identity=changed,
        values={"miou": score},
        provenance={"started_utc": identity.get("started", "2027-01-01T00:00:00Z")},
        sidecar={"file": f"{name}.npz", "sha256": hashlib.sha256(content).hexdigest()},
    )
    folder = home / "results" / "records" / "accuracy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.npz").write_bytes(content)
    (folder / f"{name}.json").write_text(to_json(planted))
    return planted
