"""Score a network's file on a split: the file itself is run, into an accuracy record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.data.catalogue import open_data
from bench.data.dataset import data_notes, manifest_digest, require_labels
from bench.evaluate.doubts import doubts
from bench.evaluate.evaluate import evaluate
from bench.evaluate.protocol import Protocol
from bench.results.provenance import gather
from bench.results.record import AccuracyRecord
from bench.results.record_types import PRECISIONS
from bench.results.store import add_record
from bench.speed.net_file import FileNetwork, open_net_file
from bench.train.failures import memory_named
from bench.train.score import same_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from bench.train.settings import Settings


@memory_named("scoring")
def evaluate_file(
    path: Path,
    split: str,
    settings: Settings,
    progress: Callable[[int, int], None] = lambda *_: None,
    *,
    data_set: str | None = None,
    statistics: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[AccuracyRecord, bool]:
    """Evaluate a network's file and write the accuracy record.

    Args:
        path: ``.onnx``, or OpenVINO's ``.xml``.
        split: Of the data set.
        settings: Home, data root, threads, command; the file runs on the CPU.
        progress: Called with images done and images in all.
        data_set: As `open_data` takes it; None takes the one that the file's class names are of.
        statistics: What normalises its images; None takes the file's own.
        options: Of the data set.

    Returns:
        The record, and whether an earlier record of the same evaluation had the same matrix for every image.

    Raises:
        UsageError: Classes or statistics that neither the file nor the caller names; other classes.
        RefusedInput: Not a network's file; images of another size than it takes; a split without labels.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    file = open_net_file(path)
    known = file.statistics(statistics)
    data = open_data(file.data(data_set), split, settings.data_root, home=settings.home, **(options or {}))
    require_labels(data)
    provenance = gather(settings.command, None)
    device = torch.device("cpu")
    outcome = evaluate(
        FileNetwork(file), data, known, device, lambda done: progress(done, len(data)), repeat=True
    )
    values = outcome.values(data.classes)
    height, width = file.size_hw
    record = AccuracyRecord.make(
        {
            "model": path.name,
            "num_classes": file.num_classes,
            "file": path.suffix[1:],
            "weights_sha256": file.sha256,
            "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
            "protocol": Protocol(
                data.name,
                data.split,
                data_options=dict(options) if options and not data.synthetic else None,
            ).as_dict(),
            "engine": file.engines[0],
            "device": device.type,
            "precision": PRECISIONS.get(file.described.get("precision", "fp32"), "32-true"),
            "batch": 1,
            "size": f"{height}x{width}",
            "threads": torch.get_num_threads(),
        },
        values,
        provenance,
        reasons=outcome.reasons,
        notes=dict.fromkeys(
            [
                *file.notes,
                "an exported file: which images its weights were trained on is not known",
                *(["synthetic data"] if data.synthetic else []),
                *data_notes(data),
                *doubts(data.name, values["miou"]),
                *outcome.notes,
            ]
        ),
    )
    earlier = same_outcome(record, outcome, settings.home)
    if earlier is not None:
        return earlier, True
    return add_record(record, settings.home, outcome.arrays())[0], False
