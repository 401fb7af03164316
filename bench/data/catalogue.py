"""The data sets by name: what they are, where they are looked for, how to get them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data import camvid
from bench.data.dataset import IGNORE
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
        The one table from stored id to train id (or ``IGNORE``).
    open_folder
        Opens a split in the set's own folder; None for a set that is drawn, not read.
    expected
        Samples a split, where the set is a fixed one.
    terms
        Under which the images may be used, and so what is made of them.
    """

    name: str
    title: str
    how_to_get: str
    stored_ids: Mapping[int, int]
    open_folder: Callable[[str, Path], SegmentationData] | None
    expected: Mapping[str, int] | None = None
    terms: str = "none, the images are drawn here"


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
        ),
        Entry(
            "scenes",
            "drawn street scenes, exact labels (synthetic)",
            "nothing to get: drawn from a seed",
            {**{train_id: train_id for train_id in range(IGNORE)}, IGNORE: IGNORE},
            None,
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
        For ``scenes``: ``count``, ``size_hw``, ``seed``. A set that is read from a folder has none.

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
    if options:
        raise UsageError(f"data set {name} has no option {', '.join(sorted(options))}; it has none")
    return wanted.open_folder(split, locate(name, root, home=home))


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
