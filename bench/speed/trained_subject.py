"""Trained weights as a subject of timing and export: the network, what scores it, what calibrates it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.method import Method
from bench.data import catalogue
from bench.data.dataset import SegmentationData, data_notes, require_disjoint, require_labels
from bench.data.unlabelled import ImageFiles
from bench.errors import UsageError
from bench.speed.accuracy import MAX_LOSS, Judge, batches
from bench.speed.device import Device
from bench.speed.engines.calibration import (
    CALIBRATION_METHODS,
    FP32_CONVOLUTIONS,
    Calibration,
    require_method,
)
from bench.train.splits import open_split
from bench.train.trained import TrainedWeights, open_weights

CALIBRATION_IMAGES = 32
_CALIBRATION_SPLIT, _SCORED_SPLIT = "train", "val"


@dataclass(frozen=True)
class Wanted:
    """What is requested besides the weights.

    Attributes:
        data: ``NAME`` or ``NAME:SPLIT`` to score engines on (default split: val); None scores none, or with a
            calibration the val split of its data.
        calibrate: ``NAME`` or ``NAME:COUNT``: number of images of the train split, evenly spread (default
            32).
        method: How the ranges are taken from them, one of ``CALIBRATION_METHODS``.
        fp32_convolutions: Number of the network's first convolutions that int8 leaves in fp32.
        max_loss: Most mIoU that an engine may lose, 0..1.
    """

    data: str | None = None
    calibrate: str | None = None
    method: str = CALIBRATION_METHODS[0]
    fp32_convolutions: int = FP32_CONVOLUTIONS
    max_loss: float = MAX_LOSS


@dataclass(frozen=True)
class TrainedSubject:
    """What is timed or exported in place of random weights.

    Attributes:
        weights: Weights of a run.
        data: Its data set, of which only name and classes are read.
        judge: Scores engines; None where no data was named.
        calibration: Images for int8; None where none was requested.
    """

    weights: TrainedWeights
    data: SegmentationData
    judge: Judge | None
    calibration: Calibration | None

    @property
    def num_classes(self) -> int:
        """Classes of the weights."""
        return len(self.data.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures must know of weights and data."""
        if self.judge is None:
            return self.weights.notes
        synthetic = ("scored on synthetic data",) if self.judge.data.synthetic else ()
        return tuple(dict.fromkeys((*self.weights.notes, *data_notes(self.judge.data), *synthetic)))

    def identity(self, precision: str) -> dict[str, Any]:
        """Return its part of a record's identity; the calibration is in it only where it decides anything."""
        found: dict[str, Any] = {"weights": self.weights.sha256}
        if precision == "int8" and self.calibration is not None:
            found["calibration"] = self.calibration.identity()
        return found

    def network(self, method: Method, device: Device) -> nn.Module:
        """Return the network in evaluation mode, on the device and in its layout.

        Raises:
            UsageError, RefusedInput: As ``TrainedWeights.network``.
        """
        # ordinary tensors, whatever mode the caller is in: no compiler takes those made in inference mode
        with torch.inference_mode(False):
            network = self.weights.network(method, self.data, device.torch_device)
            return network.to(memory_format=device.memory_format)


def open_subject(
    source: Path,
    method: Method,
    shape: tuple[int, int, int, int],
    wanted: Wanted,
    *,
    data_root: Path | None,
    home: Path,
    classes: int | None = None,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> TrainedSubject:
    """Return a run's weights with the requested data; the calibration images are read here.

    Args:
        source: A run's folder or a weights file.
        method: Must be the run's.
        shape: Shape of the input, (b, 3, h, w): every image must have this height and width.
        wanted: Data, calibration and the accepted loss.
        data_root, home: Folders searched for the data.
        classes: Number of classes that the caller expects; None takes the weights'.
        progress: Called with a stage and the share done, here and by what is returned.

    Raises:
        UsageError: Weights of another model or number of classes; data that is not the run's; an unknown
            split, count or method; images of another size.
        RefusedInput: Not the weights of a run; missing or bad data; a scored split without labels, or one
            that shares images with the training split.
    """
    weights = open_weights(source)
    recipe = weights.recipe
    if weights.identity["model"] != method.name:
        raise UsageError(f"{source}: weights of {weights.identity['model']}, not of {method.name}")
    of_the_run = ImageFiles(weights.data)
    if classes not in (None, len(of_the_run.classes)):
        raise UsageError(
            f"--classes {classes}: the weights are of {recipe.data}, {len(of_the_run.classes)} classes"
        )
    require_method(wanted.method)
    if wanted.fp32_convolutions < 0:
        raise UsageError(f"--fp32-convolutions {wanted.fp32_convolutions}: expected 0 or more")
    if not 0.0 <= wanted.max_loss <= 1.0:
        raise UsageError(f"--max-loss {100 * wanted.max_loss:g}: expected 0 to 100 points of mIoU")
    calibrate = None if wanted.calibrate is None else _calibrate(wanted.calibrate)
    scored = wanted.data if wanted.data is not None or calibrate is None else calibrate[0]
    for option, name in (("--calibrate", calibrate[0] if calibrate else None), ("--data", scored)):
        if name is not None and catalogue.entry(name.partition(":")[0]).name != recipe.data:
            raise UsageError(f"{option} {name}: expected {recipe.data}, the data set of the weights")
        weights.require_data(None if name is None else name.partition(":")[0])
    judge = calibration = None
    if scored is not None:
        split = scored.partition(":")[2] or _SCORED_SPLIT
        data = open_split(recipe, split, data_root, home)
        require_labels(data)
        if not recipe.smoke:
            require_disjoint(open_split(recipe, "train", data_root, home), data)
        judge = Judge(data, weights.statistics, wanted.max_loss, progress)
        next(iter(batches(data, [0], weights.statistics, shape)))  # another size is refused here, early
    if calibrate is not None:
        images = open_split(recipe, _CALIBRATION_SPLIT, data_root, home)
        calibration = _read(images, calibrate[1], weights, shape, wanted=wanted, progress=progress)
    return TrainedSubject(weights, of_the_run, judge, calibration)


def _calibrate(text: str) -> tuple[str, int]:
    """Return name and count of ``NAME[:COUNT]``."""
    name, colon, count = text.partition(":")
    if not name or (colon and not (count.isascii() and count.isdigit() and 0 < int(count) <= 10_000)):
        raise UsageError(f"--calibrate {text}: expected DATA or DATA:COUNT with 1 to 10000 images")
    return name, int(count) if colon else CALIBRATION_IMAGES


def _read(
    data: SegmentationData,
    count: int,
    weights: TrainedWeights,
    shape: tuple[int, int, int, int],
    *,
    wanted: Wanted,
    progress: Callable[[str, float], None],
) -> Calibration:
    if count > len(data):
        raise UsageError(f"--calibrate {data.name}:{count}: {data.split} has {len(data)} images")
    # evenly spread: neighbours in a video show the same
    indices = [(2 * place + 1) * len(data) // (2 * count) for place in range(count)]
    digest, found = hashlib.sha256(), []
    for number, (samples, images) in enumerate(batches(data, indices, weights.statistics, shape)):
        for sample in samples:
            digest.update(f"{sample.name} {tuple(sample.image.shape)}\n".encode())
            digest.update(sample.image.contiguous().numpy().tobytes())
        found.append(images)
        progress("reading images", min(1.0, (number + 1) * shape[0] / count))
    read = {"images": count, "images_sha256": digest.hexdigest()}
    source: dict[str, Any] = {"data": data.name, "split": data.split, **read}
    return Calibration(found, source, wanted.method, wanted.fp32_convolutions, progress)
