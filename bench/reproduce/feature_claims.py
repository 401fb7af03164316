"""The claim on Fig. 12: CARNet's feature maps have a larger value range than the baseline's, over a split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import NotMeasured
from bench.paper.variant import Variant, variant_of
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS, interval_of_seeds
from bench.results.feature_ranges import FeatureRanges, all_ranges
from bench.results.record_types import Recipe

_VARIES = ("model", "model_options", "scloss_weight", "scloss_form", "seed", "name")
"""What of a recipe may differ between CARNet and its baseline."""


@dataclass(frozen=True)
class RangeRatio:
    """CARNet's mean value range over the baseline's, of the seeds that both were trained with.

    Attributes:
        layer, data: The layer, and the images.
        ratios: Of each seed.
        images: How many of them there are.
        verdict: On the claim that CARNet's is larger, by the 95 % interval over the seeds.
    """

    layer: str
    data: str
    ratios: tuple[float, ...]
    images: int
    verdict: v.Word

    @property
    def line(self) -> str:
        """The ratios in words."""
        shown = ", ".join(f"{ratio:.3g}" for ratio in self.ratios)
        seeds = f"{len(self.ratios)} seed{'s' if len(self.ratios) > 1 else ''}"
        return f"{self.layer} on {self.data}: {shown} times BS's range ({self.images} images, {seeds})"


def is_baseline(variant: Variant) -> bool:
    """Say whether a network is BS: no CARModule."""
    return variant.modules == 0


def carnet_variant(ranges: FeatureRanges) -> Variant | None:
    """Return which CARNet was measured; None for another network."""
    return variant_of(Recipe.model_validate(ranges.recipe))


def judge_ranges(home: Path, data: str, split: str, layer: str) -> RangeRatio:
    """Return the ratio of value ranges with its verdict.

    Raises:
        NotMeasured: CARNet, or BS of the same recipe and seed, is not measured; the message has what is, and
            the commands for the rest.
        RefusedInput: A damaged measurement.
    """
    measured = [
        (one, variant)
        for one in all_ranges(home).values()
        if (one.data, one.split) == (data, split) and layer in one.layers and (variant := carnet_variant(one))
    ]
    full = [one for one, variant in measured if variant == Variant(variant.backbone).canonical()]
    bases = [one for one, variant in measured if is_baseline(variant)]
    pairs = {one.recipe["seed"]: (one, base) for one in full for base in bases if _comparable(one, base)}
    if not pairs:
        raise NotMeasured(_missing(full, bases, f"{data} {split}", layer))
    ratios = tuple(one.mean_span(layer) / base.mean_span(layer) for _, (one, base) in sorted(pairs.items()))
    images = len(next(iter(pairs.values()))[0].images)
    return RangeRatio(layer, f"{data} {split}", ratios, images, judge_ratios(ratios))


def judge_ratios(ratios: tuple[float, ...]) -> v.Word:
    """Judge that a ratio is above 1, by Student's 95 % interval of its logarithm over three seeds or more."""
    if len(ratios) < FEWEST_SEEDS:
        return v.NOT_DISTINGUISHABLE
    found = interval_of_seeds([math.log(ratio) for ratio in ratios])
    if found.low > 0:
        return v.REPRODUCED
    return v.CONTRADICTED if found.high < 0 else v.NOT_DISTINGUISHABLE


def _comparable(one: FeatureRanges, base: FeatureRanges) -> bool:
    """Say whether two networks were trained alike and shown the same images."""
    backbones = [variant.backbone for each in (one, base) if (variant := carnet_variant(each))]
    return (
        len(set(backbones)) == 1
        and one.images == base.images
        and one.manifest_sha256 == base.manifest_sha256
        and one.recipe["seed"] == base.recipe["seed"]
        and _rest(one.recipe) == _rest(base.recipe)
    )


def _rest(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _VARIES}


def _missing(full: list[FeatureRanges], bases: list[FeatureRanges], data: str, layer: str) -> str:
    shown = ", ".join(
        f"{one.model} ({one.recipe['name']}) spans {one.mean_span(layer):.3g}" for one in (*full, *bases)
    )
    recipe = next((one.recipe["name"] for one in full), "RECIPE")
    backbone = next((variant.backbone for one in full if (variant := carnet_variant(one))), "mobile")
    found = f"{layer} on {data}: {shown} on average; " if shown else f"{layer} on {data}: "
    return (
        f"{found}no pair of CARNet and BS of one recipe and seed: `carnet-bench train {recipe} --model "
        f"bs-{backbone}`, then `carnet-bench features --split {data.split()[1]} --weights RUN`"
    )
