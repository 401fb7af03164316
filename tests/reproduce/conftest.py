"""The four tables counted once, and accuracy records of degraded CARNets through the real store."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import Evaluation
from bench.paper.variant import Variant
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import add_record

RECIPE = {"name": "camvid-ablation", "weights": "imagenet", "epochs": 12, "crop": [180, 240], "batch": 6}


@pytest.fixture(scope="session")
def sources() -> dict[str, dict[str, str]]:
    return {name: current_sources(METHODS[name]) for name in ("carnet-mobile", "carnet-resnet50")}


@pytest.fixture
def add(tmp_path: Path, sources: dict[str, dict[str, str]]) -> Callable[..., Record]:
    """Write the record of a variant: 20 images of 1000 pixels of class 0, of which some are called 1.

    ``miou`` in percent (at most 50: class 1 is only predicted, so its IoU is 0) is that of all images; every
    other image has 10 pixels wrong more, and the others 10 less.
    """
    minutes = itertools.count()

    def add(
        variant: Variant,
        seed: int,
        miou: float,
        *,
        data: str = "camvid",
        split: str = "test",
        recipe: dict[str, Any] | None = None,
        provenance: dict[str, Any] | None = None,
        with_arrays: bool = True,
        **flags: Any,
    ) -> Record:
        wrong = round(1000 - 20 * miou) + 10 * np.array([1, -1] * 10)
        per_image = np.array([[[1000 - one, one], [0, 0]] for one in wrong], np.int32)
        confusion = Confusion(2)
        confusion.matrix += per_image.sum(axis=0)
        names = tuple(f"image_{number}" for number in range(20))
        outcome = Evaluation(confusion, per_image, names, 1.0)
        options = {"padding": "same"}
        full = {**RECIPE, "seed": seed, "model_options": options, **(recipe or {})}
        full |= variant.changes(full["model_options"])
        identity = {
            "model": full["model"],
            "num_classes": 2,
            "run": {"recipe": full, "data": {"name": data, "split": "train"}},
            "selection": "last",
            "weights_sha256": f"{seed} {full}",
            "data": {"name": data, "split": split, "manifest_sha256": "m"},
            "protocol": {"scales": [1.0]},
            "precision": "32-true",
        }
        made = {
            "source": sources[full["model"]],
            "dirty": False,
            "started_utc": f"2026-01-01T00:{next(minutes):02d}:00Z",
            **(provenance or {}),
        }
        record = make_record("accuracy", identity, outcome.values(("a", "b")), made, **flags)
        return add_record(record, tmp_path, outcome.arrays() if with_arrays else None)[0]

    return add


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reproduction]:
    home = tmp_path_factory.mktemp("home")
    return {name: reproduce(name, home) for name in REPRODUCIBLE}
