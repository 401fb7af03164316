"""The value range of a trained network's feature maps over a whole split (the claim on Fig. 12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from bench.data.dataset import data_notes, manifest_digest
from bench.fabric import launch_fabric
from bench.own.guard import user_code
from bench.predict.features import REDUCTION, FeatureExtractor, ranges_of
from bench.results.feature_ranges import FeatureRanges, write_ranges
from bench.train.settings import Settings
from bench.train.splits import open_split
from bench.train.trained import open_weights

_DIGITS = 6
"""Significant digits that are kept: other processors differ behind them."""


def measure_ranges(
    source: Path,
    split: str,
    layers: Sequence[str],
    settings: Settings,
    *,
    made_by: tuple[str, str],
    progress: Callable[[int, int], None] = lambda *_: None,
    model: str | None = None,
) -> tuple[FeatureRanges, Path]:
    """Measure each image's value range and write ``HOME/results/features/MODEL-ID-DATA-SPLIT.json``.

    Args:
        source: A run's folder or weights file.
        split: Split of the run's data set; labels are not read.
        layers: As `bench.predict.features.FeatureExtractor`.
        settings: Home, data root, device and threads.
        made_by: Commit of the code, and the machine in words.
        progress: Called with images done and images in all.
        model: The network, where a run trained the user's own.

    Raises:
        UsageError, RefusedInput: Not a run's weights; no such layer; data that cannot be read.
    """
    trained = open_weights(source, settings.home)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = launch_fabric(settings.device, "32-true").device
    method = trained.method(model)
    data = open_split(trained.recipe, split, settings.data_root, settings.home)
    network = trained.network(method, data, device)
    with user_code("feature maps", method):
        extractor = FeatureExtractor(network, layers, trained.statistics, device, method.sizes)
        names, found = ranges_of(extractor, data, lambda done: progress(done, len(data)))
    ranges = FeatureRanges(
        model=trained.identity["model"],
        weights_sha256=trained.sha256,
        recipe=trained.recipe.identity(),
        data=data.name,
        split=data.split,
        manifest_sha256=manifest_digest(data),
        reduction=REDUCTION,
        images=tuple(names),
        layers={
            layer: tuple((_rounded(one.low), _rounded(one.high)) for one in ranges)
            for layer, ranges in found.items()
        },
        notes=tuple(dict.fromkeys([*trained.notes, *data_notes(data)])),
        commit=made_by[0],
        machine=made_by[1],
        torch=torch.__version__,
    )
    made = trained.sha256 if trained.record is None else trained.record.id
    return ranges, write_ranges(ranges, f"{ranges.model}-{made[:12]}", settings.home)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
