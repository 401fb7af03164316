"""The runs of a grid: which recipe each variant and seed trains, and on which split it is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.data.catalogue import entry, find, splits_here
from bench.errors import RefusedInput, UsageError
from bench.experiments.grid_axes import Axes, Grid, grid_of
from bench.paper.variant import BACKBONES, Variant, backbone_of
from bench.train import recipe as recipes
from bench.train.recipe import Recipe
from bench.train.splits import scored_split

_WEIGHTS = {
    "mobile": "timm-mobilenetv2_100",
    **{name: f"torchvision-{name}" for name in BACKBONES if name.startswith("resnet")},
}
"""ImageNet weights of a backbone other than the recipe's."""


@dataclass(frozen=True)
class GridRun:
    """One variant with one seed.

    Attributes:
        variant: The canonical variant.
        seed: Seed of initial weights, order and augmentation.
        recipe: The grid's recipe with both.
    """

    variant: Variant
    seed: int
    recipe: Recipe = field(compare=False)

    @property
    def title(self) -> str:
        """Name of the run for a reader."""
        return f"{name_of(self.variant)}, seed {self.seed}"


@dataclass(frozen=True)
class Experiment:
    """A grid with everything that decides its runs.

    Attributes:
        recipe: Base recipe, which each variant changes.
        grid: The variants and their places.
        seeds: Seeds of each variant.
        scored: Split that is scored; no weights are selected on it.
    """

    recipe: Recipe
    grid: Grid
    seeds: tuple[int, ...]
    scored: str

    @property
    def runs(self) -> tuple[GridRun, ...]:
        """Every run once, all variants of a seed before the next seed, so that a partial grid is balanced."""
        return tuple(
            GridRun(variant, seed, recipe_of(self.recipe, variant, seed))
            for seed in self.seeds
            for variant in self.grid.variants
        )

    @property
    def selection(self) -> str:
        """Which weights are kept; the scored split never decides."""
        rule = "the best epoch on val" if self.recipe.selection == "best" else "the last epoch"
        return f"weights of {rule}, scored on {self.scored}, which selects nothing"


def name_of(variant: Variant) -> str:
    """Return a variant's name with its backbone, e.g. ``mobile BS+CARModule``."""
    return f"{variant.backbone} {variant.title}"


def experiment_of(
    axes: Axes, *, name_or_path: str | None = None, data: str | None = None, seeds: int = 3
) -> Experiment:
    """Return the requested experiment.

    Args:
        axes: What is varied.
        name_or_path: Recipe name or ``.toml`` file; None: ``DATA-ablation``.
        data: Data set; None: the recipe's, or CamVid.
        seeds: Number of seeds: 0, 1, ...

    Raises:
        UsageError: No such recipe or data set, a recipe of other data, no CARNet, or no possible combination.
        RefusedInput: A recipe that is not valid, or that selects weights on the images that are scored.
    """
    data = None if data is None else entry(data).name
    recipe = recipes.load(name_or_path or _default_recipe(data or "camvid"))
    if data is not None and recipe.data != data:
        raise UsageError(
            f"recipe {recipe.name} trains on {recipe.data}, not on {data}; drop --recipe or --data"
        )
    backbone = backbone_of(recipe.model)
    if backbone is None:
        have = ", ".join(f"carnet-{name}" for name in BACKBONES)
        raise UsageError(f"recipe {recipe.name} trains {recipe.model}; only CARNets can be ablated: {have}")
    scored = scored_split(recipe)
    if scored == "val" and not recipe.smoke and (recipe.selection == "best" or recipe.stop_after):
        key = "selection = 'best'" if recipe.selection == "best" else f"stop_after = {recipe.stop_after}"
        raise RefusedInput(
            f"recipe {recipe.name}: {key} selects weights on {recipe.data} val, the split that a grid scores",
            then="set selection = 'last' and stop_after = 0",
        )
    return Experiment(recipe, grid_of(axes, backbone), tuple(range(seeds)), scored)


def recipe_of(recipe: Recipe, variant: Variant, seed: int) -> Recipe:
    """Return the recipe of one run.

    A backbone other than the recipe's starts from its own ImageNet weights (unless the recipe starts from
    random ones), without the recipe's model options, which belong to another encoder.
    """
    own = backbone_of(recipe.model) == variant.backbone
    changes = variant.changes(recipe.model_options if own else {})
    weights = recipe.weights if own or recipe.weights == "none" else _WEIGHTS[variant.backbone]
    return replace(recipe, **changes, weights=weights, seed=seed)


def default_data(data_root: Path | None, home: Path) -> str:
    """Return ``camvid`` where its images are found or ``data_root`` is given, else synthetic ``scenes``."""
    if data_root is not None:
        return "camvid"
    here = [] if find("camvid", home) is None else splits_here("camvid", home=home)
    return "camvid" if {"train", "test"} <= set(here) else "scenes"


def require_one_backbone(runs: Sequence[GridRun], weights_file: Path | None) -> None:
    """Refuse one file of encoder weights for several backbones."""
    backbones = list(dict.fromkeys(run.variant.backbone for run in runs))
    if weights_file is not None and len(backbones) > 1:
        raise UsageError(
            f"--weights-file fits one encoder, the grid has {', '.join(backbones)}; "
            "give one backbone, or put the files into CARNET_DATA/weights"
        )


def _default_recipe(data: str) -> str:
    name = f"{data}-ablation"
    if name not in recipes.names():
        have = [other for other in recipes.names() if other.endswith("-ablation")]
        raise UsageError(f"no recipe '{name}'; choose from {', '.join(have)}", then="give --recipe")
    return name
