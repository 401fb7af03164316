"""From a folder of one's own to its TOML file: recognise the layout, read every label, describe both."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.data.catalogue import ENTRIES
from bench.data.own.colours import ColourList, find_colours, find_names
from bench.data.own.description import FILE, Split, parse_description
from bench.data.own.folder import entry_of_file, pairs_of
from bench.data.own.hold_out import HoldOut, hold_out, sequences_of
from bench.data.own.layouts import Layout, recognise
from bench.data.own.survey import Survey, guess_classes, survey
from bench.errors import RefusedInput, UsageError
from bench.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd


@dataclass
class Made:
    """What `init` found and wrote.

    Attributes:
        file: The TOML file.
        layout: Layout that was recognised.
        samples: {split: images}.
        stored: ``ids`` or ``colours``.
        classes: Class names.
        histogram: See `Survey.frame`.
        not_known: What the folder does not say, a sentence each.
        held_out: How a validation split was taken; None where none was.
        offer: How one would be taken where there is none; None where there is one.
    """

    file: Path
    layout: Layout
    samples: dict[str, int]
    stored: str
    classes: tuple[str, ...]
    histogram: pd.DataFrame
    not_known: list[str] = field(default_factory=list)
    held_out: HoldOut | None = None
    offer: str | None = None


@dataclass(frozen=True)
class _Meaning:
    """What stored ids or colours mean: the part of the description that is no path."""

    stored: str
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...] | None
    ids: dict[int, int] | None
    ignore: tuple[Any, ...]
    titles: dict[Any, str]
    not_known: list[str]


def init(
    root: Path,
    *,
    name: str | None = None,
    colours: Path | None = None,
    val: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    seen: Callable[[str, int, int], None] = lambda *_: None,
) -> Made:
    """Recognise a folder and write ``data.toml`` into it, with lists where a validation split is taken.

    Args:
        root: The folder.
        name: Name of the data set; None takes the folder's.
        colours: List of classes and colours; None looks for one in the folder.
        val: Share of the training images to validate on; None takes none.
        seed: Of that choice.
        overwrite: Replaces what an earlier call wrote.
        seen: Called with split, labels read and labels in all.

    Raises:
        RefusedInput: No layout known, a pair that is incomplete, a label that cannot be read or whose colours
            the list does not have, or a file that exists. Nothing is written then.
        UsageError: A validation split is there already, or too few images for one.
    """
    if name is not None and name in ENTRIES:
        raise UsageError(f"--name {name}: a built-in data set; expected another name")
    layout = recognise(root)
    file = root / FILE
    pairs = {
        split: pairs_of(root, split, where, (layout.image_end, layout.label_end), file)
        for split, where in layout.splits.items()
    }
    held = _held_out(layout, pairs, val, seed)
    lists = {} if held is None else {"train": held.train, "val": held.val}
    paths = {split: root / f"{file.stem}-{split}.txt" for split in lists}
    _require_free([file, *paths.values()], overwrite)
    labels = {
        split: [root / pair.label for pair in found.values() if pair.label] for split, found in pairs.items()
    }
    listed = find_colours(root, colours)
    known = set() if listed is None else {*listed.classes.values(), *listed.void.values()}
    found = survey({split: files for split, files in labels.items() if files}, known, seen)
    meaning = _of_colours(found, listed, root) if found.in_colour else _of_ids(found, listed, root)
    splits = dict(layout.splits)
    for split, path in paths.items():
        splits[split] = splits["train"].model_copy(update={"list": path.name})
    text = _text(layout, name or _name_of(root), meaning, splits)
    parse_description(text, file)  # before anything is written
    for split, names in lists.items():
        write_atomic(paths[split], "".join(f"{one}\n" for one in names))
    write_atomic(file, text)
    entry = entry_of_file(file)
    opened = {split: len(entry.open_folder(split, root)) for split in entry.splits if entry.open_folder}
    made = Made(
        file,
        layout,
        opened,
        meaning.stored,
        meaning.classes,
        found.frame(meaning.titles),
        meaning.not_known,
        held,
    )
    if "val" not in opened and "train" in pairs:
        made.offer = _offer(list(pairs["train"]))
    return made


def _held_out(
    layout: Layout, pairs: Mapping[str, Mapping[str, Any]], val: float | None, seed: int
) -> HoldOut | None:
    if val is None:
        return None
    if "val" in layout.splits:
        raise UsageError(f"--val {val:g}: there is a val split of {len(pairs['val'])} images; drop --val")
    if "train" not in pairs:
        raise UsageError(f"--val {val:g}: no train split to take it from; found {', '.join(pairs)}")
    return hold_out(list(pairs["train"]), val, seed)


def _offer(names: list[str]) -> str:
    groups = sequences_of(names)
    how = f"of whole sequences, {len(groups)} by their names" if groups else "image by image"
    alike = "" if groups else "; if they are frames of one video, split them by hand"
    return (
        f"no validation split: --val 0.1 --seed 0 takes a tenth of {len(names)} training images, {how}{alike}"
    )


def _require_free(paths: list[Path], overwrite: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise RefusedInput(
            f"{there[0]}: exists, and may hold class names that you wrote", then="replace it with --overwrite"
        )


def _name_of(root: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", root.resolve().name).strip("-_")[:60] or "data"
    return f"{name}-own" if name in ENTRIES else name


def _of_colours(found: Survey, listed: ColourList | None, root: Path) -> _Meaning:
    if listed is None:
        shown = ", ".join(str(colour) for colour, _ in found.images.most_common(8))
        raise RefusedInput(
            f"{root}: its labels are RGB with {len(found.images)} colours, first {shown}; no list says which "
            "class a colour is",
            then="give --colours FILE: CSV with a head name,r,g,b, or lines 'r g b name'",
        )
    titles = {colour: name for name, colour in listed.classes.items()}
    titles |= dict.fromkeys(listed.void.values(), "ignored")
    strange = [colour for colour, _ in found.images.most_common() if colour not in titles]
    if strange:
        raise RefusedInput(
            f"{found.first[strange[0]]}: colour {strange[0]} is not in {listed.path}, of {len(titles)} "
            f"colours ({len(strange)} are not); expected those of the list",
            then="add them to the list; 'void' is the name of what is ignored",
        )
    not_known = []
    if not listed.void:
        not_known.append(f"whether any colour is to be ignored: {listed.path.name} names none void")
    absent = [name for name, colour in listed.classes.items() if colour not in found.images]
    if absent:
        not_known.append(f"whether classes that never occur are meant: {', '.join(absent)}")
    return _Meaning(
        "colours",
        tuple(listed.classes),
        tuple(listed.classes.values()),
        None,
        tuple(listed.void.values()),
        titles,
        not_known,
    )


def _of_ids(found: Survey, listed: ColourList | None, root: Path) -> _Meaning:
    count, ids, ignore, remark = guess_classes(found.stored)
    names, source = _names(listed, root)
    not_known = [] if remark is None else [remark]
    colours = None
    if names is not None and len(names) >= count and ids is None:
        classes = names
        if listed is not None and names == tuple(listed.classes):
            colours = tuple(listed.classes.values())
    else:
        classes = tuple(f"class {one}" for one in (ids or range(count)))
        not_known.append("class names: edit `classes`, in the order of the ids")
        if names is not None:
            not_known.append(f"{source} has {len(names)} names, and the labels {count} classes: not used")
    if ids is None and classes != names:
        not_known.append(
            "whether an id, often 0 or the last, means 'no class': list it in `ignore`, the others in [ids]"
        )
    table = {one: one for one in range(count)} if ids is None else ids
    titles: dict[Any, str] = {stored: classes[to] for stored, to in table.items()}
    return _Meaning(
        "ids", classes, colours, ids, ignore, {**titles, **dict.fromkeys(ignore, "ignored")}, not_known
    )


def _names(listed: ColourList | None, root: Path) -> tuple[tuple[str, ...] | None, str]:
    if listed is not None:
        return tuple(listed.classes), listed.path.name
    found = find_names(root)
    return (None, "") if found is None else (found[1], found[0].name)


def _text(layout: Layout, name: str, meaning: _Meaning, splits: Mapping[str, Split]) -> str:
    """Return the TOML file; a JSON string or list of them is TOML, too."""
    lines = [
        f"# Written by carnet-bench data init: {layout.title}.",
        "# Check it with: carnet-bench data check data.toml",
        f"name = {_toml(name)}",
        "classes = [",
        *(f"    {_toml(one)}," for one in meaning.classes),
        "]",
    ]
    if meaning.colours is not None:
        lines += ["colours = [", *(f"    {_toml(list(one))}," for one in meaning.colours), "]"]
    if meaning.stored != "ids":
        lines.append(f"stored = {_toml(meaning.stored)}")
    lines.append(
        f"ignore = {_toml([list(one) if isinstance(one, tuple) else one for one in meaning.ignore])}"
    )
    if layout.image_end is not None:
        lines.append(f"image_end = {_toml(layout.image_end)}")
    lines.append(f"label_end = {_toml(layout.label_end)}")
    if meaning.ids is not None:
        lines += ["", "[ids]", *(f"{stored} = {to}" for stored, to in meaning.ids.items())]
    for split, where in splits.items():
        lines += ["", f"[splits.{split}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in where.model_dump().items() if value is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
