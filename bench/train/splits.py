"""Which split a recipe reads: the requested one, or under ``smoke`` the one that a sample holds."""

from __future__ import annotations

from pathlib import Path

from bench.data.catalogue import entry, open_data, splits_here
from bench.data.dataset import MissingSplit, SegmentationData, is_labelled
from bench.train.recipe import Recipe


def open_split(recipe: Recipe, split: str, root: Path | None, home: Path) -> SegmentationData:
    """Open a split of the recipe's data.

    A smoke run only shows that the parts fit together: where the folder, a sample, lacks the split, its first
    labelled split is used instead. Records take the name of the split from the opened data.

    Raises:
        UsageError, RefusedInput: As ``open_data``; without ``smoke`` also a split that the folder lacks.
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


def scored_split(recipe: Recipe) -> str:
    """Return the split that a run is scored on: ``test``, or ``val`` where test labels are not public.

    The catalogue alone decides, so that a study is known without its data.
    """
    known = entry(recipe.data)
    return "test" if "test" in known.splits and "test" not in known.unlabelled else "val"
