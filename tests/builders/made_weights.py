"""Weights files as runs write them, of untrained networks that are small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.data import catalogue
from bench.data.unlabelled import ImageFiles
from bench.models import resolve
from bench.train.initial import build_seeded
from bench.train.recipe import from_table
from bench.train.weight_file import save_weights


def make_weights(
    path: Path, model: str = "carnet-mobile", note: str = "dequantised from int8", **changes: Any
) -> Path:
    """Write the weights of a run that has not learnt anything; ``changes`` are of the recipe."""
    table = {
        "name": "tiny",
        "model": model,
        "data": "scenes",
        "data_options": {"count": 6, "size_hw": [64, 96]},
        "crop": [64, 96],
        "batch": 4,
        "epochs": 1,
        "encoder_lr": 0.1,
        "decoder_lr": 0.1,
        **changes,
    }
    recipe = from_table(table, "tiny")
    network = build_seeded(recipe, resolve(model), ImageFiles(catalogue.entry(recipe.data)))
    identity = {"model": model, "recipe": recipe.identity()}
    statistics = {"mean": [0.5] * 3, "std": [0.5] * 3}
    about = {"identity": identity, "statistics": statistics, "notes": [note]}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, network.state_dict(), about)
    return path
