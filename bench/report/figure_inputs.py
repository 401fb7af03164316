"""Which trained weights the figures of data show: chosen by rule, so that nobody picks them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from baselines.registry import METHODS
from bench.data.dataset import SegmentationData
from bench.errors import NotMeasured
from bench.paper.variant import Variant, variant_of
from bench.predict.features import FeatureExtractor
from bench.reproduce.feature_claims import is_baseline
from bench.train.splits import open_split, scored_split
from bench.train.trained import TrainedWeights, open_weights

SEGMENTATIONS = {"fig5": ("cityscapes", "validation set"), "fig6": ("nyudv2", "test set")}
"""Data set and split that the paper shows."""


@dataclass(frozen=True)
class Inputs:
    """What a figure is made from.

    Attributes:
        home: Folder of ``results/`` and ``reports/``.
        weights: Weights files or runs; none takes the published ones.
        data: Data set; None is the paper's, where weights are trained on it, else the first that some are.
        data_root: The data set's own folder.
        device, threads: Where to compute.
    """

    home: Path
    weights: tuple[Path, ...] = ()
    data: str | None = None
    data_root: Path | None = None
    device: str = "auto"
    threads: int | None = None


def choose_weights(name: str, inputs: Inputs) -> tuple[list[TrainedWeights], SegmentationData]:
    """Return the weights to show and the split that they are scored on.

    Raises:
        NotMeasured: No weights are trained on the data.
        RefusedInput: Weights or data that cannot be read, or a data set that is not here.
    """
    folder = inputs.home / "results" / "weights"
    paths = inputs.weights or sorted(folder.glob("[!.]*.safetensors"))
    found = [open_weights(path, inputs.home) for path in paths]
    sets = sorted({one.recipe.data for one in found})
    own = SEGMENTATIONS.get(name, ("cityscapes",))[0]
    data = inputs.data or (own if own in sets else next(iter(sets), own))
    usable = [one for one in found if one.recipe.data == data]
    chosen = _one_of_each(usable) if name in SEGMENTATIONS else _carnet_and_baseline(usable)
    if name == "fig1":
        chosen = chosen[-1:]
    if not chosen:
        kind = "weights" if name in SEGMENTATIONS else "weights of a CARNet"
        raise NotMeasured(
            f"{name}: no {kind} trained on {data} in {folder}" + (" or --weights" if inputs.weights else ""),
            then=f"carnet-bench train {data}-RECIPE, then carnet-bench reproduce {name} --weights RUN",
        )
    recipe = chosen[0].recipe
    return chosen, open_split(recipe, scored_split(recipe), inputs.data_root, inputs.home)


def _longest_first(one: TrainedWeights) -> tuple[int, str, int, str]:
    return -one.recipe.epochs, one.recipe.name, one.recipe.seed, one.path.name


def _one_of_each(found: Iterable[TrainedWeights]) -> list[TrainedWeights]:
    """Return the longest training of each network, networks of the paper first."""
    by_title: dict[str, TrainedWeights] = {}
    for one in sorted(found, key=_longest_first):
        by_title.setdefault(title_of(one), one)
    order = {name: place for place, name in enumerate(METHODS)}
    return sorted(by_title.values(), key=lambda one: (order.get(one.recipe.model, len(order)), title_of(one)))


def _carnet_and_baseline(found: Sequence[TrainedWeights]) -> list[TrainedWeights]:
    """Return BS and CARNet of one recipe and seed, BS first; without such a pair CARNet alone."""
    full = sorted((one for one in found if _is_full(one)), key=_longest_first)
    bases = [one for one in found if _is_base(one)]
    for one in full:
        for base in bases:
            if (one.recipe.name, one.recipe.seed) == (base.recipe.name, base.recipe.seed):
                return [base, one]
    return full[:1]


def _is_full(one: TrainedWeights) -> bool:
    variant = variant_of(one.recipe)
    return variant is not None and variant == Variant(variant.backbone).canonical()


def _is_base(one: TrainedWeights) -> bool:
    variant = variant_of(one.recipe)
    return variant is not None and is_baseline(variant)


def title_of(one: TrainedWeights) -> str:
    """Return a network's name in a figure; a CARNet without all components has them in its name."""
    if _is_base(one):
        return "BS"
    variant = variant_of(one.recipe)
    method = METHODS.get(one.recipe.model)
    title = one.recipe.model if method is None else method.title
    return title if variant is None or _is_full(one) else f"{title}: {variant.title}"


def extractor_of(
    trained: TrainedWeights,
    data: SegmentationData,
    device: torch.device,
    layers: Sequence[str],
    model: str | None = None,
) -> FeatureExtractor:
    """Return what computes the maps of a run's network; ``model`` names the network of one's own."""
    method = trained.method(model)
    network = trained.network(method, data, device)
    return FeatureExtractor(network, layers, trained.statistics, device, method.sizes)
