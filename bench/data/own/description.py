"""What the TOML file of a data set of one's own says: read strictly, every fault named with its key."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.data.dataset import IGNORE
from bench.data.images import NO_ID
from bench.data.palette import bit_colours
from bench.errors import RefusedInput
from bench.toml_text import as_table, brief, text_of

FILE = "data.toml"
"""Name under which a folder's own description is looked for, and written by ``data init``."""
SUFFIX = ".toml"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_MOST_CLASSES = NO_ID  # train ids 0..253: 254 and 255 have a meaning of their own
_COLOUR_KEY = re.compile(r"(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})", re.ASCII)

Byte = Annotated[int, Field(ge=0, le=255)]
Colour = Annotated[tuple[Byte, Byte, Byte], Field(strict=False)]
Title = Annotated[str, Field(min_length=1, max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Split(_Part):
    """Where one split lies, relative to the data set's folder.

    Attributes:
        images, labels: Folders; without labels the split is one to predict.
        list: Text file with a name per line: of each image, without its ending; None takes all images.
    """

    images: str
    labels: str | None = None
    list: str | None = None


class Splits(_Part):
    """The splits that exist."""

    train: Split | None = None
    val: Split | None = None
    test: Split | None = None

    def items(self) -> dict[str, Split]:
        """Return {name: split} of those that exist."""
        return {name: split for name in ("train", "val", "test") if (split := getattr(self, name))}


class Description(_Part):
    """A data set of one's own.

    Attributes:
        name: What records call it.
        title: What a reader calls it.
        terms: Under which the images may be used.
        classes: Class names in the order of the train ids.
        colours: RGB colour of each class; None takes the colour map of PASCAL VOC.
        stored: Whether labels hold ids (8-bit grey or palette PNG) or the classes' colours (RGB PNG).
        ignore: Stored ids, or colours, that are not scored.
        ids: {stored id, or colour "R,G,B": train id}; None: stored id i, or colour i, is class i.
        image_end, label_end: How the files' names end; what stands before is the same for a pair.
        splits: The splits.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    title: Title | None = None
    terms: Title = "not stated, your own data"
    classes: Annotated[tuple[Title, ...], Field(strict=False, min_length=1, max_length=_MOST_CLASSES)]
    colours: Annotated[tuple[Colour, ...], Field(strict=False)] | None = None
    stored: Literal["ids", "colours"] = "ids"
    ignore: Annotated[tuple[Byte | Colour, ...], Field(strict=False)] | None = None
    ids: dict[str, int] | None = None
    image_end: str | None = None
    label_end: str = ".png"
    splits: Splits

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        """Colours of the classes, given or of PASCAL VOC."""
        return self.colours or bit_colours(len(self.classes))

    def stored_ids(self) -> dict[int, int]:
        """Return the table from stored id to train id or ``IGNORE``; empty where labels hold colours."""
        if self.stored == "colours":
            return {}
        if self.ids is not None:
            named = {int(key): to for key, to in self.ids.items()}
        else:
            named = {place: place for place in range(len(self.classes))}
        if self.ignore is None:
            return named if IGNORE in named else {**named, IGNORE: IGNORE}
        return {**named, **dict.fromkeys(_ids(self.ignore), IGNORE)}

    def stored_colours(self) -> dict[tuple[int, int, int], int]:
        """Return the table from stored colour to train id or ``IGNORE``; empty where labels hold ids."""
        if self.stored == "ids":
            return {}
        if self.ids is not None:
            named = {colour: to for key, to in self.ids.items() if (colour := _colour(key))}
        else:
            named = {colour: place for place, colour in enumerate(self.palette)}
        return {**named, **dict.fromkeys(_colours(self.ignore or ()), IGNORE)}

    def table(self) -> dict[int, int] | dict[str, int]:
        """Return the table from what is stored to train id, a colour as text."""
        return self.stored_ids() or {str(colour): to for colour, to in self.stored_colours().items()}


def read_description(path: Path) -> Description:
    """Return what a TOML file says of a data set.

    Raises:
        RefusedInput: No such file; else as `parse_description`.
    """
    then = f"carnet-bench data init FOLDER writes a {FILE} that fits the folder"
    return parse_description(text_of(path, then), path)


def parse_description(text: str, path: Path) -> Description:
    """Return what the text of a TOML file says of a data set.

    Args:
        text: The text.
        path: The file, for messages.

    Raises:
        RefusedInput: Not TOML, an unknown key, a wrong type or value, classes and colours that do not match,
            ids of no class, a folder outside the data set's own, or no split.
    """
    table = as_table(text, str(path))
    try:
        found = Description.model_validate(table)
    except ValidationError as error:
        raise RefusedInput(f"{path}: {_fault(error, table)}", then=f"edit {path}") from error
    for fault in _faults(found):
        raise RefusedInput(f"{path}: {fault}", then=f"edit {path}")
    return found


def _fault(error: ValidationError, table: dict[str, Any]) -> str:
    """Return the first fault: key, what was found, what is expected."""
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"] if not str(part).startswith(("tuple[", "constrained"))]
    key = ".".join(where)
    if first["type"] == "extra_forbidden":
        parent = where[:-1]
        part: type[_Part] = Split if len(parent) > 1 else Splits if parent else Description
        return f"unknown key {brief(key)}; choose from {', '.join(part.model_fields)}"
    if first["type"] == "missing":
        return f"missing {key}"
    if key == "name" and first["type"] == "string_pattern_mismatch":
        return f"name = {brief(first['input'])}; expected 1 to 64 letters, digits, _ and -"
    expected = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{key} = {brief(first['input'])}; expected {expected}"


def _faults(found: Description) -> list[str]:
    """Return what no single value shows: what does not fit together."""
    return [*_of_classes(found), *(_of_ids(found)), *_of_splits(found)]


def _of_classes(found: Description) -> list[str]:
    faults = []
    if twice := _twice(found.classes):
        faults.append(f"classes: {brief(twice)} is there twice, expected different names")
    if found.colours is not None and len(found.colours) != len(found.classes):
        faults.append(
            f"colours: {len(found.colours)} for {len(found.classes)} classes, expected one per class"
        )
    if found.stored == "colours":
        if found.colours is None and found.ids is None:
            faults.append("stored = 'colours' without colours; expected colours = [[R, G, B], ...]")
        if found.ids is None and (twice := _twice(found.colours or ())):
            faults.append(f"colours: {list(twice)} is there twice, expected one colour per class")
    return faults


def _of_ids(found: Description) -> list[str]:
    names = len(found.classes)
    in_colour = found.stored == "colours"
    for key, to in (found.ids or {}).items():
        if _colour(key) is None if in_colour else not _is_id(key):
            wanted = "a colour as 'R,G,B'" if in_colour else "a stored id from 0 to 255"
            return [f"ids: key {brief(key)}; expected {wanted}"]
        if not (0 <= to < names or to == IGNORE):
            return [f"ids.{key} = {to}; expected 0..{names - 1} ({names} classes) or {IGNORE} (ignored)"]
    ignored = found.ignore or ()
    wrong = [one for one in ignored if isinstance(one, int) == in_colour]
    if wrong:
        wanted = "colours [R, G, B]" if in_colour else "stored ids from 0 to 255"
        return [f"ignore: {brief(wrong[0])}; expected {wanted}, as stored = '{found.stored}'"]
    return [*_overlaps(found), *_without_id(found)]


def _overlaps(found: Description) -> list[str]:
    """Return a fault where an ignored id or colour is that of a class, too."""
    without = found.model_copy(update={"ignore": ()})
    tables: dict[Any, int] = {**without.stored_ids(), **without.stored_colours()}
    for one in found.ignore or ():
        if (to := tables.get(one, IGNORE)) != IGNORE:
            return [
                f"ignore: {brief(one)} is class '{found.classes[to]}', too; take it out, or give the classes "
                "their stored ids in [ids]"
            ]
    return []


def _without_id(found: Description) -> list[str]:
    reached = set(found.table().values())
    lost = [name for place, name in enumerate(found.classes) if place not in reached]
    return [f"ids: nothing stored is class '{lost[0]}'; expected an entry per class"] if lost else []


def _of_splits(found: Description) -> list[str]:
    splits = found.splits.items()
    if not splits:
        return ["splits: none; expected [splits.train] and [splits.val] (or test) with images and labels"]
    for name, split in splits.items():
        for key in ("images", "labels", "list"):
            value = getattr(split, key)
            if value is None:
                continue
            path = PurePosixPath(value.replace("\\", "/"))
            if not value or path.is_absolute() or ".." in path.parts or ":" in value:
                return [
                    f"splits.{name}.{key} = {brief(value)}: outside the data set's folder; expected a path "
                    "in it, e.g. images/train"
                ]
    return []


def _ids(ignored: tuple[Any, ...]) -> list[int]:
    return [one for one in ignored if isinstance(one, int)]


def _colours(ignored: tuple[Any, ...]) -> list[tuple[int, int, int]]:
    return [one for one in ignored if isinstance(one, tuple)]


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit() and int(key) <= 255 and str(int(key)) == key


def _colour(key: str) -> tuple[int, int, int] | None:
    found = _COLOUR_KEY.fullmatch(key)
    values = tuple(int(one) for one in found.groups()) if found else ()
    return (values[0], values[1], values[2]) if values and max(values) <= 255 else None


def _twice(values: tuple[Any, ...]) -> Any:
    return next((one for place, one in enumerate(values) if one in values[:place]), None)
