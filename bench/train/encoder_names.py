"""From the tensor names of torchvision's and timm's classifiers to those of an encoder.

Two steps. ``standard`` drops the classifier and brings the names to one form an architecture: timm's, where
torchvision's ResNets have the same; for VGG16 ``conv1_1`` ... ``conv5_3``, ``fc6``, ``fc7``. ``placed`` then
brings them to the encoder at hand: CARNet's MobileNetV2, a peer's (names below ``model.``), or a plain one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from bench.errors import RefusedInput
from carnet.encoder import MobileNetV2

Tensors = Mapping[str, Tensor]

# blocks in each stage of MobileNetV2: torchvision numbers them through, timm by stage
_MOBILENET_STAGES = (1, 2, 3, 4, 3, 3, 1)
# what follows the last map of an encoder, in timm's names
_CLASSIFIERS = ("fc.", "classifier.", "conv_head.", "norm_head.", "bn2.")
_VGG16_STAGES = (2, 2, 3, 3, 3)
_PEER = "model."
_STREAM = re.compile(r"\w+_stream\.")
# a ResNet's, a MobileNet's or VGG16's, as an encoder names it
_STAGE = re.compile(r"(?:model\.|\w+_stream\.)?(layer[1-4]|blocks\.\d+|conv\d_\d|fc[67])\.")
_FIRST_EXPANSION = re.compile(r"blocks\.0\.0\.(conv_pw|bn1)\.")
_SEGNET_NORM = re.compile(r"bn\d_\d\.")


def standard(architecture: str, stored: Tensors) -> dict[str, Tensor]:
    """Return the tensors of a network without its classifier, under the architecture's standard names.

    Raises:
        RefusedInput: A tensor without a place in the architecture.
    """
    if architecture == "vgg16":
        return _vgg16(stored)
    if architecture == "mobilenetv2_100" and any(name.startswith("features.") for name in stored):
        renamed = {_mobilenet_from_torchvision(name): tensor for name, tensor in stored.items()}
        return {name: tensor for name, tensor in renamed.items() if name is not None}
    return {name: tensor for name, tensor in stored.items() if not name.startswith(_CLASSIFIERS)}


def placed(encoder: nn.Module, tensors: Tensors) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return standard tensors under the encoder's own names, and the stages that it does not have.

    What no ordinary network has keeps the encoder's own tensors: the added first expansion of CARNet's
    MobileNetV2, the batch norms of SegNet's VGG16. A stage is left over as a whole or not at all: the
    library's PSPNet takes an encoder's first stages alone. VGG16's fc6 and fc7, which few take, are not
    named. Where an encoder parts into streams, each starts from the same weights.
    """
    own = encoder.state_dict()
    if isinstance(encoder, MobileNetV2):
        renamed = {_carnet_name(name): tensor for name, tensor in tensors.items()}
    elif own and all(name.startswith(_PEER) for name in own):
        renamed = {_PEER + name: tensor for name, tensor in tensors.items()}
    else:
        streams = sorted({match[0] for name in own if (match := _STREAM.match(name))})
        renamed = {
            place: tensor
            for name, tensor in tensors.items()
            for place in [stream + name for stream in streams if stream + name in own] or [name]
        }
    starts = _FIRST_EXPANSION if isinstance(encoder, MobileNetV2) else _SEGNET_NORM
    kept = {name: tensor for name, tensor in own.items() if starts.match(name)}
    stages = {_stage(name) for name in own}
    left = {stage for name in renamed if (stage := _stage(name)) is not None and stage not in stages}
    fitting = {name: tensor for name, tensor in renamed.items() if _stage(name) not in left}
    return {**kept, **fitting}, tuple(sorted(left - {"fc6", "fc7"}))


def _stage(name: str) -> str | None:
    match = _STAGE.match(name)
    return match[1] if match else None


def _carnet_name(name: str) -> str:
    """Rename timm's first block, which has no expansion, so that its parts stand one place later."""
    first = "blocks.0.0."
    if not name.startswith(first):
        return name
    part, _, rest = name.removeprefix(first).partition(".")
    part = {"conv_dw": "conv_dw", "bn1": "bn2", "conv_pw": "conv_pwl", "bn2": "bn3"}[part]
    return f"{first}{part}.{rest}"


def _mobilenet_from_torchvision(name: str) -> str | None:
    """Return timm's name; None for the last convolution, 1280 wide, and the classifier."""
    match = re.fullmatch(r"features\.(\d+)\.(.+)", name)
    if match is None:
        return None
    index, rest = int(match[1]), match[2]
    if index == 0:
        return rest.replace("0.", "conv_stem.", 1) if rest.startswith("0.") else rest.replace("1.", "bn1.", 1)
    if index > sum(_MOBILENET_STAGES):
        return None
    stage, block = 0, index - 1
    while block >= _MOBILENET_STAGES[stage]:
        block -= _MOBILENET_STAGES[stage]
        stage += 1
    # (torchvision's part, timm's part); the first block has no expansion
    parts = [("conv.0.0.", "conv_dw."), ("conv.0.1.", "bn1."), ("conv.1.", "conv_pw."), ("conv.2.", "bn2.")]
    if index > 1:
        expansion = [("conv.0.0.", "conv_pw."), ("conv.0.1.", "bn1.")]
        depthwise = [("conv.1.0.", "conv_dw."), ("conv.1.1.", "bn2.")]
        parts = [*expansion, *depthwise, ("conv.2.", "conv_pwl."), ("conv.3.", "bn3.")]
    for theirs, ours in parts:
        if rest.startswith(theirs):
            return f"blocks.{stage}.{block}.{ours}{rest.removeprefix(theirs)}"
    raise RefusedInput(f"tensor '{name}' has no place in MobileNetV2")


def _vgg16(stored: Tensors) -> dict[str, Tensor]:
    """Name torchvision's convolutions by stage, and make convolutions of its first two classifier layers.

    ``classifier.0`` reads the flattened (512, 7, 7) map, so that it is a 7x7 convolution of 512 channels.
    """
    names = [f"conv{stage}_{index}" for stage, n in enumerate(_VGG16_STAGES, 1) for index in range(1, n + 1)]
    numbers = sorted({int(match[1]) for name in stored if (match := re.match(r"features\.(\d+)\.", name))})
    if len(numbers) != len(names):
        raise RefusedInput(f"VGG16 has {len(names)} convolutions; found {len(numbers)} named features.N")
    layers = {f"features.{number}": name for number, name in zip(numbers, names, strict=True)}
    layers |= {"classifier.0": "fc6", "classifier.3": "fc7"}
    kernels = {"classifier.0.weight": (512, 7, 7), "classifier.3.weight": (4096, 1, 1)}
    found: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        layer, _, part = name.rpartition(".")
        if layer == "classifier.6":
            continue
        if layer not in layers:
            raise RefusedInput(f"tensor '{name}' has no place in VGG16")
        found[f"{layers[layer]}.{part}"] = (
            tensor.reshape(-1, *kernels[name]) if name in kernels and tensor.ndim == 2 else tensor
        )
    return found
