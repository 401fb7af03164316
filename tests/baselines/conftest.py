import pytest

from bench.train.recipe import from_table


@pytest.fixture
def tiny_recipe_of():
    """The recipe that a criterion reads its keys from, for a method."""
    return lambda method: from_table(
        {
            "name": "tiny",
            "model": method.name,
            "data": "scenes",
            "crop": [64, 96],
            "epochs": 1,
            "encoder_lr": 0.01,
            "decoder_lr": 0.01,
        },
        "tiny",
    )
