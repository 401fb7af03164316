"""A split whose images and labels are files: what all data sets that are read from folders have in common."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.data.dataset import MissingSplit, Sample, require_labels
from bench.data.images import id_table, map_ids, read_ids, read_image
from bench.data.kept import state_of
from bench.errors import RefusedInput
from bench.files import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from jaxtyping import Int64, UInt8
    from torch import Tensor


COMPANION = "._"
"""How the names begin under which macOS keeps what other disks cannot hold of a file."""


class Pair(NamedTuple):
    """Paths of an image and its label, relative to the set's folder, with forward slashes."""

    image: str
    label: str | None


class PairFolder:
    """One split of a data set of files; a data set is a subclass that knows its layout and its ids.

    Args:
        split: Its name.
        root: The set's own folder.
        pairs: In the order in which samples are counted.
        stored_ids: The one table stored id -> train id or ``IGNORE``.

    Attributes:
        notes: What a reader of any number made with this data must know.
        why_unlabelled: Why a split without labels has none.
        beside: Endings of published files that are not read and need no mention.
        tally: Pixels read so far by stored id, where somebody counts: None does not count.
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    synthetic = False
    notes: tuple[str, ...] = ()
    why_unlabelled = "its labels are not public"
    beside: tuple[str, ...] = ()
    tally: Int64[Tensor, "stored=256"] | None = None

    def __init__(
        self, split: str, root: Path, pairs: Sequence[Pair], stored_ids: Mapping[int, int] | None = None
    ) -> None:
        self.split = split
        self.root = root
        self.pairs = list(pairs)
        self.stored_ids = dict(stored_ids or {})
        self._table = id_table(self.stored_ids)
        self._digests: dict[Path, tuple[tuple[int, ...], str]] = {}

    @property
    def labelled(self) -> bool:
        """Whether the split has labels."""
        return all(pair.label is not None for pair in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def sample_name(self, index: int) -> str:
        """Return the image's file name without its suffix."""
        return Path(self.pairs[index].image).stem

    def image_path(self, index: int) -> Path:
        """Return the file of the image at ``index``."""
        return self.root / self.pairs[index].image

    def read_image(self, index: int) -> UInt8[Tensor, "3 h w"]:
        """Return the image at ``index``, upright."""
        return read_image(self.image_path(index), most_bits=8)

    def read(self, index: int) -> Sample:
        """Return the sample at ``index``.

        Raises:
            RefusedInput: A file is refused, image and label differ in size, or the split has no labels.
        """
        label_file = self.pairs[index].label
        if label_file is None:
            require_labels(self)
        label_path = self.root / str(label_file)
        image, label = self.read_image(index), self.read_stored_label(label_path)
        require_equal_size(self.image_path(index), image, label_path, label)
        return Sample(image, label, self.sample_name(index))

    def version(self, index: int) -> Hashable | None:
        """Return what decides the sample at ``index``; None while somebody counts what is read."""
        if self.tally is not None:
            return None
        files = (state_of(self.root / name) for name in self.pairs[index] if name is not None)
        return type(self), self.sample_name(index), len(self.classes), self._ids, *files

    @cached_property
    def _ids(self) -> str:
        return str(list(self.id_rows()))

    def read_stored_label(self, path: Path) -> UInt8[Tensor, "h w"]:
        """Return the train ids of a label file."""
        stored = read_ids(path)
        if self.tally is not None:
            import torch  # noqa: PLC0415 - a table names data sets and reads none

            self.tally += torch.bincount(stored.flatten(), minlength=256)
        self.check_stored(stored, path)
        return map_ids(stored, self._table, len(self.classes), path.name)

    def check_stored(self, stored: UInt8[Tensor, "h w"], path: Path) -> None:
        """Refuse stored ids that the table would refuse too, where their cause can be told."""

    def files(self) -> list[Path]:
        """Return every image and label file."""
        return [self.root / name for pair in self.pairs for name in pair if name is not None]

    def manifest(self) -> dict[str, str]:
        """Return {path of every image and label, relative to the folder: SHA-256}."""
        return {name: self._digest(name) for pair in self.pairs for name in pair if name is not None}

    def manifest_rows(self) -> list[list[str]]:
        """Return path and SHA-256 of image and label of each pair, in order, and the table of ids."""
        pairs = [
            [text for name in pair if name is not None for text in (name, self._digest(name))]
            for pair in self.pairs
        ]
        return [*pairs, ["ids", *map(str, self.id_rows())]]

    def id_rows(self) -> Sequence[object]:
        """Return what each stored id, or colour, is read as."""
        return list(self._table.tolist())

    def image_digests(self) -> dict[str, str]:
        """Return {path of every image, relative to the folder: SHA-256}."""
        return {pair.image: self._digest(pair.image) for pair in self.pairs}

    def _digest(self, name: str) -> str:
        """Return a file's SHA-256, again from its bytes only when its size or time of change is another."""
        path = self.root / name
        state = path.stat()
        key = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if self._digests.get(path, (None, ""))[0] != key:
            self._digests[path] = (key, sha256_of_file(path))
        return self._digests[path][1]

    def probe_ids(self, count: int) -> Int64[Tensor, "stored=256"]:
        """Return how often each stored id occurs in ``count`` labels, spread evenly over the split.

        Labels that cannot be read are left out: whoever reads them later says what is wrong.
        """
        import torch  # noqa: PLC0415 - as above

        present = torch.zeros(256, dtype=torch.int64)
        labels = [pair.label for pair in self.pairs if pair.label is not None]
        count = min(count, len(labels))
        for place in range(count):
            try:
                stored = read_ids(self.root / labels[place * len(labels) // count])
            except RefusedInput:
                continue
            present += torch.bincount(stored.flatten(), minlength=256)
        return present


def require_equal_size(
    image_path: Path, image: UInt8[Tensor, "3 h w"], label_path: Path, label: UInt8[Tensor, "lh lw"]
) -> None:
    """Refuse a pair of different sizes, both upright; both files and sizes (height x width) are named.

    Raises:
        RefusedInput: The sizes differ.
    """
    if image.shape[1:] != label.shape:
        raise RefusedInput(
            f"{image_path}: image is {image.shape[1]}x{image.shape[2]}, its label {label_path.name} is "
            f"{label.shape[0]}x{label.shape[1]} (height x width); expected equal",
            then="run carnet-bench data check to list every bad file; nothing is skipped",
        )


def files_ending(folder: Path, end: str, *, depth: int = 1) -> dict[str, Path]:
    """Return the files whose names end so, in any case, by their path below the folder less this ending.

    Companion files of macOS (``._NAME``) are left out: they hold no picture. A missing folder holds nothing.

    Args:
        folder: Where they lie.
        end: Of their names, e.g. ``.jpg``.
        depth: 1 for the files of the folder itself, 2 for those of the folders in it.

    Raises:
        RefusedInput: A folder cannot be read, or two files differ by the case of their endings only.
    """
    found: dict[str, Path] = {}
    for path in entries(folder):
        if depth > 1:
            if path.is_dir():
                inside = files_ending(path, end, depth=depth - 1)
                found |= {f"{path.name}/{name}": file for name, file in inside.items()}
        elif path.exists() and not path.is_file():
            continue  # a folder or a pipe; a broken link is refused when it is read
        elif path.name.lower().endswith(end.lower()) and not path.name.startswith(COMPANION):
            other = found.setdefault(path.name[: -len(end)], path)
            if other is not path:
                raise RefusedInput(f"{path}: {other.name} has the same name but for its case, expected one")
    return found


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name; nothing where there is no such folder.

    Raises:
        RefusedInput: It cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RefusedInput(f"{folder}: cannot read ({error.strerror})") from error


def ending(pattern: re.Pattern[str], member: str) -> str | None:
    """Return the end of an archive member's name, whole folders of it, that the pattern describes."""
    parts = member.split("/")
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    return next((end for end in ends if pattern.fullmatch(end)), None)


def missing_split(root: Path, folder: Path, split: str, have: Sequence[str], then: str) -> MissingSplit:
    """Build the error for a split that is not there; it names the folder and what is."""
    listed = ", ".join(have) if have else "no split"
    if folder.is_dir():
        there = ", ".join(path.name for path in entries(folder)[:3]) or "nothing"
        found = f"{folder}: no image as expected in it (it holds {there})"
    else:
        found = f"{folder}: not there"
    return MissingSplit(f"{found}, so {root.name} has no {split} split; it has {listed}", then)


def relative_to(root: Path, path: Path) -> str:
    """Return a path below ``root`` with forward slashes, as manifests name files."""
    return path.relative_to(root).as_posix()


def matched(
    root: Path, images: Mapping[str, Path], labels: Mapping[str, Path], what: str, then: str
) -> list[Pair]:
    """Return the pairs of images and labels of the same key, in the order of the keys.

    Raises:
        RefusedInput: An image without a label or a label without an image: the first is named, all are
            counted.
    """
    for one, other, kind in ((images, labels, "label"), (labels, images, "image")):
        alone = sorted(set(one) - set(other))
        if alone:
            raise RefusedInput(
                f"{one[alone[0]]}: its {kind} is missing; {what} has {len(alone)} such files of {len(one)}, "
                "expected none",
                then,
            )
    return [Pair(relative_to(root, images[key]), relative_to(root, labels[key])) for key in sorted(images)]
