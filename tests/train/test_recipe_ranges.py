"""Numbers that a recipe refuses although their type is right: without sense, or beyond any machine."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bench.errors import RefusedInput
from bench.train import recipe as recipes

LEAST: dict[str, Any] = {
    "name": "x",
    "model": "carnet-mobile",
    "data": "scenes",
    "crop": [64, 64],
    "epochs": 1,
    "encoder_lr": 0.1,
    "decoder_lr": 0.1,
}


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("lr_factor", -2, "<= 1"),
        ("lr_factor", 1.5, "<= 1"),
        ("poly_power", -0.9, ">= 0"),
        ("momentum", 5, "< 1"),
        ("momentum", 1.0, "< 1"),
        ("momentum", -0.1, ">= 0"),
        ("weight_decay", 2.0, "<= 1"),
        ("flip", 1.1, "<= 1"),
        ("flip", -0.1, ">= 0"),
        ("encoder_lr", -0.1, ">= 0"),
        ("checkpoint_every_s", -1, ">= 0"),
        ("scale", [0.5, 1e6], "<= 10"),
        ("scale", [0.0, 1.0], ">= 0.01"),
        ("scale", [-0.5, 1.0], ">= 0.01"),
        ("scale", [2.0, 0.5], "lower"),
        ("crop", [0, 64], ">= 1"),
        ("crop", [64, 1_000_000], "<= 8192"),
        ("crop", 100_000, "<= 8192"),
        ("short_side_least", 10**7, "<= 8192"),
        ("batch", 10**6, "<= 4096"),
        ("accumulate", 10**6, "<= 4096"),
        ("epochs", 10**9, "<= 1000000"),
        ("seed", -1, ">= 0"),
        ("seed", 2**63, "9223372036854775807"),
        ("seed", 2**64, "9223372036854775807"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_key_value_and_range(
    key: str, value: object, allowed: str
) -> None:
    with pytest.raises(RefusedInput) as refused:
        recipes.from_table({**LEAST, key: value}, "x.toml")
    assert key in str(refused.value)
    assert allowed in str(refused.value)


def test_the_bounds_themselves_are_accepted() -> None:
    recipe = recipes.from_table(
        {**LEAST, "lr_factor": 1.0, "flip": 0, "momentum": 0, "scale": [1, 1], "seed": 2**63 - 1}, "x.toml"
    )
    assert (recipe.lr_factor, recipe.scale, recipe.seed) == (1.0, (1, 1), 2**63 - 1)


def test_a_step_of_more_pixels_than_a_machine_holds_is_refused_with_their_number() -> None:
    # 4096 images of 1024x1024 are 2^32 pixels, though each number is in its range
    with pytest.raises(RefusedInput, match=str(2**32)):
        recipes.from_table({**LEAST, "batch": 512, "accumulate": 8, "crop": [1024, 1024]}, "x.toml")


def test_a_recipe_made_in_python_is_held_to_the_same_ranges() -> None:
    recipe = recipes.from_table(LEAST, "x.toml")
    with pytest.raises(RefusedInput, match="poly_power"):
        dataclasses.replace(recipe, poly_power=-1.0)
