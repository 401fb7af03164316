import dataclasses

import pytest
import torch
from torch import nn

from baselines.method import Method
from bench.data.statistics import HALF
from bench.fabric import launch_fabric
from bench.train import recipe as recipes
from bench.train.criterion import build_criterion
from bench.train.loop import Trainer
from bench.train.settings import Settings


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


class SmallNet(nn.Module):
    """An encoder with batch norm, dropout, and a classifier: what a checkpoint must hold, in few numbers."""

    def __init__(self, dropout=0.25):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(8, 4, 1)

    def forward(self, image):
        return self.classifier(self.dropout(self.encoder(image)))


@pytest.fixture
def small_net():
    """Build a `SmallNet`, the same weights at every call."""

    def build(dropout=0.25):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SmallNet(dropout)

    return build


@pytest.fixture
def small_trainer(tiny_recipe, toy_data, small_net):
    """Build a trainer of a `SmallNet` on six toy images: batch 2, crop 32x32, 3 epochs of 3 steps."""

    def build(folder, network=None, criterion=None, fabric=None, run_key="key", **changes):
        recipe = dataclasses.replace(tiny_recipe, **{"batch": 2, "crop": (32, 32), **changes})
        method = Method("small", "", "", 0, "tests:small")
        return Trainer(
            recipe=recipe,
            network=small_net() if network is None else network,
            criterion=criterion or build_criterion(recipe, method),
            data=toy_data,
            statistics=HALF,
            fabric=fabric or launch_fabric("cpu", recipe.precision),
            folder=folder,
            run_key=run_key,
        )

    return build
