"""Modern peers that segmentation-models-pytorch and timm ship, by configuration only; none is in the paper.

A peer is a decoder of segmentation-models-pytorch 0.6.0 on an encoder of timm 1.0.31, everything else at the
library's default. They give context on the Pareto plot and are labelled as peers everywhere. The counts were
taken with these two versions; a later one may change a default, and then a golden count fails. timm has
subclasses of torch's layers (batch norm joined with its activation; convolutions that pad as TensorFlow does,
in EfficientNet-Lite0 or by ``padding="same"``), which the thop-2019 rule does not see: that one count lacks
them.

The encoder is a ``tu-`` (timm) one: its tensors have timm's names below ``encoder.model``.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from baselines.method import Method
from baselines.sizes import SizeRule

if TYPE_CHECKING:
    from torch import nn

ENCODERS = {
    "mobilenetv2": "mobilenetv2_100",
    "mobilenetv4": "mobilenetv4_conv_small",
    "efficientnetlite0": "tf_efficientnet_lite0",
    "resnet18": "resnet18",
    "resnet50": "resnet50",
}
"""Our short names to timm's architectures."""

_ENCODER_PAPERS = {
    "mobilenetv2": ("MobileNetV2", "Sandler et al., CVPR 2018", 2018),
    "mobilenetv4": ("MobileNetV4-Conv-S", "Qin et al., ECCV 2024", 2024),
    "efficientnetlite0": ("EfficientNet-Lite0", "Google, 2020, after Tan and Le, ICML 2019", 2020),
    "resnet18": ("ResNet18", "He et al., CVPR 2016", 2016),
    "resnet50": ("ResNet50", "He et al., CVPR 2016", 2016),
}

_EACH_32 = SizeRule(32)
# smp's name -> title, paper, year, sizes. Most decoders add maps of doubling strides, so that sides are
# multiples of the largest stride; Unet enlarges to recorded sizes; PAN halves a map of stride 16 three times.
_DECODERS = {
    "unet": ("Unet", "Ronneberger, Fischer, Brox: U-Net. MICCAI 2015", 2015, SizeRule(least=32)),
    "unetplusplus": ("Unet++", "Zhou et al.: UNet++. DLMIA 2018", 2018, _EACH_32),
    "linknet": ("LinkNet", "Chaurasia, Culurciello: LinkNet. VCIP 2017", 2017, _EACH_32),
    "fpn": (
        "FPN",
        "Kirillov, Girshick, He, Dollar: Panoptic feature pyramid networks. CVPR 2019",
        2019,
        _EACH_32,
    ),
    "pspnet": ("PSPNet", "Zhao et al.: Pyramid scene parsing network. CVPR 2017", 2017, SizeRule(8)),
    "deeplabv3plus": ("DeepLabV3+", "Chen et al.: DeepLabv3+. ECCV 2018", 2018, SizeRule(16)),
    "pan": ("PAN", "Li et al.: Pyramid attention network. BMVC 2018", 2018, SizeRule(16, least=128)),
    "segformer": ("SegFormer head", "Xie et al.: SegFormer. NeurIPS 2021", 2021, _EACH_32),
    "upernet": ("UPerNet", "Xiao et al.: Unified perceptual parsing. ECCV 2018", 2018, _EACH_32),
}

_PAIRS = (
    ("unet", "resnet18"),
    ("unetplusplus", "mobilenetv2"),
    ("linknet", "resnet18"),
    ("fpn", "mobilenetv2"),
    ("fpn", "efficientnetlite0"),
    ("fpn", "mobilenetv4"),
    ("pspnet", "resnet18"),
    ("deeplabv3plus", "mobilenetv2"),
    ("deeplabv3plus", "resnet50"),
    ("pan", "resnet18"),
    ("segformer", "mobilenetv2"),
    ("upernet", "mobilenetv4"),
)


def build(
    num_classes: int,
    decoder: str,
    encoder: str,
    padding: str | None = None,
    **options: Any,
) -> nn.Module:
    """Build a peer with random weights; nothing is fetched.

    Args:
        num_classes: Channels of the logits.
        decoder: A name of ``smp.create_model``.
        encoder: Name in ``ENCODERS``.
        padding: ``same`` pads MobileNets as TensorFlow does, for weights trained so; None is the
            architecture's own.
        options: Options of the decoder in segmentation-models-pytorch, or of the encoder in timm.

    Raises:
        ValueError: No such encoder or padding.
        TypeError: An option that neither the decoder nor the encoder has.
    """
    import segmentation_models_pytorch as smp  # noqa: PLC0415 - the registry is read without torch

    if encoder not in ENCODERS:
        raise ValueError(f"no encoder '{encoder}'; have {', '.join(ENCODERS)}")
    if padding not in (None, "symmetric", "same"):
        raise ValueError(f"padding is '{padding}'; have symmetric, same")
    if padding is not None:
        options["pad_type"] = {"symmetric": "", "same": "same"}[padding]
    network: nn.Module = smp.create_model(
        decoder, f"tu-{ENCODERS[encoder]}", encoder_weights=None, classes=num_classes, **options
    )
    network.register_forward_pre_hook(partial(_require, _DECODERS[decoder][3]))
    return network


def _require(sizes: SizeRule, _: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Refuse a size by our rule, before the library or a failing pool does."""
    height, width = inputs[0].shape[-2:]
    sizes.require((height, width))


def _versions() -> str:
    found = []
    for package in ("segmentation-models-pytorch", "timm"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package}, not installed")
    return ", ".join(found)


def _peer(decoder: str, encoder: str, made_by: str) -> Method:
    title, paper, year, sizes = _DECODERS[decoder]
    encoder_title, encoder_paper, encoder_year = _ENCODER_PAPERS[encoder]
    return Method(
        f"smp-{decoder}-{encoder}",
        f"{title} ({encoder_title})",
        f"{paper}, on {encoder_title} ({encoder_paper}); as built by {made_by}",
        max(year, encoder_year),
        "baselines.modern:build",
        {"decoder": decoder, "encoder": encoder},
        encoder=ENCODERS[encoder],
        sizes=sizes,
        group="peer",
    )


PEERS: tuple[Method, ...] = tuple(_peer(*pair, _versions()) for pair in _PAIRS)
