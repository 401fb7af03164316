"""The grid of ``carnet-bench ablate``: which recipe each variant of CARNet and seed trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.data.catalogue import entry, find, splits_here
from bench.errors import UsageError
from bench.experiments.grid_axes import Axes, grid_of
from bench.experiments.grid_plan import Experiment, GridRun, independent_split, require_data
from bench.paper.variant import BACKBONES, Variant, backbone_of
from bench.train import recipe as recipes
from bench.train.recipe import Recipe

_WEIGHTS = {
    "mobile": "timm-mobilenetv2_100",
    **{name: f"torchvision-{name}" for name in BACKBONES if name.startswith("resnet")},
}
"""ImageNet weights of a backbone other than the recipe's."""


def experiment_of(
    axes: Axes, *, name_or_path: str | None = None, data: str | None = None, seeds: int = 3
) -> Experiment[Variant]:
    """Return the requested experiment.

    Args:
        axes: What is varied.
        name_or_path: Recipe name or ``.toml`` file; None: ``DATA-study``, else ``DATA-ablation``; of data of
            one's own ``default``.
        data: Data set; None: the recipe's, or CamVid.
        seeds: Number of seeds: 0, 1, ...

    Raises:
        UsageError: No such recipe or data set, a recipe of other data, no CARNet, or no possible combination.
        RefusedInput: A recipe that is not valid, or that selects weights on the images that are scored.
    """
    data = None if data is None else entry(data).name
    name_or_path = name_or_path or _default_recipe(data or "camvid")
    # the one recipe that is of no data set
    recipe = recipes.load(name_or_path, {"data": data} if data and name_or_path == recipes.DEFAULT else None)
    if data is not None:
        require_data(recipe, data)
    backbone = backbone_of(recipe.model)
    if backbone is None:
        have = ", ".join(f"carnet-{name}" for name in BACKBONES)
        raise UsageError(f"recipe {recipe.name} trains {recipe.model}; only CARNets can be ablated: {have}")
    return Experiment(
        recipe,
        grid_of(axes, backbone),
        tuple(range(seeds)),
        independent_split(recipe),
        partial(recipe_of, recipe),
    )


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


def require_one_backbone(runs: Sequence[GridRun[Variant]], weights_file: Path | None) -> None:
    """Refuse one file of encoder weights for several backbones."""
    backbones = list(dict.fromkeys(run.subject.backbone for run in runs))
    if weights_file is not None and len(backbones) > 1:
        raise UsageError(
            f"--weights-file fits one encoder, the grid has {', '.join(backbones)}; "
            "give one backbone, or put the files into CARNET_DATA/weights"
        )


def _default_recipe(data: str) -> str:
    if entry(data).folder is not None:
        return recipes.DEFAULT
    have = recipes.names()
    for name in (f"{data}-study", f"{data}-ablation"):
        if name in have:
            return name
    choices = ", ".join(other for other in have if other.endswith("-ablation"))
    raise UsageError(f"no recipe '{data}-ablation'; choose from {choices}", then="give --recipe")
