"""The data sets by name: what they are, where they are looked for, how to get them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data import ade20k, camvid, camvid_full, cityscapes, nyudv2, nyudv2_classes
from bench.data.dataset import IGNORE, MissingSplit
from bench.data.fetch import Source
from bench.data.scenes import classes as scenes
from bench.errors import RefusedInput, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.data.dataset import SegmentationData

SPLITS = ("train", "val", "test")
PARENT_VARIABLE = "CARNET_DATA"
HOME_VARIABLE = "CARNET_BENCH_HOME"


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue.

    Attributes
    ----------
    name, title
        The registry name and what a reader calls it.
    how_to_get
        What to do when it is missing.
    stored_ids
        The one table from stored id, or stored class where labels are colours, to train id (or ``IGNORE``).
    open_folder
        Opens a split in the set's own folder; None for a set that is drawn, not read.
    expected
        Samples a split, where the set is a fixed one.
    terms
        Under which the images may be used, and so what is made of them.
    stuff
        Train ids of the classes without a countable shape, for methods that separate them from objects; None
        is not known.
    stored_names
        Names of stored ids, where the label files know more classes than are scored.
    sizes_hw
        Sizes (height, width) that the published images have; None where they differ from image to image.
    options
        Data options that ``open_folder`` takes.
    splits
        The splits whose images differ from each other's.
    unlabelled
        Splits that are published without labels.
    place
        Where a file of the published archives belongs below the set's folder.
    sources
        Files that can be fetched without registration.
    manifests
        {split: manifest digest of the files as published}, where it is known.
    """

    name: str
    title: str
    how_to_get: str
    stored_ids: Mapping[int, int] | Mapping[str, int]
    open_folder: Callable[..., SegmentationData] | None
    expected: Mapping[str, int] | None = None
    terms: str = "none, the images are drawn here"
    stuff: tuple[int, ...] | None = None
    stored_names: Mapping[int, str] | None = None
    sizes_hw: tuple[tuple[int, int], ...] | None = None
    options: tuple[str, ...] = ()
    splits: tuple[str, ...] = SPLITS
    unlabelled: tuple[str, ...] = ()
    place: Callable[[str], str | None] | None = None
    sources: tuple[Source, ...] = ()
    manifests: Mapping[str, str] = field(default_factory=dict)


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "camvid",
            "CamVid, 11 classes, 360x480 (SegNet's split)",
            camvid.HOW_TO_GET,
            camvid.TRAIN_IDS,
            camvid.CamVid,
            camvid.SPLIT_SIZES,
            camvid.TERMS,
            stuff=camvid.STUFF,
            sizes_hw=camvid.SIZES_HW,
            place=camvid.place,
            sources=camvid.SOURCES,
            manifests=camvid.MANIFESTS,
        ),
        Entry(
            "camvid-full",
            "CamVid, 32 classes merged to 11, 720x960 (same split)",
            camvid_full.HOW_TO_GET,
            camvid_full.STORED_IDS,
            camvid_full.CamVidFull,
            camvid_full.SPLIT_SIZES,
            camvid_full.TERMS,
            stuff=camvid.STUFF,
            sizes_hw=camvid_full.SIZES_HW,
            place=camvid_full.place,
        ),
        Entry(
            "cityscapes",
            "Cityscapes, fine annotations, 19 classes, 1024x2048",
            cityscapes.HOW_TO_GET,
            cityscapes.STORED_IDS,
            cityscapes.Cityscapes,
            cityscapes.SPLIT_SIZES,
            cityscapes.TERMS,
            stuff=cityscapes.STUFF,
            stored_names={label_id: label.title for label_id, label in cityscapes.LABELS.items()},
            sizes_hw=cityscapes.SIZES_HW,
            unlabelled=("test",),
            place=cityscapes.place,
        ),
        Entry(
            "nyudv2",
            "NYU Depth v2, 40 classes, 480x640 or cropped to 468x625",
            nyudv2_classes.HOW_TO_GET,
            nyudv2_classes.FROM_0,
            nyudv2.open_nyudv2,
            nyudv2.SPLIT_SIZES,
            nyudv2.TERMS,
            stuff=nyudv2_classes.STUFF,
            sizes_hw=nyudv2.SIZES_HW,
            options=nyudv2.OPTIONS,
            splits=("train", "val"),
            place=nyudv2.place,
            sources=nyudv2.SOURCES,
        ),
        Entry(
            "ade20k",
            "ADE20K SceneParse150, 150 classes",
            ade20k.HOW_TO_GET,
            ade20k.STORED_IDS,
            ade20k.ADE20K,
            ade20k.SPLIT_SIZES,
            ade20k.TERMS,
            stuff=ade20k.STUFF,
            unlabelled=("test",),
            place=ade20k.place,
            sources=ade20k.SOURCES,
        ),
        Entry(
            "scenes",
            "synthetic street scenes, exact labels",
            "nothing to get: drawn from a seed",
            {**{train_id: train_id for train_id in range(IGNORE)}, IGNORE: IGNORE},
            None,
            stuff=scenes.STUFF,
        ),
    )
}


