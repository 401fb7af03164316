"""A grid of two quick variants on four drawn images, and records of runs that nobody trained."""

import sys

import pytest
from made_records import make_record

from bench.experiments.grid import experiment_of
from bench.experiments.grid_axes import axes_of
from bench.models import resolve
from bench.results.provenance import current_sources, machine
from bench.results.store import add_record

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 64]
batch = 2
epochs = 2
encoder_lr = 0.01
decoder_lr = 0.02
clip_norm = 5.0
smoke = true
validate_every = 0
# a checkpoint after each step
checkpoint_every_s = 0.0

[data_options]
count = 4
size_hw = [64, 64]
"""
STEPS = 4  # 2 epochs of 4 images in batches of 2


def tiny_recipe(folder):
    path = folder / "tiny.toml"
    path.write_text(TINY)
    return path


def experiment(recipe, seeds=1, **flags):
    flags = flags or {"components": ["bs", "car"]}
    return experiment_of(axes_of(**flags), name_or_path=str(recipe), seeds=seeds)


def identity_of(run, *, threads=1, manifest="f" * 64):
    return {
        "model": run.recipe.model,
        "num_classes": 11,
        "recipe": run.recipe.identity(),
        "initial_weights_sha256": "a" * 64,
        "data": {"name": run.recipe.data, "split": "train", "manifest_sha256": manifest},
        "engine": "eager",
        "device": "cpu",
        "precision": "32-true",
        "threads": threads,
    }


def provenance_of(run, **changes):
    return {
        "source": current_sources(resolve(run.recipe.model)),
        "machine": machine(),
        "dirty": False,
        "started_utc": "2026-01-01T00:00:00Z",
        **changes,
    }


def add_training(run, home, *, identity=None, provenance=None, reasons=(), step_s=2.0):
    values = {"steps": 732, "mean_step_s": step_s, "final_weights_sha256": "b" * 64}
    record = make_record(
        "training", identity or identity_of(run), values, provenance or provenance_of(run), reasons=reasons
    )
    return add_record(record, home)[0]


def add_accuracy(run, home, miou, *, split="test", identity=None, arrays=None):
    whole = {
        "run": identity or identity_of(run),
        "data": {"name": run.recipe.data, "split": split},
        "protocol": {"scales": [1.0], "flip": False},
        "weights_sha256": "b" * 64,
    }
    values = {"miou": miou, "images": 233, "wall_s": 23.3}
    return add_record(make_record("accuracy", whole, values, provenance_of(run)), home, arrays)[0]


@pytest.fixture
def grids():
    """The functions of this file."""
    return sys.modules[__name__]
