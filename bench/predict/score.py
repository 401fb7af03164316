"""Score label PNGs that were made elsewhere by the rule of ``evaluate``, into an accuracy record."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import numpy as np

from bench.data.catalogue import entry, open_data
from bench.data.dataset import data_notes, manifest_digest, require_labels
from bench.data.images import id_table
from bench.data.loader import evaluation_samples
from bench.errors import RefusedInput, UsageError
from bench.evaluate.confusion import Confusion
from bench.evaluate.doubts import doubts
from bench.evaluate.evaluate import Evaluation
from bench.evaluate.protocol import Protocol
from bench.models import NAME
from bench.predict.outside_files import find_predictions, kind_of_ids, label_ids, read_train_ids, refuse
from bench.predict.submission_zip import Problems
from bench.results.provenance import gather
from bench.results.record import AccuracyRecord
from bench.results.store import add_record
from bench.train.score import same_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from bench.data.dataset import SegmentationData
    from bench.predict.outside_files import Ids, Predictions
    from bench.train.settings import Settings


def score_folder(
    folder: Path,
    name: str,
    split: str,
    settings: Settings,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    *,
    called: str | None = None,
    ids: Ids | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[AccuracyRecord, bool]:
    """Score the label PNGs of a folder and write the accuracy record.

    Args:
        folder: One PNG per image of the split, see `find_predictions`.
        name, split: The data, as ``open_data`` takes it.
        settings: Home, data root and command.
        progress: Called with the stage, images done and images in all.
        called: The name that the record gives to what made the predictions; None takes the folder's.
        ids: What the files hold; None finds out.
        options: Of the data set.

    Returns:
        The record, and whether an earlier record of the same files had the same matrix for every image: then
        that record is returned and nothing new is written.

    Raises:
        UsageError: No such data set, split or option; a name that no record may have.
        RefusedInput: A split without labels; missing, extra, unreadable or wrongly sized files, unknown ids.
    """
    called = folder.resolve().name if called is None else called
    if not re.fullmatch(NAME, called):
        raise UsageError(
            f"--name {called!r}: expected 1 to 64 letters, digits, '.', '_', '+', '-' or spaces",
            then="name what made the predictions: --name NAME",
        )
    known = entry(name)
    data = open_data(name, split, settings.data_root, home=settings.home, **(options or {}))
    require_labels(data)
    provenance = gather(settings.command, None)
    found = find_predictions(folder, data, lambda done, total: progress("reading", done, total))
    labels = label_ids(known)
    if ids == "label" and not labels:
        raise UsageError(f"--ids label: the labels of {name} are colours; give train ids")
    ids = kind_of_ids(found.files, len(data.classes), labels, folder) if ids is None else ids
    table = {train_id: train_id for train_id in range(len(data.classes))} if ids == "train" else labels
    outcome = _scored(folder, found, data, table, lambda done: progress("scoring", done, len(data)))
    values = outcome.values(data.classes)
    record = AccuracyRecord.make(
        {
            "model": called,
            "num_classes": len(data.classes),
            "predictions": {"sha256": found.sha256, "ids": ids},
            "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
            # no scales: in which views the network saw an image is not known
            "protocol": Protocol(
                data.name,
                data.split,
                scales=(),
                data_options=dict(options) if options and not data.synthetic else None,
            ).as_dict(),
        },
        values,
        provenance,
        notes=[
            "predictions from outside: network, training images and views are not known",
            *(["synthetic data"] if data.synthetic else []),
            *data_notes(data),
            *doubts(data.name, values["miou"]),
            *([f"{found.left_out} other files of the folder are left out"] if found.left_out else []),
        ],
    )
    earlier = same_outcome(record, outcome, settings.home)
    if earlier is not None:
        return earlier, True
    return add_record(record, settings.home, outcome.arrays())[0], False


def _scored(
    folder: Path,
    found: Predictions,
    data: SegmentationData,
    stored_ids: Mapping[int, int],
    progress: Callable[[int], None],
) -> Evaluation:
    """Return the outcome of predictions, image by image, as ``bench.evaluate.evaluate.evaluate`` does."""
    started = time.perf_counter()
    classes, table, problems = len(data.classes), id_table(stored_ids), Problems()
    confusion = Confusion(classes)
    matrices, names = [], []
    for one, sample in zip(found.files, evaluation_samples(data), strict=True):
        height, width = sample.label.shape
        try:
            prediction = read_train_ids(one, table, classes)
        except RefusedInput as error:
            problems.add("unknown ids", str(error))
        else:
            if prediction.shape == sample.label.shape:
                counts = confusion.update(prediction, sample.label, sample.name)
                matrices.append(counts.astype(np.int32))
            else:
                size = f"{prediction.shape[0]}x{prediction.shape[1]}"
                text = f"{one.path.name}: {size}, its label is {height}x{width} (height x width)"
                problems.add("wrong size", text)
        names.append(sample.name)
        progress(len(names))
    refuse(folder, problems, "write each label at its image's size, with the ids of the data set's classes")
    return Evaluation(confusion, np.stack(matrices), tuple(names), time.perf_counter() - started)
