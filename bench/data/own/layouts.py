"""Which of the layouts that people have a folder is in, by its folders and the names of its files.

Recognised are Ultralytics (``images/SPLIT``, ``masks/SPLIT``), mmsegmentation (``img_dir/SPLIT``,
``ann_dir/SPLIT``), PASCAL VOC (``JPEGImages``, ``SegmentationClass``, ``ImageSets/Segmentation/SPLIT.txt``),
a folder per split next to that of its labels (``train``, ``train_labels``), and pairs side by side in one
folder, with or without a folder per split.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.entry import SPLITS
from bench.data.folder import entries
from bench.data.own.description import Split
from bench.data.own.folder import IMAGE_ENDS, split_files
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_PAIRS = (
    ("images", "masks", "Ultralytics"),
    ("img_dir", "ann_dir", "mmsegmentation"),
    ("images", "annotations", "images and annotations"),
    ("images", "labels", "images and labels"),
    ("imgs", "masks", "imgs and masks"),
    ("image", "label", "image and label"),
    ("image", "mask", "image and mask"),
)
_BESIDE = ("_labels", "annot", "_masks", "_mask", "_annotations", "_label", "_gt")
"""What stands behind a split's name in the name of the folder of its labels."""
_LABEL_WORD = re.compile(r"(?:mask|label|seg|annot|gt|truth|ids)", re.IGNORECASE)
_LEAST_MATCHED = 0.5
"""Share of a folder's images that must have a label before two folders are taken for a pair."""


@dataclass(frozen=True)
class Layout:
    """What was recognised.

    Attributes:
        title: Name of the layout, with its folders.
        splits: {``train``, ``val`` or ``test``: folders, relative to the data set's own}.
        image_end, label_end: See `bench.data.own.description.Description`.
    """

    title: str
    splits: dict[str, Split]
    image_end: str | None
    label_end: str


def recognise(root: Path) -> Layout:
    """Return the layout of a folder.

    Raises:
        RefusedInput: None of those known; what the folder holds is named. Labels that are all JPEG.
    """
    if not root.is_dir():
        raise RefusedInput(f"{root}: no such folder", then="give the folder that holds images and labels")
    for found in (_voc(root), *_in_two_folders(root), _beside(root), _side_by_side(root)):
        if found is not None:
            return found
    _refuse_jpeg_labels(root)
    inside = ", ".join(f"{path.name}/" if path.is_dir() else path.name for path in entries(root)[:6])
    raise RefusedInput(
        f"{root}: no layout recognised (it holds {inside or 'nothing'}); expected images/SPLIT + masks/SPLIT"
        ", img_dir/SPLIT + ann_dir/SPLIT, JPEGImages + SegmentationClass + ImageSets, SPLIT + SPLIT_labels, "
        "or images next to their label PNGs whose names begin alike",
        then="write a data.toml by hand: `name`, `classes`, and for each split `images` and `labels`",
    )


def _voc(root: Path) -> Layout | None:
    images, labels, lists = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
    if not all((root / folder).is_dir() for folder in (images, labels)):
        return None
    ends = _ends(split_files(root / images, None), split_files(root / labels, ".png"))
    if ends is None:
        return None
    splits = {
        split: Split(images=images, labels=labels, list=f"{lists}/{path.name}")
        for split, path in _named(path for path in entries(root / lists) if path.suffix == ".txt")
    }
    title = f"PASCAL VOC ({images}, {labels}, {lists})"
    return Layout(title, splits or {"train": Split(images=images, labels=labels)}, *ends)


def _in_two_folders(root: Path) -> Iterator[Layout]:
    """Yield layouts of a folder of images and one of labels, above or below the folders of the splits."""
    for images, labels, title in _PAIRS:
        above, below = {}, {}
        for split, inside in _named(_folders(root / images)):
            above[split] = (f"{images}/{inside.name}", f"{labels}/{inside.name}")
        for split, inside in _named(_folders(root)):
            below[split] = (f"{inside.name}/{images}", f"{inside.name}/{labels}")
        for folders, shown in (
            (above, f"{images}/SPLIT, {labels}/SPLIT"),
            (below, f"SPLIT/{images}, SPLIT/{labels}"),
            ({"train": (images, labels)}, f"{images}, {labels}"),
        ):
            found = _layout(root, f"{title} ({shown})", folders)
            if found is not None:
                yield found


def _beside(root: Path) -> Layout | None:
    """Return the layout of ``train`` next to ``train_labels``, as many sets with labels in colour have."""
    for end in _BESIDE:
        folders = {split: (path.name, f"{path.name}{end}") for split, path in _named(_folders(root))}
        found = _layout(root, f"a folder per split (SPLIT, SPLIT{end})", folders)
        if found is not None:
            return found
    return None


