"""The network as it is before the first step: seeded, its encoder loaded, its digest known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import nn

from baselines.method import Method, import_named
from bench.data.catalogue import ENTRIES, known
from bench.data.dataset import SegmentationData
from bench.data.kept import read_kept
from bench.data.statistics import Statistics, normalise, statistics_by_name
from bench.errors import RefusedInput, UsageError
from bench.own.guard import user_code
from bench.train.recipe import Recipe, typed
from bench.train.weights import find, fitting, load_encoder, read
from carnet.encoder import MobileNetV2
from carnet.model import CARNet

_LARGEST_OPTION = 512
"""No option of a built-in network is meant larger: a million channels would fill any memory."""
_IMAGES_FOR_IDENTITY = 8
"""Whole training images that measure the statistics of MobileNetV2's added layer."""
_OF_FILES = ("pretrained", "checkpoint", "cache_dir", "encoder_weights")
"""How the options begin by which libraries read weights."""


@dataclass(frozen=True)
class Initial:
    """A network ready to train.

    Attributes:
        network: Network on the CPU, in training mode.
        statistics: Statistics that normalise its input.
        digest: SHA-256 over all its tensors.
        notes: Remarks that every record of the run repeats.
    """

    network: nn.Module
    statistics: Statistics
    digest: str
    notes: tuple[str, ...]


def build_initial(
    recipe: Recipe, method: Method, data: SegmentationData, weights_file: Path | None = None
) -> Initial:
    """Build the recipe's network; the same recipe, data and weights give the same bits.

    Raises:
        UsageError: Options that the method does not have or that exclude each other.
        RefusedInput: Weights that are missing or do not fit.
    """
    with user_code("its initial weights", method):
        return _initial(recipe, method, data, weights_file)


def _initial(recipe: Recipe, method: Method, data: SegmentationData, weights_file: Path | None) -> Initial:
    network = build_seeded(recipe, method, data)
    if recipe.weights == "none":
        return Initial(network, statistics_by_name(method.statistics), state_digest(network), ())
    weights = find(recipe.weights)
    if weights.architecture != method.encoder:
        has = f"the encoder {method.encoder}" if method.encoder else "no encoder that ImageNet weights fit"
        raise RefusedInput(
            f"weights '{weights.name}' are of {weights.architecture}; {method.name} has {has}",
            then=f"choose from {', '.join(['none', *fitting(method.encoder)])}",
        )
    notes = [*weights.notes]
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise RefusedInput(f"{method.name}: its network has no submodule 'encoder' to load weights into")
    left = load_encoder(encoder, weights, read(weights, weights_file))
    if left:
        notes.append(f"initial encoder weights: the method's encoder ends before {left[0]}")
    if weights.padding is not None and recipe.model_options.get("padding") != weights.padding:
        notes.append(
            "initial encoder weights: trained with TensorFlow's padding, while this network pads "
            f"symmetrically (model_options.padding = '{weights.padding}' is exact)"
        )
    if isinstance(encoder, MobileNetV2):
        encoder.start_first_expansion_as_identity(_first_images(data, weights.statistics))
        notes.append("the first block's added 1x1 expansion started as the identity")
    return Initial(network, weights.statistics, state_digest(network), tuple(notes))


def build_seeded(recipe: Recipe, method: Method, data: SegmentationData) -> nn.Module:
    """Return the recipe's network with the random weights of its seed; the global random state is kept.

    Raises:
        UsageError: Options that the method does not have or that exclude each other.
        RefusedInput: The data set lacks what the method needs of it, or a user's own builder fails.
    """
    if method.group != "own":
        _require_no_files(method, recipe)
        _require_types(method, recipe)
    wanted = [name for name in method.from_data if name not in recipe.model_options]
    options = {**_from_data(method, data, wanted), **recipe.model_options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        try:
            with user_code("its builder", method):
                network = method.build(len(data.classes), **options)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{method.name}: {error}") from error
    if not isinstance(network, nn.Module):
        raise RefusedInput(f"{method.name}: its builder returned a {type(network).__name__}, not a module")
    return network


def _require_no_files(method: Method, recipe: Recipe) -> None:
    """Refuse options with which a library would read or fetch weights, unseen by a record."""
    for name in recipe.model_options:
        if name.startswith(_OF_FILES):
            raise UsageError(
                f"{method.name}: model_options.{name} reads weights that no record would name",
                then="choose the encoder's weights with --set weights=NAME, or --weights-file",
            )


def _require_types(method: Method, recipe: Recipe) -> None:
    """Refuse an option of another type than its builder names: Python takes ``crp = "false"`` for true."""
    builder: Any = CARNet if method.family == "carnet" else import_named(method.builder)
    try:
        hints = get_type_hints(vars(builder)["__init__"] if isinstance(builder, type) else builder)
    except NameError:
        hints = {}  # a name that only type checkers import
    for name, value in recipe.model_options.items():
        where = f"{method.name}: model_options.{name}"
        if type(value) is int and abs(value) > _LARGEST_OPTION:
            raise UsageError(f"{where} = {value}; expected {-_LARGEST_OPTION} to {_LARGEST_OPTION}")
        if name in hints:
            typed(value, hints[name], where)


def _from_data(method: Method, data: SegmentationData, wanted: list[str]) -> dict[str, Any]:
    """Return what the builder needs of the data set, by name, from the catalogue."""
    entry = known(data.name)
    found = {name: getattr(entry, name, None) for name in wanted}
    for name, value in found.items():
        if value is None:
            have = [other.name for other in ENTRIES.values() if getattr(other, name, None) is not None]
            raise RefusedInput(
                f"{method.name} needs '{name}' of its data set, and {data.name} has none; "
                f"data sets that have it: {', '.join(have) or 'none'}",
                then=f"name a data set that has it, or --set 'model_options={{{name} = ...}}'",
            )
    return found


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
    images = [read_kept(data, index).image for index in range(count)]
    height = min(image.shape[1] for image in images)
    width = min(image.shape[2] for image in images)
    return normalise(torch.stack([image[:, :height, :width] for image in images]), statistics)
