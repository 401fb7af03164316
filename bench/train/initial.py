"""The network as it is before the first step: seeded, its encoder loaded, its digest known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from baselines.registry import Method
from bench.data.dataset import SegmentationData
from bench.data.statistics import IMAGENET, Statistics, normalise
from bench.errors import RefusedInput, UsageError
from bench.train.recipe import Recipe
from bench.train.weights import find, load_encoder, read
from carnet.encoder import MobileNetV2

_IMAGES_FOR_IDENTITY = 8
"""Whole training images that measure the statistics of MobileNetV2's added layer."""


@dataclass(frozen=True)
class Initial:
    """A network ready to train.

    Attributes
    ----------
    network
        On the CPU, in training mode.
    statistics
        What its input is normalised by.
    digest
        SHA-256 over all its tensors.
    notes
        Remarks that every record of the run repeats.
    """

    network: nn.Module
    statistics: Statistics
    digest: str
    notes: tuple[str, ...]


def build_initial(
    recipe: Recipe, method: Method, data: SegmentationData, weights_file: Path | None = None
) -> Initial:
    """Build the recipe's network; the same recipe, data and weights give the same bits.

    Raises
    ------
    UsageError
        Options that the method does not have or that exclude each other.
    RefusedInput
        Weights that are not to be had or do not fit.
    """
    network = build_seeded(recipe, method, len(data.classes))
    statistics, notes = IMAGENET, tuple[str, ...]()
    if recipe.weights != "none":
        weights = find(recipe.weights)
        if weights.architecture != method.encoder:
            raise RefusedInput(
                f"weights '{weights.name}' are of {weights.architecture}; {method.name} has the encoder "
                f"{method.encoder}"
            )
        statistics, notes = weights.statistics, weights.notes
        encoder = network.get_submodule("encoder")
        stored = read(weights, weights_file)
        first_block = ("blocks.0.0.conv_pw.", "blocks.0.0.bn1.")
        if isinstance(encoder, MobileNetV2):
            load_encoder(encoder, weights, stored, keeps=first_block)
            encoder.start_first_expansion_as_identity(_first_images(data, statistics))
            notes = (*notes, "the first block's added 1x1 expansion started as the identity")
        else:
            load_encoder(encoder, weights, stored)
    return Initial(network, statistics, state_digest(network), notes)


def build_seeded(recipe: Recipe, method: Method, num_classes: int) -> nn.Module:
    """Return the recipe's network with the random weights of its seed; the global random state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            return method.build(num_classes, **recipe.model_options)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{method.name}: {error}") from error


def state_digest(network: nn.Module) -> str:
    """Return the SHA-256 over the names, shapes and bytes of every parameter and buffer."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name}\0{tuple(plain.shape)}\0{plain.dtype}\0".encode())
        digest.update(plain.numpy().tobytes())
    return digest.hexdigest()


def _first_images(data: SegmentationData, statistics: Statistics) -> torch.Tensor:
    count = min(_IMAGES_FOR_IDENTITY, len(data))
    images = [data.read(index).image for index in range(count)]
    height = min(image.shape[1] for image in images)
    width = min(image.shape[2] for image in images)
    return normalise(torch.stack([image[:, :height, :width] for image in images]), statistics)
