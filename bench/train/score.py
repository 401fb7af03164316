"""Evaluate the final weights of a run on a split, into an accuracy record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from baselines.sizes import ANY
from bench.data.dataset import SegmentationData, data_notes, manifest_digest, require_disjoint, require_labels
from bench.errors import RefusedInput
from bench.evaluate.doubts import doubts
from bench.evaluate.evaluate import Evaluation
from bench.evaluate.protocol import Protocol
from bench.evaluate.views import SINGLE, Views
from bench.fabric import launch_fabric
from bench.own.guard import user_code
from bench.results.provenance import gather
from bench.results.record import AccuracyRecord, TrainingRecord
from bench.results.store import add_record, read_arrays, read_takes
from bench.train.failures import memory_named
from bench.train.peers import Peers
from bench.train.settings import Settings
from bench.train.shared_evaluation import evaluate_shared
from bench.train.splits import open_split
from bench.train.trained import TrainedWeights, open_weights
from bench.train.weight_file import describe_weights


@memory_named("scoring")
def evaluate_run(
    source: Path,
    split: str,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda *_: None,
    model: str | None = None,
    *,
    views: Views = SINGLE,
    data_set: str | None = None,
) -> tuple[AccuracyRecord, bool]:
    """Evaluate a run's final weights and write the accuracy record.

    Args:
        source: A run folder, or a weights file that a run has written (which says what it is of).
        split: Split of the run's data set.
        settings: Home, data root, device, devices that share the images, threads, command. With several only
            the first process returns; the others end here.
        progress: Called with images done and images in all.
        model: ``path/to/file.py:build`` of a network that is not in the registry: a run names the file, not
            where it lies. None takes the name on record.
        views: Views of an image: windows, scales, mirror images.
        data_set: The weights' data set as the user names it: one of their own is in no catalogue.

    Returns:
        The record, and whether an earlier record of the same evaluation had the same matrix for every image:
        then that record is returned and nothing new is written.

    Raises:
        RefusedInput: Not a run's weights; training images in the split; a split without labels; data that
            cannot be read.
        UsageError: A window size that the method does not take, or another data set.
        LostProcess: Another process of the evaluation has ended.
    """
    trained = open_weights(source, settings.home)
    trained.require_data(data_set)
    recipe = trained.recipe
    describe_weights(trained.path).whole_identity(trained.path)
    fabric = launch_fabric(settings.device, "32-true", settings.devices)
    peers = Peers(fabric)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    method = trained.method(model)
    views.require(method.sizes)
    data = open_split(recipe, split, settings.data_root, settings.home)
    require_labels(data)
    if not recipe.smoke:
        train_data = open_split(recipe, "train", settings.data_root, settings.home)
        require_disjoint(train_data, data)
    network = trained.network(method, data, fabric.device)
    provenance = gather(settings.command, method)
    with user_code("evaluation", method), peers.named():
        outcome = evaluate_shared(
            network, data, trained.statistics, fabric, progress, sizes=method.sizes, views=views
        )
    peers.leave()
    if not fabric.is_global_zero:
        raise SystemExit(0)
    values = outcome.values(data.classes)
    protocol = Protocol(
        data.name,
        data.split,
        scales=views.scales,
        flip=views.flip,
        window=views.window_hw,
        stride=views.stride_hw,
        averaged=None if views.single else "probabilities",
        align_corners=getattr(network, "align_corners", None),
        padded_to=None if method.sizes == ANY else str(method.sizes),
        data_options=None if data.synthetic or not recipe.data_options else dict(recipe.data_options),
    )
    # what a reader of the scores must know of the data, the views and doubtful scores
    remarks = [
        *(["synthetic data"] if data.synthetic else []),
        *data_notes(data),
        *([] if views.single else [str(views)]),
        *doubts(data.name, values["miou"]),
        *outcome.notes,
    ]
    if trained.record is None:
        remarks.append("weights without a training record here: nothing says what code made them")
    record = AccuracyRecord.make(
        evaluation_identity(trained, protocol, data, fabric.device.type),
        values,
        {**provenance, "parts": _made_by(trained.record)},
        reasons=[*([] if trained.record is None else trained.record.reasons), *outcome.reasons],
        smoke=recipe.smoke,
        notes=list(
            dict.fromkeys([*trained.notes, *(trained.record.notes if trained.record else ()), *remarks])
        ),
    )
    earlier = same_outcome(record, outcome, settings.home)
    if earlier is not None:
        return earlier, True
    return add_record(record, settings.home, outcome.arrays())[0], False


def evaluation_identity(
    trained: TrainedWeights, protocol: Protocol, data: SegmentationData, device: str
) -> dict[str, Any]:
    """Return what defines an evaluation: the run, its final weights, and the protocol with its data."""
    run = trained.identity
    return {
        "model": run["model"],
        "num_classes": run["num_classes"],
        "run": run,
        "selection": run["recipe"].get("selection", "last"),
        "weights_sha256": trained.sha256,
        "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
        "protocol": protocol.as_dict(),
        "engine": "eager",
        "device": device,
        "precision": "32-true",
        "batch": 1,
        "size": "native",
        "threads": torch.get_num_threads(),
    }


def _made_by(record: TrainingRecord | None) -> list[dict[str, Any]]:
    """Return the provenance of the processes that trained weights; one without content where unknown."""
    if record is None:
        return [{}]
    provenance = dict(record.stored["provenance"])
    return [*provenance.pop("parts", []), provenance]


def same_outcome(record: AccuracyRecord, outcome: Evaluation, home: Path) -> AccuracyRecord | None:
    """Return the earlier record of this very evaluation, if each image's matrix is the same as now."""
    new = outcome.arrays()
    identity = {key: value for key, value in record.stored["identity"].items() if key != "take"}
    # a damaged record must not cost the score: `audit` names it
    with contextlib.suppress(RefusedInput):
        for earlier in read_takes(home, AccuracyRecord, identity):
            old = read_arrays(earlier, home)
            if all(np.array_equal(old[key], new[key]) for key in new):
                return earlier
    return None
