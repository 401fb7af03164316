"""The grid of ``carnet-bench compare``: methods, each trained with several seeds under one recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.data.catalogue import entry
from bench.errors import UsageError
from bench.experiments.grid_plan import Experiment, Grid, Point, independent_split, require_data
from bench.models import resolve
from bench.results.record_types import Recipe as RecordedRecipe
from bench.train import recipe as recipes
from bench.train.fitted import FITTED
from bench.train.recipe import Recipe
from bench.train.weights import find


@dataclass(frozen=True)
class Entrant:
    """One method of a comparison.

    Attributes:
        method: The method.
        model: The recipe's word for it: its name, or ``path/to/file.py:build``.
    """

    method: Method = field(compare=False)
    model: str

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.method.name

    def network(self, recipe: Recipe) -> Method:
        """Return the method with the options that its runs train it with: the one to count and to time."""
        return replace(self.method, options={**self.method.options, **recipe.model_options})


def comparison_of(
    models: Sequence[str],
    *,
    data: str,
    name_or_path: str | None = None,
    seeds: int = 3,
    data_root: Path | None = None,
    home: Path | None = None,
) -> Experiment[Entrant]:
    """Return the requested comparison.

    Args:
        models: Names of ``carnet-bench models``, or ``path/to/file.py:build``.
        data: Data set, as `bench.data.catalogue.entry` takes it.
        name_or_path: Recipe name or ``.toml`` file; None: ``DATA-compare``, else the one that fits any data.
        seeds: Number of seeds: 0, 1, ...
        data_root, home: Where the data is looked for by a recipe that is fitted to its images.

    Raises:
        UsageError: No such method, recipe or data set, two methods of one name, or a recipe of other data.
        RefusedInput: A recipe or a file of a network that is not valid, or a recipe that selects weights on
            the images that are scored.
    """
    entrants = [Entrant(resolve(model), model) for model in dict.fromkeys(models)]
    names = [entrant.name for entrant in entrants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"'{twice[0]}': two networks of this name; give each once, in files of their own")
    data = entry(data).name
    chosen = name_or_path or (own if (own := f"{data}-compare") in recipes.names() else recipes.DEFAULT)
    load = partial(recipes.load, chosen, data_root=data_root, home=home)
    base = load({"data": data} if chosen == recipes.DEFAULT else None)
    require_data(base, data)
    grid = Grid(tuple(Point(entrant.name, entrant) for entrant in entrants))
    return Experiment(
        base, grid, tuple(range(seeds)), independent_split(base), partial(_recipe_of, load, base)
    )


def input_size(recipe: Recipe | RecordedRecipe) -> tuple[int, int]:
    """Return height and width of an image of a recipe's data; of its crops where images differ in size.

    It does not depend on whether the data is found here.
    """
    given = recipe.data_options.get("size_hw")
    if isinstance(given, list | tuple) and len(given) == 2:
        return int(given[0]), int(given[1])
    sizes = entry(recipe.data).sizes_hw or ()
    return sizes[0] if len(sizes) == 1 else recipe.crop


def _recipe_of(load: Callable[[dict[str, Any]], Recipe], base: Recipe, entrant: Entrant, seed: int) -> Recipe:
    """Return the recipe of one run.

    A method whose encoder the recipe's shared ImageNet weights do not fit starts from random ones; its record
    and the column of starting weights say so. One that has no such encoder learns at the decoder's rate
    throughout. What ``[methods.NAME]`` says of either stays as it is.
    """
    # what the base has fitted to the data is not fitted again for every run
    fitted = {key: getattr(base, key) for key in FITTED}
    found = load({**fitted, "model": entrant.model, "data": base.data, "seed": seed})
    encoder = entrant.method.encoder
    if found.weights == base.weights != "none" and find(found.weights).architecture != encoder:
        found = replace(found, weights="none")
    shared_rates = (found.encoder_lr, found.decoder_lr) == (base.encoder_lr, base.decoder_lr)
    if encoder is None and found.weights == "none" and shared_rates:
        found = replace(found, encoder_lr=found.decoder_lr)
    return found
