"""Read every file of a data set and list what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from bench.data.dataset import IGNORE, image_digests, manifest_digest, sample_name
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.data.dataset import SegmentationData


@dataclass
class SplitReport:
    """What one split holds.

    Attributes
    ----------
    samples
        Listed samples.
    unreadable
        Samples that were refused; each is among the problems.
    sizes
        {"HEIGHTxWIDTH": samples}.
    pixels
        {class name: labelled pixels}, in the order of the train ids.
    ignored_pixels
        Pixels without a class.
    images_with_class
        {class name: samples in which it occurs}.
    manifest
        Digest of the manifest; None where a file could not be read.
    """

    samples: int
    unreadable: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)
    ignored_pixels: int = 0
    images_with_class: dict[str, int] = field(default_factory=dict)
    manifest: str | None = None


@dataclass
class CheckReport:
    """What a data set holds and what is wrong with it.

    Attributes
    ----------
    name
        Of the data set.
    stored_ids
        {stored id as text: class name or "ignored"}: the table applied at read.
    splits
        The splits that could be opened.
    problems
        One line each; empty when all is well.
    """

    name: str
    stored_ids: dict[str, str]
    splits: dict[str, SplitReport] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def check_data(
    name: str,
    openers: Mapping[str, Callable[[], SegmentationData]],
    stored_ids: Mapping[int, int],
    expected: Mapping[str, int] | None = None,
    *,
    seen: Callable[[str, int, int], None] | None = None,
) -> CheckReport:
    """Decode every sample of every split, and compare the splits.

    Parameters
    ----------
    name
        Of the data set.
    openers
        {split: function that opens it}; a split that is refused becomes a problem.
    stored_ids
        The table from stored id to train id, for the report.
    expected
        {split: samples}, where the set is a fixed one.
    seen
        Called as ``seen(split, samples done, samples in all)`` after each sample.
    """
    report = CheckReport(name, {})
    digests: dict[str, dict[str, str]] = {}
    for split, open_split in openers.items():
        try:
            data = open_split()
        except RefusedInput as error:
            report.problems.append(str(error))
            continue
        report.stored_ids = _describe(stored_ids, data.classes)
        report.splits[split] = _check_split(data, report.problems, seen)
        wanted = expected.get(split) if expected else None
        if wanted is not None and wanted != len(data):
            report.problems.append(f"{name} {split}: {len(data)} samples, the published split has {wanted}")
        try:
            report.splits[split].manifest = manifest_digest(data)
            digests[split] = image_digests(data)
        except (RefusedInput, OSError) as error:
            report.problems.append(f"{name} {split}: no manifest ({error})")
    report.problems += _shared_between_splits(digests)
    return report


def _check_split(
    data: SegmentationData, problems: list[str], seen: Callable[[str, int, int], None] | None
) -> SplitReport:
    report = SplitReport(len(data))
    sizes: Counter[str] = Counter()
    pixels = torch.zeros(256, dtype=torch.int64)
    images = torch.zeros(256, dtype=torch.int64)
    for index in range(len(data)):
        try:
            sample = data.read(index)
        except RefusedInput as error:
            report.unreadable += 1
            problems.append(f"{data.split}/{sample_name(data, index)}: {error}")
        else:
            counts = torch.bincount(sample.label.flatten(), minlength=256)
            pixels += counts
            images += counts > 0
            sizes[f"{sample.label.shape[0]}x{sample.label.shape[1]}"] += 1
        if seen is not None:
            seen(data.split, index + 1, len(data))
    report.sizes = dict(sizes)
    report.pixels = {title: int(pixels[train_id]) for train_id, title in enumerate(data.classes)}
    report.images_with_class = {title: int(images[train_id]) for train_id, title in enumerate(data.classes)}
    report.ignored_pixels = int(pixels[IGNORE])
    problems += _masks_in_disguise(data, pixels)
    return report


def _masks_in_disguise(data: SegmentationData, pixels: torch.Tensor) -> list[str]:
    """Return a problem where 255 meant "yes" and not "ignored": labels that are black and white masks."""
    present = pixels.nonzero().flatten().tolist()
    if present != [0, IGNORE] or len(data.classes) <= 2:
        return []
    return [
        f"{data.name} {data.split}: every label holds only 0 and {IGNORE}, as a black and white mask does; "
        f"allowed are ids of {len(data.classes)} classes"
    ]


def _shared_between_splits(digests: Mapping[str, Mapping[str, str]]) -> list[str]:
    first_seen: dict[str, tuple[str, str]] = {}
    problems: list[str] = []
    for split, images in digests.items():
        for image, digest in sorted(images.items()):
            other_split, other = first_seen.setdefault(digest, (split, image))
            if other_split != split:
                problems.append(f"{split} {image}: the same image as {other_split} {other}")
    return problems


def _describe(stored_ids: Mapping[int, int], classes: tuple[str, ...]) -> dict[str, str]:
    return {
        str(stored): "ignored" if train_id == IGNORE else classes[train_id]
        for stored, train_id in sorted(stored_ids.items())
        if train_id == IGNORE or train_id < len(classes)
    }