def names() -> list[str]:
    """Return the names of the data sets."""
    return list(ENTRIES)


def entry(name: str) -> Entry:
    """Return the data set's entry.

    Raises
    ------
    UsageError
        No such name; the message lists the names.
    """
    if name not in ENTRIES:
        raise unknown("data set", name, names())
    return ENTRIES[name]


def open_data(
    name: str, split: str, root: Path | None = None, *, home: Path | None = None, **options: Any
) -> SegmentationData:
    """Open one split of a data set.

    Parameters
    ----------
    name
        Of ``names()``.
    split
        ``train``, ``val`` or ``test``.
    root
        The set's own folder (``--data-root``); beats every other place.
    home
        The home folder, whose ``data/`` is the last place looked in.
    options
        For ``scenes``: ``count``, ``size_hw``, ``seed``. For ``nyudv2``: those of ``nyudv2.open_nyudv2``.
        The other sets have none.

    Raises
    ------
    UsageError
        No such data set, split or option.
    RefusedInput
        The folder is nowhere, or what it holds is refused.
    """
    wanted = entry(name)
    if split not in SPLITS:
        raise unknown(f"{name} split", split, list(SPLITS))
    if wanted.open_folder is None:
        return _open_scenes(split, root, options)
    strange = sorted(set(options) - set(wanted.options))
    if strange:
        have = ", ".join(wanted.options) or "none"
        raise UsageError(f"data set {name} has no option {', '.join(strange)}; it has {have}")
    return wanted.open_folder(split, locate(name, root, home=home), **options)


def splits_here(
    name: str, root: Path | None = None, *, home: Path | None = None, **options: Any
) -> list[str]:
    """Return the splits that the data set's folder holds: a sample may have one only.

    Raises
    ------
    RefusedInput
        The folder is nowhere, or a split that is there is refused.
    """
    found = []
    for split in entry(name).splits:
        try:
            open_data(name, split, root, home=home, **options)
        except MissingSplit:
            continue
        found.append(split)
    return found


def places(name: str, home: Path | None = None) -> list[Path]:
    """Return the folders in which a data set is looked for, in order.

    ``NAME`` and ``NAME_sample`` in the folder that the environment variable CARNET_DATA names, then in
    ``data/`` of the home folder (default: of CARNET_BENCH_HOME, else of the working folder).
    """
    parents = [Path(os.environ[PARENT_VARIABLE])] if os.environ.get(PARENT_VARIABLE) else []
    parents.append((home or Path(os.environ.get(HOME_VARIABLE) or ".")) / "data")
    return [parent / folder for parent in parents for folder in (name, f"{name}_sample")]


def find(name: str, home: Path | None = None) -> Path | None:
    """Return the first of the data set's ``places`` that is a folder, or None."""
    return next((place for place in places(name, home) if place.is_dir()), None)


def locate(name: str, root: Path | None = None, *, home: Path | None = None) -> Path:
    """Return the data set's own folder.

    Raises
    ------
    RefusedInput
        It is in none of the places, which are listed with how to get it.
    """
    if root is not None:
        if not root.is_dir():
            raise RefusedInput(f"{root}: no such folder, given as the root of {name}", entry(name).how_to_get)
        return root
    found = find(name, home)
    if found is None:
        looked = ", ".join(str(place) for place in places(name, home))
        variable = f"{PARENT_VARIABLE} is {os.environ.get(PARENT_VARIABLE) or 'not set'}"
        raise RefusedInput(
            f"{name}: no such folder; looked for {looked} ({variable})", entry(name).how_to_get
        )
    return found


def _open_scenes(split: str, root: Path | None, options: Mapping[str, Any]) -> SegmentationData:
    from bench.data.scenes.scenes import Scenes  # noqa: PLC0415 - the drawing code is not needed for files

    if root is not None:
        raise UsageError("data set scenes is drawn, not read: it has no root folder")
    allowed = ("count", "size_hw", "seed")
    for option in options:
        if option not in allowed:
            raise unknown("scenes option", option, list(allowed))
    return Scenes(split, **options)
