"""Evaluate the final weights of a run on a split, into an accuracy record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.data.catalogue import open_data
from bench.data.dataset import SegmentationData, manifest_digest, require_disjoint
from bench.data.statistics import Statistics
from bench.evaluate.evaluate import Evaluation, evaluate
from bench.evaluate.protocol import Protocol
from bench.fabric import launch_fabric
from bench.files import sha256_of_file
from bench.models import resolve
from bench.results.provenance import gather
from bench.results.record import Record, make_record
from bench.results.store import add_record, read_arrays, takes_of
from bench.train.initial import build_seeded
from bench.train.recipe import from_table
from bench.train.run import Settings
from bench.train.weight_file import describe_weights, fit, load_weights

_WEIGHTS = "final.safetensors"


def evaluate_run(
    source: Path, split: str, settings: Settings, progress: Callable[[int, int], None] = lambda *_: None
) -> tuple[Record, bool]:
    """Evaluate a run's final weights and write the accuracy record.

    Parameters
    ----------
    source
        A run folder, or a weights file that a run has written (which says what it is of).
    split
        Of the run's data set.
    settings
        Home, data root, device, threads, command.
    progress
        Is told images done and images in all.

    Returns
    -------
    The record, and whether an earlier record of the same evaluation had the same matrix for every image: then
    that record is returned and nothing new is written.

    Raises
    ------
    RefusedInput
        Not a run's weights; training images in the split; data that cannot be read.
    """
    path = source / _WEIGHTS if source.is_dir() else source
    description = describe_weights(path)
    identity = description["identity"]
    recipe = from_table(dict(identity["recipe"]), path.name)
    fabric = launch_fabric(settings.device, "32-true")
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    method = resolve(recipe.model)
    data = open_data(recipe.data, split, settings.data_root, home=settings.home, **recipe.data_options)
    if not recipe.smoke:
        train_data = open_data(
            recipe.data, "train", settings.data_root, home=settings.home, **recipe.data_options
        )
        require_disjoint(train_data, data)
    network = build_seeded(recipe, method, len(data.classes))
    fit(network, load_weights(path), path)
    network.to(memory_format=torch.channels_last).to(fabric.device)
    provenance = gather(settings.command, method)
    mean, std = (tuple(description["statistics"][key]) for key in ("mean", "std"))
    statistics = Statistics(mean, std)
    outcome = evaluate(network, data, statistics, fabric.device, lambda done: progress(done, len(data)))
    protocol = Protocol(data.name, split, align_corners=getattr(network, "align_corners", None))
    record = make_record(
        "accuracy",
        evaluation_identity(identity, protocol, data, path, fabric.device.type),
        outcome.values(data.classes),
        provenance,
        smoke=recipe.smoke,
        notes=[*description["notes"], *(["synthetic data"] if data.synthetic else [])],
    )
    earlier = _same_outcome(record, outcome, settings.home)
    if earlier is not None:
        return earlier, True
    return add_record(record, settings.home, outcome.arrays())[0], False


def evaluation_identity(
    run: dict[str, Any], protocol: Protocol, data: SegmentationData, weights: Path, device: str
) -> dict[str, Any]:
    """Return what defines an evaluation: the run, its final weights, and the protocol with its data."""
    return {
        "model": run["model"],
        "num_classes": run["num_classes"],
        "run": run,
        "selection": "last",
        "weights_sha256": sha256_of_file(weights),
        "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
        "protocol": protocol.as_dict(),
        "engine": "eager",
        "device": device,
        "precision": "32-true",
        "batch": 1,
        "size": "native",
        "threads": torch.get_num_threads(),
    }


def _same_outcome(record: Record, outcome: Evaluation, home: Path) -> Record | None:
    """Return the earlier record of this very evaluation, if each image's matrix is the same as now."""
    new = outcome.arrays()
    for earlier in takes_of(home, "accuracy", record.identity):
        old = read_arrays(earlier, home)
        if all(np.array_equal(old[key], new[key]) for key in new):
            return earlier
    return None
