"""What a folder's labels hold: ids or colours, which of them, and how many pixels of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from bench.data.dataset import IGNORE
from bench.data.images import read_ids, read_packed
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from bench.data.own.colours import Rgb

_MOST_COLOURS = 1024
"""Colours beyond which labels are photographs or were drawn with smooth edges."""


@dataclass(frozen=True)
class Survey:
    """What the labels hold.

    Attributes:
        in_colour: Whether labels are RGB and not ids.
        pixels: {split: {stored id or colour: pixels}}.
        images: {stored id or colour: labels in which it occurs}, over all splits.
        first: {stored id or colour: first label in which it occurs}.
    """

    in_colour: bool
    pixels: Mapping[str, Counter[Any]]
    images: Counter[Any]
    first: Mapping[Any, Path]

    @property
    def stored(self) -> list[Any]:
        """Everything that occurs, sorted."""
        return sorted(self.images)

    def frame(self, titles: Mapping[Any, str]) -> pd.DataFrame:
        """Return the histogram: a row per stored id or colour.

        Args:
            titles: {stored id or colour: class name, or ``ignored``}.

        Returns:
            Columns ``stored``, ``class``, ``SPLIT_percent`` of the split's pixels, and ``labels``, the number
            of label files in which it occurs.
        """
        import pandas as pd  # noqa: PLC0415 - not needed to read data

        rows = []
        for stored in self.stored:
            shares = {
                f"{split}_percent": 100 * counts[stored] / max(1, counts.total())
                for split, counts in self.pixels.items()
            }
            text = ",".join(map(str, stored)) if self.in_colour else str(stored)
            rows.append(
                {"stored": text, "class": titles.get(stored, "?"), **shares, "labels": self.images[stored]}
            )
        return pd.DataFrame(rows)


def survey(
    labels: Mapping[str, Sequence[Path]],
    known: Collection[Rgb],
    seen: Callable[[str, int, int], None],
) -> Survey:
    """Read every label of every split.

    Args:
        labels: {split: label files}.
        known: Colours of a list of classes; a palette PNG that holds only those is read by its colours.
        seen: Called with split, files done and files in all.

    Raises:
        RefusedInput: A label that cannot be read; labels of ids next to labels in colour; more colours than
            labels have.
    """
    first = next(path for files in labels.values() for path in files)
    mode = _mode(first)
    in_colour = mode == "RGB" or (mode == "P" and bool(known) and set(_colours(first)) <= set(known))
    pixels: dict[str, Counter[Any]] = {}
    images: Counter[Any] = Counter()
    places: dict[Any, Path] = {}
    for split, files in labels.items():
        counts = pixels[split] = Counter()
        for done, path in enumerate(files, start=1):
            found = _colours(path) if in_colour else _ids(path)
            counts.update(found)
            images.update(found.keys())
            for one in found:
                places.setdefault(one, path)
            if len(images) > _MOST_COLOURS:
                raise RefusedInput(
                    f"{path}: more than {_MOST_COLOURS} colours so far; expected one per class",
                    then="labels with smooth edges, or once saved as JPEG, hold no clear classes",
                )
            seen(split, done, len(files))
    return Survey(in_colour, pixels, images, places)


def guess_classes(stored: Sequence[int]) -> tuple[int, dict[int, int] | None, tuple[int, ...], str | None]:
    """Return what stored ids may mean, where no list says it.

    Args:
        stored: The ids that occur.

    Returns:
        Number of classes; {stored id: train id} where it is not the identity, else None; ignored ids; and a
        remark, or None.

    Raises:
        RefusedInput: Nothing but 255 occurs.
    """
    ids = [one for one in stored if one != IGNORE]
    if not ids:
        raise RefusedInput(f"the labels hold only {IGNORE}, which is no class; expected ids from 0")
    if list(stored) == [0, IGNORE]:
        return (
            2,
            {0: 0, IGNORE: 1},
            (),
            "only 0 and 255 occur, as in black and white masks: 255 is read as class 1",
        )
    ignored = (IGNORE,)
    if 2 * len(ids) > max(ids):
        lost = sorted(set(range(max(ids))) - set(ids))
        remark = f"ids that do not occur are kept as classes: {', '.join(map(str, lost))}" if lost else None
        return max(ids) + 1, None, ignored, remark
    return (
        len(ids),
        {one: place for place, one in enumerate(ids)},
        ignored,
        "few ids occur: each is a class, see [ids]",
    )


def _mode(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            return picture.mode
    except (OSError, ValueError, SyntaxError):
        return ""  # reading it as ids names the fault


def _ids(path: Path) -> Counter[int]:
    counts = np.bincount(read_ids(path).numpy().ravel(), minlength=256)
    return Counter({int(one): int(counts[one]) for one in counts.nonzero()[0]})


def _colours(path: Path) -> Counter[tuple[int, int, int]]:
    values, counts = np.unique(read_packed(path), return_counts=True)
    return Counter(
        {
            (int(one) >> 16, int(one) >> 8 & 255, int(one) & 255): int(count)
            for one, count in zip(values, counts, strict=True)
        }
    )
