"""Which split a recipe reads: the requested one, or under ``smoke`` the one that a sample holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.catalogue import entry, open_data, splits_here
from bench.data.dataset import MissingSplit, is_labelled

if TYPE_CHECKING:
    from pathlib import Path

    from bench.data.dataset import SegmentationData
    from bench.train.recipe import Recipe


def open_split(recipe: Recipe, split: str, root: Path | None, home: Path) -> SegmentationData:
    """Open a split of the recipe's data.

    A smoke run only shows that the parts fit: where the folder, a sample, has no such split, the first that
    it has stands in for it. What is opened says its own name, and the records take it from there.

    Raises
    ------
    UsageError, RefusedInput
        As ``open_data``; without ``smoke`` also a split that the folder lacks.
    """
    try:
        return open_data(recipe.data, split, root, home=home, **recipe.data_options)
    except MissingSplit:
        if not recipe.smoke:
            raise
        for there in splits_here(recipe.data, root, home=home, **recipe.data_options):
            data = open_data(recipe.data, there, root, home=home, **recipe.data_options)
            if is_labelled(data):
                return data
        raise


def scored_split(recipe: Recipe, root: Path | None, home: Path) -> str:
    """Return the split that a run is scored on by default: ``test`` if it has labels, else ``val``.

    The images of a benchmark that keeps its test labels are scored on a server.
    """
    if "test" in entry(recipe.data).splits:
        try:
            if is_labelled(open_split(recipe, "test", root, home)):
                return "test"
        except MissingSplit:
            return "val"
    return "val"
