"""TwoColumn, a RECONSTRUCTION: no code is public, and no list of layers could be had.

Wu, Shen, van den Hengel: Real-time semantic image segmentation via spatial sparsity. arXiv 1712.00213, 2017.

Only the idea of the abstract is the paper's: one column reads a half-resolution copy, the other the image
itself, and the regions of the image that can safely be ignored are skipped. Every layer below is our reading,
so no number of this file says anything about the paper's, and none is counted as a match or a miss.

The reading
-----------
* Half-resolution column: ResNet-50 (torchvision's, stride 32) on the halved image, and the four maps joined
  from the deepest up, each brought to 128 channels by a 1x1 convolution; a 3x3 convolution and a classifier
  at 1/8 of the image. ResNet-50 because what is skipped rests on this column alone, so it is the strong one;
  at 1024x2048 it sees 512x1024, the input that the tables name for the method.
* Confidence: the largest softmax probability of a pixel, at full size. The image is cut into fixed tiles; a
  tile whose least confident pixel lies above ``threshold`` keeps the half-resolution answer as it is.
* Full-resolution column, of all other tiles as one batch: two strided convolutions and two residual blocks of
  64 channels at 1/4. Beside them are laid the tile's features of the half-resolution column, enlarged over
  the whole image before the cut so that a tile knows its surroundings; a 3x3 convolution fuses both, and a
  classifier answers for the tile.
* A tile's convolutions see zeros beyond its border. Tiles at the right and at the bottom that the image does
  not fill are filled with zeros, which are no pixels of the answer and have no say in the confidence.

The image decides which tiles are skipped, and the ``meta`` device has none: there the cost is counted
with ``skip_ratio``, which without a word is 0, NOTHING SKIPPED, the most that the network can cost. Ratios
other than that are given to ``build``. G multiply-adds with 19 classes, tiles of 64:

==========  ======  ======  ======
skip ratio  0       0.5     0.9
==========  ======  ======  ======
512x1024    21.621  17.014  13.343
1024x2048   86.482  68.057  53.302
==========  ======  ======  ======

In training mode every tile goes through both columns; the auxiliary output is the half-resolution answer at
input size, which only its own loss teaches to stand alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.models import resnet50

from baselines.sizes import SizeRule

FINE_STRIDE = 4
"""Stride of the full-resolution column."""

COARSE_WIDTH, FINE_WIDTH = 128, 64


class ConvBNReLU(nn.Sequential):
    """Convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        super().__init__(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions: y = ReLU(x + f(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvBNReLU(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv2.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Return the block's output, of the input's size."""
        return self.relu(x + self.bn2(self.conv2(self.conv1(x))))  # type: ignore[no-any-return]


class Positions(NamedTuple):
    """Which tiles: of image ``image[i]`` the one in ``row[i]`` and ``column[i]`` of the grid."""

    image: Int64[Tensor, " k"]
    row: Int64[Tensor, " k"]
    column: Int64[Tensor, " k"]


class TwoColumn(nn.Module):
    """Half-resolution column for the whole image, full-resolution column for its difficult tiles.

    Attributes:
        skip_ratio: Share of each image's tiles, the most confident ones, that is skipped; None: ``threshold``
            decides.
        threshold: A tile is skipped where its least confident pixel lies above this probability.
        last_skip_ratio: Share of the tiles skipped in the last call in eval mode; None before the first.
    """

    sizes = SizeRule(least=64)

    def __init__(self, num_classes: int, skip_ratio: float | None, threshold: float, tile: int) -> None:
        super().__init__()
        self.skip_ratio, self.threshold, self.tile = skip_ratio, threshold, tile
        self.last_skip_ratio: float | None = None
        self.encoder = resnet50(weights=None)
        del self.encoder.avgpool, self.encoder.fc
        self.laterals = nn.ModuleList(ConvBNReLU(c, COARSE_WIDTH, 1) for c in (256, 512, 1024, 2048))
        self.coarse = ConvBNReLU(COARSE_WIDTH, COARSE_WIDTH, 3)
        self.coarse_classifier = nn.Conv2d(COARSE_WIDTH, num_classes, 1)
        self.fine = nn.Sequential(
            ConvBNReLU(3, FINE_WIDTH // 2, 3, stride=2),
            ConvBNReLU(FINE_WIDTH // 2, FINE_WIDTH, 3, stride=2),
            ResidualBlock(FINE_WIDTH),
            ResidualBlock(FINE_WIDTH),
        )
        self.fusion = ConvBNReLU(FINE_WIDTH + COARSE_WIDTH, FINE_WIDTH, 3)
        self.classifier = nn.Conv2d(FINE_WIDTH, num_classes, 1)

    def forward(
        self, image: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b c h w"] | tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]]:
        """Return the logits at input size; in training mode also the half-resolution column's.

        Raises:
            ValueError: A side below 64 pixels.
        """
        size_hw = (image.shape[-2], image.shape[-1])
        self.sizes.require(size_hw)
        features = self.half_resolution(image)  # 1/8 of the image
        coarse = resize(self.coarse_classifier(features), size_hw)
        chosen = self.chosen(coarse)
        if not self.training:
            self.last_skip_ratio = 1 - chosen.image.numel() / (image.shape[0] * self.tiles(size_hw))
        logits = coarse if chosen.image.numel() == 0 else self.refined(image, features, coarse, chosen)
        return (logits, coarse) if self.training else logits

    def half_resolution(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 128 h8 w8"]:
        """Return the features of the halved image, at a quarter of its size."""
        half = resize(image, (-(-image.shape[-2] // 2), -(-image.shape[-1] // 2)))
        net = self.encoder
        level = net.maxpool(net.relu(net.bn1(net.conv1(half))))
        maps = []
        for layer, lateral in zip(
            (net.layer1, net.layer2, net.layer3, net.layer4), self.laterals, strict=True
        ):
            level = layer(level)
            maps.append(lateral(level))
        joined = maps.pop()
        for wider in reversed(maps):
            joined = wider + resize(joined, (wider.shape[-2], wider.shape[-1]))
        return self.coarse(joined)  # type: ignore[no-any-return]

    def refined(
        self,
        image: Float[Tensor, "b 3 h w"],
        features: Float[Tensor, "b 128 h8 w8"],
        coarse: Float[Tensor, "b c h w"],
        chosen: Positions,
    ) -> Float[Tensor, "b c h w"]:
        """Return the half-resolution answer with the chosen tiles answered by both columns."""
        height, width = image.shape[-2:]
        context = resize(features, (-(-height // FINE_STRIDE), -(-width // FINE_STRIDE)))
        fine = self.fine(cut(image, self.tile)[chosen])  # (k, 64, tile/4, tile/4)
        joined = torch.cat((fine, cut(context, self.tile // FINE_STRIDE)[chosen]), dim=1)
        answer = resize(self.classifier(self.fusion(joined)), (self.tile, self.tile))
        canvas = filled(coarse, self.tile).clone()
        cut(canvas, self.tile)[chosen] = answer  # a view: this writes into the canvas
        return canvas[..., :height, :width].contiguous()

    def tiles(self, size_hw: tuple[int, int]) -> int:
        """Return the number of tiles of an image, those that it fills in part included."""
        return -(-size_hw[0] // self.tile) * -(-size_hw[1] // self.tile)

    def chosen(self, coarse: Float[Tensor, "b c h w"]) -> Positions:
        """Return the tiles that are not skipped."""
        batch, _, height, width = coarse.shape
        columns, tiles = -(-width // self.tile), self.tiles((height, width))
        if self.training:
            flat = torch.arange(batch * tiles, device=coarse.device)
        elif self.skip_ratio is None and not coarse.is_meta:
            flat = (~(self.least_confidence(coarse) > self.threshold)).flatten().nonzero()[:, 0]
        else:
            kept = tiles - skipped(self.skip_ratio or 0.0, tiles)
            within = self.least_confidence(coarse).topk(kept, dim=1, largest=False).indices  # (b, kept)
            flat = (within + tiles * torch.arange(batch, device=coarse.device)[:, None]).flatten()
        return Positions(flat // tiles, flat % tiles // columns, flat % columns)

    def least_confidence(self, coarse: Float[Tensor, "b c h w"]) -> Float[Tensor, "b tiles"]:
        """Return the confidence (0..1) of the least confident pixel of each tile, row by row."""
        confidence = coarse.detach().softmax(dim=1).amax(dim=1, keepdim=True)
        least = cut(filled(confidence, self.tile, 1.0), self.tile).amin(dim=(3, 4, 5))  # (b, rows, columns)
        return least.flatten(1)


def cut(x: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b rows columns c side side"]:
    """Return the square tiles of a map, filled up with zeros; a view where the map is all full tiles."""
    x = filled(x, side)
    batch, channels, height, width = x.shape
    grid = x.view(batch, channels, height // side, side, width // side, side)
    return grid.permute(0, 2, 4, 1, 3, 5)


def filled(x: Float[Tensor, "b c h w"], side: int, value: float = 0.0) -> Float[Tensor, "b c H W"]:
    """Return a map enlarged at the right and at the bottom to full tiles; the map itself if it has them."""
    below, right = -x.shape[-2] % side, -x.shape[-1] % side
    return F.pad(x, (0, right, 0, below), value=value) if below or right else x


def resize(x: Float[Tensor, "b c h w"], size_hw: tuple[int, int]) -> Float[Tensor, "b c H W"]:
    """Return a map at another size, bilinear; halving is the mean of 2x2 pixels."""
    return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=False)


def skipped(skip_ratio: float, tiles: int) -> int:
    """Return how many of an image's tiles a ratio skips: the nearest whole number."""
    return round(skip_ratio * tiles)


def build(
    num_classes: int, skip_ratio: float | None = None, threshold: float = 0.9, tile: int = 64
) -> TwoColumn:
    """Return the reconstruction of TwoColumn.

    Args:
        skip_ratio: Share (0..1) of each image's tiles that is skipped; without it ``threshold`` decides, and
            on the ``meta`` device nothing is skipped.
        threshold: Probability above which a tile's least confident pixel lets the tile be skipped: 0 skips
            every tile, 1 and more none. The default is a guess.
        tile: Side of a tile in pixels.

    Raises:
        ValueError: An option out of its range.
    """
    if skip_ratio is not None and not 0 <= skip_ratio <= 1:
        raise ValueError(f"skip_ratio is {skip_ratio}; must be a share from 0 to 1, or None")
    if not threshold >= 0:
        raise ValueError(f"threshold is {threshold}; must be a probability, or above 1 to skip nothing")
    if tile < FINE_STRIDE or tile % FINE_STRIDE:
        raise ValueError(f"tile is {tile} pixels; must be a multiple of {FINE_STRIDE}")
    return TwoColumn(num_classes, skip_ratio, threshold, tile)
