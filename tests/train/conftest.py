import pytest

from bench.train import recipe as recipes
from bench.train.run import Settings


@pytest.fixture
def tiny_recipe():
    """CARNet-Mobile on 12 drawn scenes of 64x96 (synthetic), 3 steps an epoch, 3 epochs."""
    return recipes.from_table(
        {
            "name": "tiny",
            "model": "carnet-mobile",
            "data": "scenes",
            "data_options": {"count": 12, "size_hw": [64, 96]},
            "crop": [64, 96],
            "batch": 4,
            "epochs": 3,
            "encoder_lr": 0.01,
            "decoder_lr": 0.02,
            "clip_norm": 5.0,
            "checkpoint_every_s": 0,
            "smoke": True,
        },
        "tiny",
    )


@pytest.fixture
def settings_in():
    """Settings whose home is a folder, on the CPU with one thread."""
    return lambda home: Settings(home, device="cpu", threads=1, command=("carnet-bench", "train", "tiny"))
