"""FRRN-A and FRRN-B: full-resolution residual networks.

Pohlen, Hermans, Mathias, Leibe: Full-resolution residual networks for semantic segmentation in street scenes.
CVPR 2017.

Two streams: one is pooled and enlarged again as in any encoder and decoder, the other keeps the input's
resolution and is only ever added to (the paper's Fig. 1 to 3, Table 1).

Followed is the authors' published Theano code with the widths of their training script: 48 base channels and
32 lanes of the residual stream. A's parameters (17.747 M) and B's (24.756 M) are the paper's.

Deviations
----------
* The paper trains with a bootstrapped cross-entropy, over the K hardest pixels of an image; here the loss is
  the plain cross-entropy over all pixels.
* The bilinear enlargement is torch's with half-pixel centres; Theano's differs at the borders.

Counted: at 512x1024 with 19 classes A takes 492.39 and B 496.17 G multiply-adds, 154.97 G of either at full
resolution. A table that prints 235 G is not reached by this definition. Near it are B with 32 base channels,
the builder's default in the published code (231.04 G multiply-adds; 235.66 G by the thop-2019 rule, which
depends on how the layers are cut into modules), and twice B's 124.04 G at 256x512.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule


class Group(NamedTuple):
    """Some units in a row at one scale; ``multiple`` of the base channels is their width."""

    scale: int
    units: int
    multiple: int


DOWN: tuple[Group, ...] = (Group(2, 3, 2), Group(4, 4, 4), Group(8, 2, 8), Group(16, 2, 8))
UP: tuple[Group, ...] = (Group(4, 2, 4), Group(2, 2, 2))
GROUPS: dict[str, tuple[tuple[Group, ...], tuple[Group, ...]]] = {  # the paper's Table 1
    "a": (DOWN, (Group(8, 2, 4), *UP)),
    "b": ((*DOWN, Group(32, 2, 8)), (Group(16, 2, 4), Group(8, 2, 4), *UP)),
}


class ConvBNReLU(nn.Sequential):
    """Convolution that keeps the size, batch norm and, unless ``linear``, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, linear: bool = False) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
        start(conv, linear=linear)
        activation = () if linear else (nn.ReLU(inplace=True),)
        super().__init__(conv, nn.BatchNorm2d(out_channels), *activation)


class ResidualUnit(nn.Module):
    """RU: y = s(x) + f(x), without a ReLU after the sum; s is a bare 1x1 convolution where widths differ."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBNReLU(in_channels, out_channels, 3)
        self.conv2 = ConvBNReLU(out_channels, out_channels, 3, linear=True)
        self.shortcut: nn.Module | None = None
        if in_channels != out_channels:
            self.shortcut = start(nn.Conv2d(in_channels, out_channels, 1, bias=False), linear=True)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c2 h w"]:
        """Return the unit's output, of the input's size."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return shortcut + self.conv2(self.conv1(x))  # type: ignore[no-any-return]


class FullResolutionResidualUnit(nn.Module):
    """FRRU at scale s: y' = f(y, pool_s(z)), z' = z + enlarge_s(g(y')), the paper's Fig. 3.

    Args:
        in_channels, channels: Channels of the pooled stream y before and after.
        lanes: Channels of the residual stream z.
        scale: Factor by which y is smaller than z.
    """

    def __init__(self, in_channels: int, channels: int, lanes: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.pool = nn.MaxPool2d(scale)
        self.conv1 = ConvBNReLU(in_channels + lanes, channels, 3)
        self.conv2 = ConvBNReLU(channels, channels, 3)
        self.residual = start(nn.Conv2d(channels, lanes, 1), linear=True)

    def forward(
        self, y: Float[Tensor, "b c h w"], z: Float[Tensor, "b lanes H W"]
    ) -> tuple[Float[Tensor, "b c2 h w"], Float[Tensor, "b lanes H W"]]:
        """Return both streams after the unit, each at its own resolution."""
        y = self.conv2(self.conv1(torch.cat((y, self.pool(z)), dim=1)))
        return y, z + F.interpolate(self.residual(y), scale_factor=self.scale, mode="nearest")


class FRRN(nn.Module):
    """Full-resolution residual network.

    Args:
        num_classes: Channels of the logits.
        variant: ``a`` pools down to 1/16, ``b`` to 1/32.
        width: Base channels: 48 in the paper.
        lanes: Channels of the residual stream: 32 in the paper.
    """

    def __init__(self, num_classes: int, variant: str, width: int, lanes: int) -> None:
        super().__init__()
        down, up = GROUPS[variant]
        self.sizes = SizeRule(down[-1].scale)
        self.stem = ConvBNReLU(3, width, 5)
        self.first = nn.Sequential(*(ResidualUnit(width, width) for _ in range(3)))
        self.lane = ConvBNReLU(width, lanes, 1, linear=True)
        self.halve = nn.MaxPool2d(2)
        self.down, channels = self._groups(down, width, width, lanes)
        self.up, channels = self._groups(up, channels, width, lanes)
        self.last = nn.Sequential(
            ResidualUnit(channels + lanes, width), ResidualUnit(width, width), ResidualUnit(width, width)
        )
        self.classifier = start(nn.Conv2d(width, num_classes, 1), linear=True)

    @staticmethod
    def _groups(
        groups: tuple[Group, ...], channels: int, width: int, lanes: int
    ) -> tuple[nn.ModuleList, int]:
        built = nn.ModuleList()
        for scale, units, multiple in groups:
            row = nn.ModuleList()
            for _ in range(units):
                row.append(FullResolutionResidualUnit(channels, multiple * width, lanes, scale))
                channels = multiple * width
            built.append(row)
        return built, channels

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Return the logits of an image whose sides are multiples of 16 (A) or 32 (B).

        Raises:
            ValueError: Another size, whose pooled streams would not fit onto each other.
        """
        self.sizes.require((image.shape[-2], image.shape[-1]))
        y = self.first(self.stem(image))
        z = self.lane(y)
        for units in self.down:
            y = self.halve(y)
            for unit in units:  # type: ignore[attr-defined]
                y, z = unit(y, z)
        for units in self.up:
            y = enlarge(y)
            for unit in units:  # type: ignore[attr-defined]
                y, z = unit(y, z)
        y = self.last(torch.cat((enlarge(y), z), dim=1))
        return self.classifier(y)  # type: ignore[no-any-return]


def enlarge(y: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    """Return a map at twice its size, bilinear."""
    return F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)


def start(conv: nn.Conv2d, *, linear: bool) -> nn.Conv2d:
    """Start as the published code does: He's uniform weights, with the gain of a ReLU where one follows."""
    nn.init.kaiming_uniform_(conv.weight, nonlinearity="linear" if linear else "relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def build(num_classes: int, variant: str = "b", width: int = 48, lanes: int = 32) -> FRRN:
    """Return FRRN-A or FRRN-B.

    Raises:
        ValueError: A variant that is neither ``a`` nor ``b``.
    """
    if variant not in GROUPS:
        raise ValueError(f"no FRRN variant {variant!r}; have {', '.join(GROUPS)}")
    return FRRN(num_classes, variant, width, lanes)
