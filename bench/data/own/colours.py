"""Lists of classes as people keep them: ``class_dict.csv``, ``labelmap.txt``, ``label_colors.txt``, names."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data.folder import entries
from bench.errors import RefusedInput
from bench.toml_text import brief, text_of

if TYPE_CHECKING:
    from pathlib import Path

Rgb = tuple[int, int, int]

COLOUR_LISTS = ("class_dict.csv", "labelmap.txt", "label_colors.txt", "label_colours.txt", "classes.csv")
NAME_LISTS = ("classes.txt", "labels.txt", "class_names.txt")
VOID = ("void", "unlabelled", "unlabeled", "ignore", "ignored", "unknown")
"""Names of what is not a class; a background may be one."""
_WORDS = re.compile(r"^\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\S.*?)\s*$", re.ASCII)
_CVAT = re.compile(r"^([^:]+):\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*:", re.ASCII)
_CSV_HEADS = ({"name", "r", "g", "b"}, {"name", "red", "green", "blue"}, {"label", "r", "g", "b"})


@dataclass(frozen=True)
class ColourList:
    """Classes and colours of a list.

    Attributes:
        path: The file.
        classes: {name: colour}, in the file's order.
        void: Those that are named as no class.
    """

    path: Path
    classes: dict[str, Rgb]
    void: dict[str, Rgb]


def find_colours(root: Path, given: Path | None) -> ColourList | None:
    """Return the list of colours that the user names, or that lies in the folder under a known name."""
    if given is not None:
        return read_colours(given)
    known = {name.lower() for name in COLOUR_LISTS}
    found = [path for path in entries(root) if path.name.lower() in known]
    return read_colours(found[0]) if found else None


def read_colours(path: Path) -> ColourList:
    """Return the classes of a list of colours.

    Read are CSV with a head ``name,r,g,b``, CVAT's ``name:r,g,b:parts:actions`` and ``r g b name``.

    Raises:
        RefusedInput: No such file, a line of none of these forms, a colour above 255 or one of two classes, a
            name that comes twice, or no class.
    """
    rows = _rows(path, text_of(path))
    names: dict[str, Rgb] = {}
    owners: dict[Rgb, str] = {}
    for number, name, colour in rows:
        if max(colour) > 255:
            raise RefusedInput(f"{path} line {number}: colour {colour}, expected 0..255 each")
        if name in names:
            raise RefusedInput(f"{path} line {number}: {brief(name)} is there twice, expected once")
        if colour in owners:
            raise RefusedInput(
                f"{path} line {number}: {brief(name)} has the colour {colour} of {brief(owners[colour])}, "
                "expected one of its own"
            )
        names[name], owners[colour] = colour, name
    void = {name: colour for name, colour in names.items() if name.lower() in VOID}
    if len(names) == len(void):
        raise RefusedInput(f"{path}: no class in it; expected lines as 'name,r,g,b' or 'r g b name'")
    return ColourList(path, {name: colour for name, colour in names.items() if name not in void}, void)


def _rows(path: Path, text: str) -> list[tuple[int, str, Rgb]]:
    """Return (line, name, colour) of every line with one."""
    lines = text.splitlines()
    head = [word.strip().lower() for word in next(csv.reader(lines[:1]), [])]
    if any(wanted <= set(head) for wanted in _CSV_HEADS):
        return [
            _row(path, number, head, cells) for number, cells in enumerate(csv.reader(lines), 1) if cells
        ][1:]
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _CVAT.match(line):
            rows.append((number, found[1].strip(), (int(found[2]), int(found[3]), int(found[4]))))
        elif found := _WORDS.match(line):
            rows.append((number, found[4], (int(found[1]), int(found[2]), int(found[3]))))
        else:
            raise RefusedInput(
                f"{path} line {number}: {brief(line)}; expected 'r g b name', 'name:r,g,b::', or CSV with a "
                "head name,r,g,b"
            )
    return rows


def _row(path: Path, number: int, head: list[str], cells: list[str]) -> tuple[int, str, Rgb]:
    if number == 1:
        return number, "", (0, 0, 0)
    row = dict(zip(head, (cell.strip() for cell in cells), strict=False))
    name = row.get("name") or row.get("label") or ""
    values = [
        row.get(short, row.get(long, "")) for short, long in (("r", "red"), ("g", "green"), ("b", "blue"))
    ]
    if not name or not all(value.isascii() and value.isdigit() for value in values):
        raise RefusedInput(
            f"{path} line {number}: {brief(','.join(cells))}; expected name and r, g, b (0..255)"
        )
    return number, name, (int(values[0]), int(values[1]), int(values[2]))


def find_names(root: Path) -> tuple[Path, tuple[str, ...]] | None:
    """Return the file in a folder that lists class names, a name per line, with the names."""
    found = [path for path in entries(root) if path.name.lower() in NAME_LISTS]
    if not found:
        return None
    names = tuple(line.strip() for line in text_of(found[0]).splitlines() if line.strip())
    return (found[0], names) if names and len(set(names)) == len(names) else None
