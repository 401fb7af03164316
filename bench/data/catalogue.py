"""The data sets by name: what they are, where they are looked for, how to get them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data import ade20k, camvid, camvid_full, cityscapes, nyudv2
from bench.data.dataset import MissingSplit
from bench.data.entry import SPLITS, Entry
from bench.data.own.folder import entry_of_file, own_file
from bench.data.scenes import classes as scenes
from bench.errors import RefusedInput, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.data.dataset import SegmentationData

PARENT_VARIABLE = "CARNET_DATA"
HOME_VARIABLE = "CARNET_BENCH_HOME"


ENTRIES: dict[str, Entry] = {
    one.name: one
    for one in (
        camvid.ENTRY,
        camvid_full.ENTRY,
        cityscapes.ENTRY,
        nyudv2.ENTRY,
        ade20k.ENTRY,
        scenes.ENTRY,
    )
}


_own: dict[str, Entry] = {}
"""Data sets of the user's own that this process was given, by the names in their files."""


def names() -> list[str]:
    """Return the names of the data sets."""
    return list(ENTRIES)


def known(name: str) -> Entry | None:
    """Return the entry of a name, as in a record: it never leads to a file.

    Returns:
        None for a name that is neither built in nor that of a data set which `entry` has read.
    """
    return ENTRIES.get(name) or _own.get(name)


def is_synthetic(name: str) -> bool:
    """Return whether a data set is drawn and not photographed, by its name as in a record."""
    return name in ENTRIES and ENTRIES[name].open_folder is None


def entry(name: str, base: Path = Path()) -> Entry:
    """Return the entry of a data set as the user names it.

    Args:
        name: Of ``names()``; or ``FILE.toml`` of one's own, or a folder that holds ``data.toml``. The file is
            read, and its data set is known by its name from then on. So no name out of a record may come
            here: see `known`.
        base: Folder to which a file or folder is relative.

    Raises:
        UsageError: No such name; the message lists the names.
        RefusedInput: A file that does not describe a data set, or that takes a built-in name.
    """
    found = known(name)
    if found is not None:
        return found
    path = own_file(name, base)
    if path is None:
        raise unknown("data set", name, [*names(), "FILE.toml of your own (carnet-bench data init FOLDER)"])
    own = entry_of_file(path)
    if own.name in ENTRIES:
        raise RefusedInput(f"{path}: name = '{own.name}' is a built-in data set; expected another name")
    _own[own.name] = own
    return own


def open_data(
    name: str, split: str, root: Path | None = None, *, home: Path | None = None, **options: Any
) -> SegmentationData:
    """Open one split of a data set.

    Args:
        name: As for `entry`.
        split: ``train``, ``val`` or ``test``.
        root: The set's own folder (``--data-root``); beats every other place.
        home: The home folder, whose ``data/`` is the last place looked in.
        options: For ``scenes``: ``count``, ``size_hw``, ``seed``. For ``nyudv2``: those of
            ``nyudv2.open_nyudv2``. The other sets have none.

    Raises:
        UsageError: No such data set, split or option.
        RefusedInput: The folder is nowhere, or what it holds is refused.
    """
    wanted = entry(name)
    if split not in SPLITS:
        raise unknown(f"{wanted.name} split", split, list(SPLITS))
    if wanted.open_folder is None:
        return _open_scenes(split, root, options)
    strange = sorted(set(options) - set(wanted.options))
    if strange:
        have = ", ".join(wanted.options) or "none"
        raise UsageError(f"data set {wanted.name} has no option {', '.join(strange)}; it has {have}")
    return wanted.open_folder(split, locate(wanted.name, root, home=home), **options)


def splits_here(
    name: str, root: Path | None = None, *, home: Path | None = None, **options: Any
) -> list[str]:
    """Return the splits that the data set's folder holds: a sample may have one only.

    Raises:
        RefusedInput: The folder is nowhere, or a split that is there is refused.
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
    ``data/`` of the home folder (default: of CARNET_BENCH_HOME, else of the working folder). A data set of
    one's own lies where its TOML file does.

    Raises:
        UsageError, RefusedInput: As for `entry`.
    """
    own = entry(name).folder
    if own is not None:
        return [own]
    parents = [Path(os.environ[PARENT_VARIABLE])] if os.environ.get(PARENT_VARIABLE) else []
    parents.append((home or Path(os.environ.get(HOME_VARIABLE) or ".")) / "data")
    return [parent / folder for parent in parents for folder in (name, f"{name}_sample")]


def find(name: str, home: Path | None = None) -> Path | None:
    """Return the first of the data set's ``places`` that is a folder, or None.

    Raises:
        RefusedInput: A place cannot be looked at.
    """
    return next((place for place in places(name, home) if _is_folder(place)), None)


def locate(name: str, root: Path | None = None, *, home: Path | None = None) -> Path:
    """Return the data set's own folder.

    Raises:
        RefusedInput: It is in none of the places, which are listed with how to get it.
    """
    if root is not None:
        if not _is_folder(root):
            raise RefusedInput(f"{root}: no such folder, given as the root of {name}", entry(name).how_to_get)
        # NAME_sample is recognised by its name, which "." has not
        return root if root.name not in {"", ".."} else root.resolve()
    found = find(name, home)
    if found is None:
        looked = ", ".join(str(place) for place in places(name, home))
        variable = f"{PARENT_VARIABLE} is {os.environ.get(PARENT_VARIABLE) or 'not set'}"
        raise RefusedInput(
            f"{name}: no such folder; looked for {looked} ({variable})", entry(name).how_to_get
        )
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        raise RefusedInput(f"{path}: cannot read ({error.strerror})") from error


def _open_scenes(split: str, root: Path | None, options: Mapping[str, Any]) -> SegmentationData:
    from bench.data.scenes.scenes import Scenes  # noqa: PLC0415 - the code that draws is not needed for files

    if root is not None:
        raise UsageError("data set scenes is synthetic: it has no root folder")
    allowed = ("count", "size_hw", "seed")
    for option in options:
        if option not in allowed:
            raise unknown("scenes option", option, list(allowed))
    size = options.get("size_hw", [1, 1])
    numbers = [
        options.get("count", 1),
        options.get("seed", 0),
        *(size if isinstance(size, list | tuple) else "x"),
    ]
    if len(numbers) != 4 or any(type(number) is not int for number in numbers):
        found = ", ".join(f"{option} = {value!r:.80}" for option, value in options.items())
        raise UsageError(f"scenes: {found}; expected whole numbers, of size_hw two")
    return Scenes(split, **options)
