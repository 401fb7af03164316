"""ImageNet weights for encoders: by file with its SHA-256, or by name from a library's hub."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from bench.data.statistics import HALF, IMAGENET, Statistics
from bench.errors import RefusedInput, unknown
from bench.train.weight_file import fit, load_weights

Rename = Callable[[str], str | None]
"""A stored name to the encoder's own; None for what the encoder does not have (the classifier)."""

# blocks in each stage of MobileNetV2: torchvision numbers them through, timm by stage
_MOBILENET_STAGES = (1, 2, 3, 4, 3, 3, 1)


@dataclass(frozen=True)
class EncoderWeights:
    """One set of ImageNet weights.

    Attributes
    ----------
    name
        As a recipe names it.
    architecture
        The encoder it fits, as ``Method.encoder`` names it.
    statistics
        What the weights expect of their input; they travel together.
    sha256
        Of the file; None for weights that a hub delivers (the library checks its own digest).
    hub
        ``timm:NAME`` or ``torchvision:NAME.WEIGHTS``; None for a file only.
    notes
        Remarks that every record made with them repeats.
    """

    name: str
    architecture: str
    statistics: Statistics
    sha256: str | None = None
    hub: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The file that holds them, when they come from a file."""
        return f"{self.name}.safetensors"


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
    ),
    EncoderWeights("timm-mobilenetv2_100", "mobilenetv2_100", IMAGENET, hub="timm:mobilenetv2_100.ra_in1k"),
    EncoderWeights(
        "torchvision-mobilenet_v2",
        "mobilenetv2_100",
        IMAGENET,
        hub="torchvision:mobilenet_v2.IMAGENET1K_V1",
    ),
    *(
        EncoderWeights(
            f"torchvision-resnet{depth}",
            f"resnet{depth}",
            IMAGENET,
            hub=f"torchvision:resnet{depth}.IMAGENET1K_V1",
        )
        for depth in (50, 101, 152)
    ),
    *(
        EncoderWeights(f"timm-resnet{depth}", f"resnet{depth}", IMAGENET, hub=f"timm:resnet{depth}.tv_in1k")
        for depth in (50, 101, 152)
    ),
]
KNOWN: dict[str, EncoderWeights] = {weights.name: weights for weights in _KNOWN}


def find(name: str) -> EncoderWeights:
    """Return the weights of this name; the error lists the names."""
    if name not in KNOWN:
        raise unknown("weights", name, ["none", *KNOWN])
    return KNOWN[name]


def read(weights: EncoderWeights, file: Path | None = None) -> dict[str, Tensor]:
    """Return the stored tensors under their stored names.

    Parameters
    ----------
    weights
        Which.
    file
        A local safetensors file; it beats ``CARNET_DATA/weights/`` and the hub.

    Raises
    ------
    RefusedInput
        The file is not there or has another digest, or the hub cannot be reached; the message says which file
        to put where.
    """
    places = [file] if file else _places(weights)
    for place in places:
        if place.is_file():
            return load_weights(place, weights.sha256)
    if file is not None:
        raise RefusedInput(f"{file}: no such file")
    if weights.hub is not None:
        return _from_hub(weights)
    raise RefusedInput(
        f"weights '{weights.name}': no file {weights.file_name}; looked in "
        f"{', '.join(str(place.parent) for place in places)}",
        then=f"put {weights.file_name} (SHA-256 {weights.sha256}) there, name its folder's parent in "
        "CARNET_DATA, or start from chance with --set weights=none",
    )


def load_encoder(
    encoder: nn.Module, weights: EncoderWeights, stored: Mapping[str, Tensor], keeps: tuple[str, ...] = ()
) -> None:
    """Load stored tensors into an encoder, every name accounted for.

    Parameters
    ----------
    encoder
        CARNet's ResNet or MobileNetV2.
    weights
        What ``stored`` is.
    stored
        As ``read`` returns it.
    keeps
        Prefixes of the encoder's own tensors that no ordinary network has, which keep their start.

    Raises
    ------
    RefusedInput
        Listing names that are missing or left over, and shapes that differ.
    """
    rename = _rename_for(weights.architecture, stored)
    renamed = {own: tensor for name, tensor in stored.items() if (own := rename(name)) is not None}
    kept = {name: tensor for name, tensor in encoder.state_dict().items() if name.startswith(keeps)}
    fit(encoder, {**kept, **renamed}, f"weights '{weights.name}'")


def _places(weights: EncoderWeights) -> list[Path]:
    parent = os.environ.get("CARNET_DATA")
    folders = [Path(parent) / "weights"] if parent else []
    return [folder / weights.file_name for folder in (*folders, Path("data") / "weights")]


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


def _rename_for(architecture: str, stored: Mapping[str, Tensor]) -> Rename:
    if architecture.startswith("resnet"):
        return lambda name: None if name.startswith("fc.") else name
    if any(name.startswith("features.") for name in stored):
        return _mobilenet_from_torchvision
    return _mobilenet_from_timm


def _mobilenet_from_timm(name: str) -> str | None:
    """Rename timm's tensors; its first block has no expansion, so its parts stand one place later here."""
    if name.startswith(("conv_head.", "bn2.", "classifier.")):
        return None
    first = "blocks.0.0."
    if name.startswith(first):
        part, _, rest = name.removeprefix(first).partition(".")
        part = {"conv_dw": "conv_dw", "bn1": "bn2", "conv_pw": "conv_pwl", "bn2": "bn3"}[part]
        return f"{first}{part}.{rest}"
    return name


def _mobilenet_from_torchvision(name: str) -> str | None:
    match = re.fullmatch(r"features\.(\d+)\.(.+)", name)
    if match is None:
        return None  # the classifier
    index, rest = int(match[1]), match[2]
    if index == 0:
        return rest.replace("0.", "conv_stem.", 1) if rest.startswith("0.") else rest.replace("1.", "bn1.", 1)
    if index > sum(_MOBILENET_STAGES):
        return None  # the last convolution, 1280 wide
    stage, block = 0, index - 1
    while block >= _MOBILENET_STAGES[stage]:
        block -= _MOBILENET_STAGES[stage]
        stage += 1
    # the first block has no expansion, so that its parts are numbered one place earlier
    expand = () if index == 1 else (("conv.0.0.", "conv_pw."), ("conv.0.1.", "bn1."))
    at = len(expand) // 2
    parts = (
        *expand,
        (f"conv.{at}.0.", "conv_dw."),
        (f"conv.{at}.1.", "bn2."),
        (f"conv.{at + 1}.", "conv_pwl."),
        (f"conv.{at + 2}.", "bn3."),
    )
    for theirs, ours in parts:
        if rest.startswith(theirs):
            return f"blocks.{stage}.{block}.{ours}{rest.removeprefix(theirs)}"
    raise RefusedInput(f"tensor '{name}' has no place in MobileNetV2")
