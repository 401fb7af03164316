"""Read every file of a data set and list what is wrong with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from bench.data.check_report import CheckReport, Published, SplitReport
from bench.data.dataset import (
    IGNORE,
    MissingSplit,
    ReadsImages,
    data_notes,
    files_digest,
    image_digests,
    is_labelled,
    manifest_digest,
    sample_name,
)
from bench.data.folder import COMPANION, PairFolder, entries
from bench.data.images import exif_orientation
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.data.dataset import SegmentationData


def check_data(
    name: str,
    openers: Mapping[str, Callable[[], SegmentationData]],
    stored_ids: Mapping[int, int] | Mapping[str, int],
    published: Published = Published(),  # noqa: B008 - frozen
    *,
    partial: bool = False,
    seen: Callable[[str, int, int], None] | None = None,
) -> CheckReport:
    """Decode every sample of every split, and compare the splits.

    Args:
        name: Name of the data set.
        openers: {split: function that opens it}; a split that is refused becomes a problem.
        stored_ids: The table from stored id to train id, for the report.
        published: What the set holds as published.
        partial: The folder holds only a part of the set: missing splits and other counts are notes, not
            problems.
        seen: Called as ``seen(split, samples done, samples in all)`` after each sample.
    """
    report = CheckReport(name, {})
    digests: dict[str, dict[str, str]] = {}
    folders: list[PairFolder] = []
    for split, open_split in openers.items():
        try:
            data = open_split()
        except MissingSplit as error:
            optional = partial or split in published.unlabelled
            (report.notes if optional else report.problems).append(str(error))
            continue
        except RefusedInput as error:
            report.problems.append(str(error))
            continue
        report.stored_ids = _describe(
            getattr(data, "stored_ids", None) or stored_ids, data.classes, published.stored_names or {}
        )
        report.notes += [f"{name} {split}: {note}" for note in data_notes(data)]
        if isinstance(data, PairFolder):
            folders.append(data)
        part = report.splits[split] = _check_split(data, report, seen)
        wanted = published.counts.get(split) if published.counts else None
        if wanted is not None and wanted != len(data):
            told = report.notes if partial else report.problems
            told.append(f"{name} {split}: {len(data)} samples, the published split has {wanted}")
        report.problems += _exchanged(f"{name} {split}", data)
        report.problems += _strange_sizes(f"{name} {split}", part, published.sizes_hw)
        try:
            part.manifest = manifest_digest(data)
            digests[split] = image_digests(data)
        except (RefusedInput, OSError) as error:
            report.problems.append(f"{name} {split}: no manifest ({error})")
        if split in digests and files_digest(data) == published.manifests.get(split):
            report.notes.append(f"{name} {split}: the files are those published, byte for byte")
    report.notes += _left_out(name, folders)
    if not report.splits and not report.problems:
        report.problems.append(f"{name}: the folder holds no split at all")
    report.problems += _shared_between_splits(digests)
    return report


def _check_split(
    data: SegmentationData, whole: CheckReport, seen: Callable[[str, int, int], None] | None
) -> SplitReport:
    report = SplitReport(len(data), is_labelled(data))
    problems = whole.problems
    sizes: Counter[str] = Counter()
    pixels = torch.zeros(256, dtype=torch.int64)
    images = torch.zeros(256, dtype=torch.int64)
    tally = torch.zeros(256, dtype=torch.int64)
    if isinstance(data, PairFolder):
        data.tally = tally
    for index in range(len(data)):
        where = f"{data.split}/{sample_name(data, index)}"
        try:
            height, width, counts = _read(data, index, report.labelled)
        except RefusedInput as error:
            report.unreadable += 1
            problems.append(f"{where}: {error}{_turned(data, index)}")
        else:
            pixels += counts
            images += counts > 0
            sizes[f"{height}x{width}"] += 1
            if turned := _turned(data, index):
                (whole.problems if _keeps_sides(data, index) else whole.notes).append(f"{where}{turned}")
            if (orientation := _label_orientation(data, index)) != 1:
                problems.append(
                    f"{where}: its label has an EXIF or XMP orientation {orientation}, but ids are read "
                    "as stored; remove the tag"
                )
        if seen is not None:
            seen(data.split, index + 1, len(data))
    report.sizes = dict(sizes)
    report.stored_pixels = {str(stored): int(tally[stored]) for stored in tally.nonzero().flatten().tolist()}
    report.pixels = {title: int(pixels[train_id]) for train_id, title in enumerate(data.classes)}
    report.images_with_class = {title: int(images[train_id]) for train_id, title in enumerate(data.classes)}
    report.ignored_pixels = int(pixels[IGNORE])
    if report.labelled:
        problems += _masks_in_disguise(data, pixels)
    else:
        whole.notes.append(
            f"{data.name} {data.split}: images only, {getattr(data, 'why_unlabelled', 'no labels')}"
        )
    return report


def _read(data: SegmentationData, index: int, labelled: bool) -> tuple[int, int, torch.Tensor]:
    """Return height, width and pixels by train id of a sample; of an image alone no pixels."""
    if not labelled and isinstance(data, ReadsImages):
        _, height, width = data.read_image(index).shape
        return height, width, torch.zeros(256, dtype=torch.int64)
    label = data.read(index).label
    return label.shape[0], label.shape[1], torch.bincount(label.flatten(), minlength=256)


def _orientation(data: SegmentationData, index: int) -> int:
    if not isinstance(data, PairFolder):
        return 1
    try:
        return exif_orientation(data.image_path(index))
    except RefusedInput:
        return 1  # the file's fault is reported already


def _label_orientation(data: SegmentationData, index: int) -> int:
    if not isinstance(data, PairFolder):
        return 1
    label = data.pairs[index].label
    return 1 if label is None else exif_orientation(data.root / label)  # it was read a moment ago


def _turned(data: SegmentationData, index: int) -> str:
    orientation = _orientation(data, index)
    return (
        "" if orientation == 1 else f" (EXIF orientation {orientation}: turned when read, its label is not)"
    )


def _keeps_sides(data: SegmentationData, index: int) -> bool:
    """Return whether the turned image would fit its label unturned too, so that nobody sees which is meant.

    Orientations 5 to 8 exchange height and width; that the sizes agree afterwards shows that the label was
    drawn on the upright image.
    """
    return _orientation(data, index) <= 4


def _left_out(name: str, splits: Sequence[PairFolder]) -> list[str]:
    """Return a note for each kind of file that lies beside those read and is of no split."""
    read = {data.root / file for data in splits for pair in data.pairs for file in pair if file is not None}
    known = tuple(ending for data in splits for ending in data.beside)
    kinds: dict[str, list[str]] = {}
    for folder in sorted({path.parent for path in read}):
        for path in entries(folder):
            if path in read or path.is_dir() or path.name.endswith(known or ("/",)):
                continue
            kind = "companions of macOS" if path.name.startswith(COMPANION) else path.suffix or "other"
            kinds.setdefault(kind, []).append(f"{folder.name}/{path.name}")
    return [
        f"{name}: {len(files)} files are not read ({kind}), first {files[0]}" for kind, files in kinds.items()
    ]


def _exchanged(where: str, data: SegmentationData) -> list[str]:
    """Return a problem where labels have the names of other images of the split, not of their own."""
    if not isinstance(data, PairFolder):
        return []
    named = [(Path(pair.image).stem, Path(pair.label).stem) for pair in data.pairs if pair.label is not None]
    images = {image for image, _ in named}
    wrong = [(image, label) for image, label in named if label != image and label in images]
    if not wrong:
        return []
    image, label = wrong[0]
    return [
        f"{where}: {len(wrong)} labels have the name of another image; the list pairs {image} with {label}"
    ]


def _strange_sizes(
    where: str, report: SplitReport, sizes_hw: tuple[tuple[int, int], ...] | None
) -> list[str]:
    if sizes_hw is None:
        return []
    allowed = [f"{height}x{width}" for height, width in sizes_hw]
    return [
        f"{where}: {count} samples of {size} (height x width), those published have {' or '.join(allowed)}"
        for size, count in report.sizes.items()
        if size not in allowed
    ]


def _masks_in_disguise(data: SegmentationData, pixels: torch.Tensor) -> list[str]:
    """Return a problem where 255 meant "yes" and not "ignored": labels that are black and white masks."""
    present = pixels.nonzero().flatten().tolist()
    if present == [IGNORE]:
        return [f"{data.name} {data.split}: no pixel has a class, as in the dummy labels of a test split"]
    if present != [0, IGNORE] or len(data.classes) <= 2:
        return []
    return [
        f"{data.name} {data.split}: every label holds only 0 and {IGNORE}, as a black and white mask does; "
        f"expected ids of {len(data.classes)} classes"
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


def _describe(
    stored_ids: Mapping[int, int] | Mapping[str, int], classes: tuple[str, ...], names: Mapping[int, str]
) -> dict[str, str]:
    def title(stored: int | str, train_id: int) -> str:
        if train_id != IGNORE:
            return classes[train_id]
        return f"ignored ({names[stored]})" if isinstance(stored, int) and stored in names else "ignored"

    return {
        str(stored): title(stored, train_id)
        for stored, train_id in stored_ids.items()
        if train_id == IGNORE or train_id < len(classes)
    }
