"""One split of a data set of one's own, and the entry that the catalogue makes of its TOML file."""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.data.dataset import MissingSplit
from bench.data.entry import Entry
from bench.data.folder import Pair, PairFolder, entries, files_ending, matched, relative_to
from bench.data.images import read_colour_label
from bench.data.own.description import FILE, SUFFIX, Description, Split, read_description
from bench.errors import RefusedInput
from bench.toml_text import brief, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jaxtyping import UInt8
    from torch import Tensor

IMAGE_ENDS = (".png", ".jpg", ".jpeg")
_DEEPEST = 3
"""Folders below a split's own that are looked into: Cityscapes has one per city."""


class OwnFolder(PairFolder):
    """One split of a data set of one's own.

    Args:
        split: ``train``, ``val`` or ``test``.
        root: Folder to which the description's paths are relative.
        description: What the TOML file says.
        source: The TOML file, for messages.

    Raises:
        RefusedInput: The description has no such split (a ``MissingSplit``); an empty split; an image
            without its label or the other way round; a label that is no PNG; a list that names other files.
    """

    why_unlabelled = "its TOML file names no folder of labels"
    beside = (FILE, "-train.txt", "-val.txt")

    def __init__(self, split: str, root: Path, *, description: Description, source: Path) -> None:
        self.name, self.classes, self.palette = description.name, description.classes, description.palette
        self._colours = description.stored_colours()
        splits = description.splits.items()
        if split not in splits:
            raise MissingSplit(
                f"{source}: no split {split}; it has {', '.join(splits)}",
                then=f"add [splits.{split}] to it, or take one from train: carnet-bench data init --val 0.1",
            )
        ends = description.image_end, description.label_end
        pairs = pairs_of(root, split, splits[split], ends, source)
        super().__init__(split, root, [*pairs.values()], description.stored_ids())

    def read_stored_label(self, path: Path) -> UInt8[Tensor, "h w"]:
        """Return the train ids of a label file, in colours or of ids."""
        return read_colour_label(path, self._colours) if self._colours else super().read_stored_label(path)

    def id_rows(self) -> Sequence[object]:
        """Return what each stored id, or colour, is read as, and the classes: other names are other data."""
        table = sorted(self._colours.items()) if self._colours else super().id_rows()
        return [*table, "classes", *self.classes]


def own_file(text: str, base: Path = Path()) -> Path | None:
    """Return the TOML file that a user means: ``FILE.toml``, or a folder that holds ``data.toml``.

    Args:
        text: As typed, or as a recipe says.
        base: Folder to which it is relative.

    Returns:
        None for what can only be a name.

    Raises:
        RefusedInput: A folder without this file.
    """
    path = base / text
    try:
        if text.endswith(SUFFIX):
            return path
        if not path.is_dir():
            return path / FILE if "/" in text else None
        if (path / FILE).exists() or "/" in text or not text.strip("."):
            return path / FILE
    except (OSError, ValueError):  # a name that no system takes
        return None
    return None


def entry_of_file(path: Path) -> Entry:
    """Return the catalogue's entry of a data set of one's own.

    Raises:
        RefusedInput: As ``read_description``.
    """
    found = read_description(path)
    splits = found.splits.items()
    return Entry(
        found.name,
        found.title or f"{found.name}, {len(found.classes)} classes",
        f"see {path}, whose paths are relative to its folder, or to --data-root",
        found.classes,
        found.palette,
        found.table(),
        functools.partial(OwnFolder, description=found, source=path),
        terms=found.terms,
        splits=tuple(splits),
        unlabelled=tuple(name for name, split in splits.items() if split.labels is None),
        folder=path.parent,
    )


