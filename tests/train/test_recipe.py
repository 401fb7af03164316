import dataclasses
import json
import math
from pathlib import Path

import pytest

from bench.errors import RefusedInput, UsageError
from bench.train import recipe as recipes

RECORDS = Path(__file__).parents[2] / "results" / "records" / "training"
LEAST = {
    "name": "x",
    "model": "carnet-mobile",
    "data": "scenes",
    "crop": [64, 64],
    "epochs": 1,
    "encoder_lr": 0.1,
    "decoder_lr": 0.1,
}


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_of_the_package_can_be_read(name):
    assert recipes.load(name).name == name


def test_the_papers_values_are_the_defaults():
    # Section IV.A: batch 6, momentum 0.9, weight decay 1e-5, scale 0.5 to 2, lambda 0.2
    recipe = recipes.from_table(LEAST, "x.toml")
    assert (recipe.batch, recipe.momentum, recipe.weight_decay) == (6, 0.9, 1e-5)
    assert (recipe.scale, recipe.scloss_weight, recipe.scloss_form) == ((0.5, 2.0), 0.2, "paper")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.1}, "unknown key 'learning_rate'; choose from .*encoder_lr"),
        ({"encoder_lr": "1e-3"}, "encoder_lr = '1e-3'; expected a valid number"),
        ({"encoder_lr": math.nan}, "finite"),
        ({"encoder_lr": math.inf}, "finite"),
        ({"epochs": 1.5}, "epochs = 1.5; expected a valid integer"),
        ({"epochs": True}, "epochs = True; expected a valid integer"),
        ({"epochs": 0}, "epochs = 0, expected >= 1"),
        ({"crop": [64]}, "expected 2 numbers"),
        ({"schedule": "linear"}, "'step', 'poly' or 'cosine'"),
        ({"accumulate": 0}, "accumulate = 0, expected >= 1"),
        ({"ema_decay": 1.0}, "ema_decay = 1.0, expected < 1"),
        ({"ohem_threshold": -0.1}, "ohem_threshold = -0.1, expected >= 0"),
        ({"selection": "luck"}, "'last' or 'best'"),
        ({"selection": "best", "validate_every": 0}, "selection = 'best' needs validations"),
        ({"stop_after": 3, "validate_every": 0}, "stop_after needs validations"),
        ({"scloss_weight": -0.1}, "scloss_weight = -0.1"),
        ({"name": "../x"}, "recipe name"),
        ({"name": ""}, "recipe name"),
        ({"name": "a" * 300}, "recipe name"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(change, message):
    with pytest.raises(RefusedInput, match=message):
        recipes.from_table({**LEAST, **change}, "x.toml")


def test_missing_keys_are_listed():
    with pytest.raises(RefusedInput, match="missing epochs, decoder_lr"):
        recipes.from_table({k: v for k, v in LEAST.items() if k not in ("epochs", "decoder_lr")}, "x.toml")


def test_an_integer_may_stand_for_a_float():
    assert recipes.from_table({**LEAST, "encoder_lr": 1}, "x.toml").encoder_lr == 1.0


def test_an_unknown_recipe_lists_the_recipes():
    with pytest.raises(UsageError, match=r"no recipe 'camvid-fast'; choose from .*camvid-quick"):
        recipes.load("camvid-fast")


def test_a_name_is_never_a_path():
    with pytest.raises(UsageError, match="no recipe"):
        recipes.load("../recipes/camvid-quick")


def test_a_duplicate_key_is_refused(tmp_path):
    path = tmp_path / "twice.toml"
    path.write_text("epochs = 1\nepochs = 2\n")
    with pytest.raises(RefusedInput, match=r"twice\.toml: not TOML"):
        recipes.load(str(path))


def test_a_huge_file_is_not_parsed(tmp_path):
    path = tmp_path / "huge.toml"
    path.write_text("#" * 200_000)
    with pytest.raises(RefusedInput, match="at most 100000"):
        recipes.load(str(path))


def test_settings_are_toml_values_and_bare_words_are_text():
    changes = recipes.parse_changes(["epochs=2", "crop=[64, 96]", "weights=none", "encoder_lr=1e-3"])
    assert changes == {"epochs": 2, "crop": [64, 96], "weights": "none", "encoder_lr": 1e-3}


def test_a_setting_without_equals_is_a_usage_error():
    with pytest.raises(UsageError, match="key=value"):
        recipes.parse_changes(["epochs"])


def test_identity_leaves_out_what_changes_no_outcome():
    one = recipes.from_table(LEAST, "x.toml")
    other = recipes.from_table({**LEAST, "checkpoint_every_s": 1}, "x.toml")
    assert one.identity() == other.identity()
    assert one.identity() != recipes.from_table({**LEAST, "seed": 1}, "x.toml").identity()


def test_one_number_is_a_square_crop():
    assert recipes.from_table({**LEAST, "crop": 256}, "x.toml").crop == (256, 256)


@pytest.mark.parametrize("name", ["camvid-quick", "camvid-scratch"])
def test_a_recorded_run_keeps_its_identity_whatever_keys_came_later(name):
    recorded = [json.loads(path.read_text())["identity"]["recipe"] for path in RECORDS.glob("*.json")]
    (recorded,) = [each for each in recorded if each["name"] == name]
    assert recipes.load(name, {"seed": recorded["seed"]}).identity() == recorded
    # every key is in the first records, or is listed as a later one
    fields = {field.name for field in dataclasses.fields(recipes.Recipe)}
    assert fields == set(recorded) | recipes.LATER | {"checkpoint_every_s"}


def test_a_later_key_is_in_the_identity_once_it_says_something():
    changed = recipes.from_table({**LEAST, "accumulate": 2, "selection": "best"}, "x.toml").identity()
    assert (changed["accumulate"], changed["selection"]) == (2, "best")
    assert "ema_decay" not in changed
    assert recipes.from_table(changed, "again").identity() == changed
