"""The classes of a data set by its name, for whoever has weights of it but not its files."""

from __future__ import annotations

from typing import NamedTuple

from bench.data import ade20k, camvid, cityscapes, nyudv2_classes
from bench.data.scenes import classes as scenes
from bench.errors import unknown


class ClassList(NamedTuple):
    """Class names and RGB colours (0..255), both in the order of the train ids."""

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]


_CAMVID = ClassList(tuple(camvid.CLASSES), tuple(camvid.CLASSES.values()))
CLASS_LISTS: dict[str, ClassList] = {
    "camvid": _CAMVID,
    "camvid-full": _CAMVID,
    "cityscapes": ClassList(cityscapes.CLASSES, cityscapes.PALETTE),
    "nyudv2": ClassList(nyudv2_classes.CLASSES, nyudv2_classes.PALETTE),
    "ade20k": ClassList(ade20k.CLASSES, ade20k.PALETTE),
    "scenes": ClassList(scenes.CLASSES, scenes.PALETTE),
}


def class_list(name: str) -> ClassList:
    """Return the classes of a data set of the catalogue.

    Raises
    ------
    UsageError
        No such name; the message lists the names.
    """
    if name not in CLASS_LISTS:
        raise unknown("data set", name, list(CLASS_LISTS))
    return CLASS_LISTS[name]
