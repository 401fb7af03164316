"""Which split a recipe reads: the requested one, or under ``smoke`` the one that a sample holds."""

from __future__ import annotations

from pathlib import Path

from bench.data.catalogue import known, names, open_data, splits_here
from bench.data.dataset import MissingSplit, SegmentationData, is_labelled
from bench.data.entry import Entry
from bench.errors import unknown
from bench.train.recipe import Recipe


def open_split(recipe: Recipe, split: str, root: Path | None, home: Path) -> SegmentationData:
    """Open a split of the recipe's data.

    A smoke run only shows that the parts fit together: where the folder, a sample, lacks the split, its first
    labelled split is used instead. Records take the name of the split from the opened data.

    Raises:
        UsageError, RefusedInput: As ``open_data``; without ``smoke`` also a split that the folder lacks.
    """
    data_of(recipe)
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


def scored_split(recipe: Recipe) -> str:
    """Return the split that a run is scored on: ``test``, or ``val`` where test labels are not public.

    The catalogue alone decides, so that a study is known without its data.
    """
    found = data_of(recipe)
    return "test" if "test" in found.splits and "test" not in found.unlabelled else "val"


def data_of(recipe: Recipe) -> Entry:
    """Return the entry of a recipe's data set: built in, or of the user's own and given to this command.

    Recipes come out of weights and records, too, so their data is a name here and never a path
    (`bench.train.recipe.load` has read a path that the user gave).

    Raises:
        UsageError: Neither of them.
    """
    found = known(recipe.data)
    if found is None:
        error = unknown("data set", recipe.data, names())
        error.then = "for data of your own give its file: --data FILE.toml, or its folder with a data.toml"
        raise error
    return found
