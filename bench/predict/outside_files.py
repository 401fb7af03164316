"""Label PNGs that were made elsewhere: which file is of which image, and what its ids mean."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data.dataset import IGNORE, sample_name
from bench.data.folder import COMPANION
from bench.data.images import map_ids, read_ids
from bench.errors import RefusedInput
from bench.files import read_regular
from bench.predict.submission_format import FORMATS
from bench.predict.submission_zip import MOST_FILES, PICTURES, Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jaxtyping import UInt8
    from torch import Tensor

    from bench.data.dataset import SegmentationData
    from bench.data.entry import Entry

Ids = Literal["train", "label"]
"""What the values of a file are: train ids 0..n-1, or the ids of the data set's own label files."""

LABELS_END, OVERLAY_END = "_labels.png", "_overlay.png"
"""How the files end that ``carnet-bench predict`` writes for an image."""


@dataclass(frozen=True)
class Prediction:
    """One label file.

    Attributes:
        path: The file.
        sha256: Digest of its bytes.
        ids: Values that occur in it.
    """

    path: Path
    sha256: str
    ids: frozenset[int]


@dataclass(frozen=True)
class Predictions:
    """The label files of a split.

    Attributes:
        files: One per sample, in the order of the samples.
        left_out: Number of files in the folder that are no predictions: texts, overlays.
    """

    files: tuple[Prediction, ...]
    left_out: int

    @property
    def sha256(self) -> str:
        """SHA-256 over the lines ``name sha256``, sorted by name."""
        lines = sorted(f"{one.path.name} {one.sha256}\n" for one in self.files)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def find_predictions(
    folder: Path, data: SegmentationData, progress: Callable[[int, int], None] = lambda *_: None
) -> Predictions:
    """Return the label files of a split's samples, below a folder at any depth.

    A sample's file is ``NAME.png``, ``NAME_labels.png`` (as ``predict`` writes it), or named as the data
    set's test server wants it (``berlin_000000_000019_labelIds.png``).

    Args:
        folder: Where they lie.
        data: The split; its labels are not read.
        progress: Called with files read and files in all.

    Raises:
        RefusedInput: Missing, extra, doubled or unreadable files, each named.
    """
    problems = Problems()
    names = [sample_name(data, index) for index in range(len(data))]
    paths, left_out = _paths(folder, names, data, problems)
    for name in names:
        if name not in paths:
            problems.add("missing", f"{name}.png: missing")
    found = []
    for done, name in enumerate(name for name in names if name in paths):
        path = paths[name]
        try:
            content = read_regular(path)
            values = read_ids(path, content).flatten().bincount(minlength=256).nonzero().flatten().tolist()
            found.append(Prediction(path, hashlib.sha256(content).hexdigest(), frozenset(values)))
        except RefusedInput as error:
            problems.add("unreadable", str(error))
        progress(done + 1, len(paths))
    refuse(folder, problems, f"{data.name} {data.split} has {len(names)} images, e.g. {names[0]}.png")
    return Predictions(tuple(found), left_out)


def label_ids(entry: Entry) -> dict[int, int]:
    """Return {id in the data set's own label files: train id} of its scored classes.

    Those of its test server where there is one; empty where labels are stored as colours.
    """
    if entry.name in FORMATS:
        return {stored: train_id for train_id, stored in enumerate(FORMATS[entry.name].stored_ids)}
    # compared with the number of classes too: the synthetic set's table knows every value
    return {
        stored: train_id
        for stored, train_id in entry.stored_ids.items()
        if isinstance(stored, int) and train_id < len(entry.classes)
    }


def kind_of_ids(files: Sequence[Prediction], classes: int, labels: Mapping[int, int], folder: Path) -> Ids:
    """Return which ids the files hold, all together; where neither fits, what leaves fewer ids unknown.

    Raises:
        RefusedInput: They may be either.
    """
    present = frozenset[int]().union(*(one.ids for one in files))
    unknown_train, unknown_label = present - set(range(classes)), present - labels.keys()
    if not unknown_train and not unknown_label and any(labels[value] != value for value in present):
        raise RefusedInput(
            f"{folder}: ids {min(present)}..{max(present)} may be train ids (0..{classes - 1}) or label ids "
            f"({min(labels)}..{max(labels)})",
            then="say which: --ids train or --ids label",
        )
    return "train" if len(unknown_train) <= len(unknown_label) else "label"


def read_train_ids(one: Prediction, table: UInt8[Tensor, "stored=256"], classes: int) -> UInt8[Tensor, "h w"]:
    """Return a file's train ids.

    Args:
        one: The file.
        table: Stored id -> train id, see ``bench.data.images.id_table``.
        classes: Number of classes.

    Raises:
        RefusedInput: An id of no scored class; a file that has changed since it was found.
    """
    content = read_regular(one.path)
    if hashlib.sha256(content).hexdigest() != one.sha256:
        raise RefusedInput(f"{one.path.name}: changed while it was scored")
    try:
        return map_ids(read_ids(one.path, content), table, classes, one.path.name)
    except RefusedInput as error:
        why = "; 255 marks pixels that are not counted, a prediction has a class everywhere"
        raise RefusedInput(f"{error}{why if IGNORE in one.ids else ''}") from error


def refuse(folder: Path, problems: Problems, expected: str) -> None:
    """Raise what is wrong with the files of a folder, if anything is: the first few of each kind by name.

    Raises:
        RefusedInput: There are problems.
    """
    if lines := problems.lines():
        raise RefusedInput("\n  ".join([f"{folder}: cannot be scored", *lines]), then=expected)


def _paths(
    folder: Path, names: Sequence[str], data: SegmentationData, problems: Problems
) -> tuple[dict[str, Path], int]:
    """Return {sample: its file}, and the number of files that are left out."""
    if not folder.is_dir():
        raise RefusedInput(
            f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}",
            then="name the folder of the label PNGs; unpack an archive first",
        )
    wanted, paths, left_out = set(names), dict[str, Path](), 0
    for count, path in enumerate(sorted(folder.rglob("*")), start=1):
        if count > MOST_FILES:
            raise RefusedInput(f"{folder}: more than {MOST_FILES} files below it, expected a label per image")
        if path.is_dir():
            continue
        shown, base = path.relative_to(folder).as_posix(), path.name
        name = _sample(shown, wanted, data)
        if (
            base.startswith(COMPANION)
            or not base.lower().endswith(PICTURES)
            or (name is None and _is_overlay(path, wanted))
        ):
            left_out += 1
        elif name is None:
            problems.add("no such image", f"{shown}: no such image in {data.name} {data.split}")
        elif name in paths:
            problems.add("twice", f"{shown}: a second file of {name}, next to {paths[name].name}")
        else:
            paths[name] = path
    return paths, left_out


def _sample(shown: str, wanted: set[str], data: SegmentationData) -> str | None:
    """Return the sample that a file is of, by its path below the folder or by its name alone."""
    base = shown.rpartition("/")[2]
    match = FORMATS[data.name].pattern.fullmatch(base) if data.name in FORMATS else None
    stems = [
        text[: -len(end)]
        for text in (shown, base)
        for end in (LABELS_END, ".png")
        if text.lower().endswith(end)
    ]
    return next((stem for stem in [*stems, *([match["frame"]] if match else [])] if stem in wanted), None)


def _is_overlay(path: Path, wanted: set[str]) -> bool:
    """Whether ``predict`` wrote a picture next to a sample's labels."""
    stem = path.name.removesuffix(OVERLAY_END)
    return stem in wanted and path.with_name(f"{stem}{LABELS_END}").is_file()