def pairs_of(
    root: Path, split: str, where: Split, ends: tuple[str | None, str], source: Path
) -> dict[str, Pair]:
    """Return the pairs of a split by what their names share, in the order of the names or of its list.

    Args:
        root: The data set's folder.
        split: Name of the split, for messages.
        where: Its folders and list.
        ends: ``image_end`` and ``label_end``, see `Description`.
        source: TOML file that says so, for messages.

    Raises:
        RefusedInput: As for `OwnFolder`.
    """
    place = f"{source}: [splits.{split}]"
    image_end, label_end = ends
    images = split_files(root / where.images, image_end, label_end)
    labels = {} if where.labels is None else split_files(root / where.labels, label_end)
    names = list(images) if where.list is None else _listed(root / where.list)
    if where.list is not None:
        _require_listed(names, root / where.list, images, root / where.images)
        images = {name: images[name] for name in names}
        labels = {name: labels[name] for name in names if name in labels}
    if not images:
        names_end = image_end or ", ".join(IMAGE_ENDS)
        raise RefusedInput(
            f"{place} images: {_holds(root / where.images)}; expected files named *{names_end}"
        )
    if where.labels is None:
        return {name: Pair(relative_to(root, images[name]), None) for name in names}
    _require_png(images, labels, root / where.labels, label_end)
    found = matched(root, images, labels, f"split {split}", f"compare the folders that {source} names")
    by_name = dict(zip(sorted(images), found, strict=True))  # `matched` sorts them
    return {name: by_name[name] for name in names}


def split_files(folder: Path, end: str | None, other_end: str | None = None) -> dict[str, Path]:
    """Return the files of a split by their path below its folder less the ending, sorted.

    Args:
        folder: Where they lie, up to three folders deep.
        end: How their names end; None for the endings of images.
        other_end: Ending of labels that may lie in the same folder: those are left out where it says more
            than ``end`` does, e.g. ``_mask.png`` next to ``.png``.

    Raises:
        RefusedInput: Two files of one name, or a folder that cannot be read.
    """
    ends = IMAGE_ENDS if end is None else (end,)
    found: dict[str, Path] = {}
    for depth in range(1, _DEEPEST + 1):
        for one in ends:
            for name, path in files_ending(folder, one, depth=depth).items():
                if other_end is not None and _is_label(path, one, other_end):
                    continue
                other = found.setdefault(name, path)
                if other is not path:
                    raise RefusedInput(
                        f"{path}: {other.name} has the same name, expected one image per label"
                    )
    return dict(sorted(found.items()))


def _is_label(path: Path, end: str, label_end: str) -> bool:
    return len(label_end) > len(end) and path.name.lower().endswith(label_end.lower())


def _listed(path: Path) -> list[str]:
    """Return the names that a list holds, each once; of a line with several words the first."""
    names: dict[str, int] = {}
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if words[0] in names:
            raise RefusedInput(
                f"{path} line {number}: {brief(words[0])} is already in line {names[words[0]]}, expected once"
            )
        names[words[0]] = number
    if not names:
        raise RefusedInput(f"{path}: empty, expected the name of an image per line, without its ending")
    return list(names)


def _require_listed(names: Iterable[str], listing: Path, images: Mapping[str, Path], folder: Path) -> None:
    missing = [name for name in names if name not in images]
    if missing:
        raise RefusedInput(
            f"{listing}: {brief(missing[0])} has no image in {folder}; {len(missing)} such names"
        )


def _require_png(
    images: Mapping[str, Path], labels: Mapping[str, Path], folder: Path, label_end: str
) -> None:
    """Refuse the first label that is missing as described and is there in another format."""
    name = next((one for one in images if one not in labels), None)
    if name is None:
        return
    stem = PurePosixPath(name + label_end).stem
    beside = [path for path in entries((folder / name).parent) if path.stem == stem]
    other = next((path for path in beside if path not in images.values()), None)
    if other is not None:
        raise RefusedInput(
            f"{other}: a label named *{other.suffix}, expected *{label_end} (PNG: JPEG changes ids)",
            then="re-export the labels as PNG; a converted JPEG keeps its false ids",
        )


def _holds(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is not there" if not folder.exists() else f"{folder} is no folder"
    inside = [path.name for path in entries(folder)]
    return f"no image in {folder} (it holds {', '.join(inside[:3]) or 'nothing'})"