def _side_by_side(root: Path) -> Layout | None:
    """Return the layout of images next to their labels, in a folder per split or in one."""
    folders = {split: (path.name, path.name) for split, path in _named(_folders(root))}
    for found, shown in ((folders, "SPLIT"), ({"train": (".", ".")}, "one folder")):
        layout = _layout(root, f"pairs side by side ({shown})", found)
        if layout is not None:
            return layout
    return None


def _layout(root: Path, title: str, folders: Mapping[str, tuple[str, str]]) -> Layout | None:
    """Return the layout of these folders of images and labels; None where they do not pair up."""
    for split in SPLITS:
        if split not in folders:
            continue
        images, labels = (root / name for name in folders[split])
        if not labels.is_dir():
            continue
        ends: tuple[str | None, str] | None
        if images == labels:
            ends = _ends_in_one(images)
        else:
            ends = _ends(split_files(images, None), split_files(labels, ".png"))
        if ends is None:
            continue
        splits = {
            name: Split(images=one, labels=other if name != "test" or _has(root / other, ends[1]) else None)
            for name, (one, other) in folders.items()
        }
        return Layout(title, splits, *ends)
    return None


def _has(folder: Path, end: str) -> bool:
    return bool(split_files(folder, end))


def _folders(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if path.is_dir()]


def _named(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """Return (split, path) of those whose name, without its ending, is a split's in one of its spellings."""
    by_name = {path.stem.lower(): path for path in paths}
    return [
        (split, by_name[word])
        for split, words in SPELLINGS.items()
        for word in words
        if word in by_name and word == next(one for one in words if one in by_name)
    ]


def _ends(images: Mapping[str, Path], labels: Mapping[str, Path]) -> tuple[str | None, str] | None:
    """Return the endings by which images in one folder and labels in another pair up; None where few do."""
    for tail in dict.fromkeys(("", _tail(images))):
        bases = {name.removesuffix(tail) for name in images}
        found = _rest(bases, labels)
        if found is None:
            continue
        kind = Counter(path.suffix for path in images.values()).most_common(1)[0][0]
        return (f"{tail}{kind}" if tail else None), f"{found}.png"
    return None


def _ends_in_one(folder: Path) -> tuple[str, str] | None:
    """Return the endings by which images and labels in the same folder pair up; None where few do."""
    labels = split_files(folder, ".png")
    others = {kind: split_files(folder, kind) for kind in IMAGE_ENDS[1:]}
    kind = max(others, key=lambda one: len(others[one]))
    if others[kind]:
        rest = _rest(set(others[kind]), labels)
        return None if rest is None else (kind, f"{rest}.png")
    # all are PNG: NAME.png with NAME_mask.png, or NAME_image.png with NAME_mask.png
    tails = Counter(_last_word(name) for name in labels)
    words = [tail for tail, count in tails.items() if _LABEL_WORD.search(tail) and 3 * count >= len(labels)]
    for word in words:
        bases = {name.removesuffix(word) for name in labels if name.endswith(word)}
        for other in ("", *(tail for tail in tails if tail != word)):
            if len({base for base in bases if base + other in labels}) >= _LEAST_MATCHED * len(bases):
                return f"{other}.png", f"{word}.png"
    return None


def _rest(bases: set[str], labels: Mapping[str, Path]) -> str | None:
    """Return what the labels' names have more than those of the images they belong to; None for too few."""
    rests: Counter[str] = Counter()
    for name in labels:
        cut = next((cut for cut in range(len(name), 0, -1) if name[:cut] in bases), None)
        if cut is not None:
            rests[name[cut:]] += 1
    most = rests.most_common(1)
    if not most or most[0][1] < _LEAST_MATCHED * min(len(bases), len(labels)):
        return None
    return most[0][0]


def _tail(names: Iterable[str]) -> str:
    """Return the last word that all names share, with its underscore: ``_leftImg8bit``."""
    tails = {_last_word(name) for name in names}
    return tails.pop() if len(tails) == 1 else ""


def _last_word(name: str) -> str:
    found = re.search(r"[_-][A-Za-z][A-Za-z0-9]*$", name)
    return found[0] if found else ""


def _refuse_jpeg_labels(root: Path) -> None:
    for _, labels, _ in _PAIRS:
        for folder in (root / labels, *_folders(root / labels)):
            found = [path for path in entries(folder) if path.suffix.lower() in IMAGE_ENDS[1:]]
            if found:
                raise RefusedInput(
                    f"{found[0]}: a label as JPEG, expected PNG (JPEG changes ids)",
                    then="export the labels anew as PNG; a converted JPEG keeps its false ids",
                )
