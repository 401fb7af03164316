"""Augmentation for training: random scale, random crop, random flip, all drawn from one generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import interpolate
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import (  # type: ignore[attr-defined]
    crop,
    horizontal_flip,
    pad,
    resize,
)

from bench.data.dataset import IGNORE
from bench.data.statistics import IMAGENET
from bench.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8
    from torch import Tensor


@dataclass(frozen=True)
class Placement:
    """What was drawn for one sample.

    Attributes:
        scaled_hw: Size (height, width) after scaling, in pixels.
        top, left: Corner of the crop in the scaled image, in pixels; negative where the image is smaller than
            the crop and lies inside it.
        flipped: Whether left and right are swapped.
    """

    scaled_hw: tuple[int, int]
    top: int
    left: int
    flipped: bool


@dataclass(frozen=True)
class TrainTransform:
    """Scale, crop (padding what is too small), flip.

    Args:
        crop_hw: Size (height, width) of the result, in pixels.
        scale: Lowest and highest factor, drawn uniformly; the paper's Section IV-A gives 0.5 to 2.
        flip: Probability of the horizontal flip.
        fill: Colour of the padding (0..255); the label's padding is ``IGNORE``.
        short_side_least: An image whose shorter side would be less than this many pixels after the drawn
            scale is scaled to just this; 0 leaves it small (Light-Weight RefineNet trains with 350).

    Raises:
        UsageError: A size, factor or probability that makes no sense.
    """

    crop_hw: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = 0.5
    fill: tuple[int, int, int] = IMAGENET.mean_colour()
    short_side_least: int = 0

    def __post_init__(self) -> None:
        low, high = self.scale
        if min(self.crop_hw) < 1:
            raise UsageError(f"crop {self.crop_hw[0]}x{self.crop_hw[1]}, expected sizes from 1x1")
        if not 0 < low <= high < math.inf:
            raise UsageError(f"scale {low}..{high}, expected 0 < lowest <= highest")
        if not 0 <= self.flip <= 1:
            raise UsageError(f"flip {self.flip}, expected a probability 0..1")
        if not all(0 <= value <= 255 for value in self.fill):
            raise UsageError(f"fill {self.fill}, expected colours 0..255")
        if self.short_side_least < 0:
            raise UsageError(f"short_side_least {self.short_side_least}, expected pixels from 0")

    def __call__(
        self, image: UInt8[Tensor, "3 h w"], label: UInt8[Tensor, "h w"], generator: torch.Generator
    ) -> tuple[UInt8[Tensor, "3 crop_h crop_w"], UInt8[Tensor, "crop_h crop_w"]]:
        """Return the augmented image and label; the same generator state gives the same result."""
        placement = self.draw((label.shape[0], label.shape[1]), generator)
        return self.apply(image, label, placement)

    def draw(self, size_hw: tuple[int, int], generator: torch.Generator) -> Placement:
        """Draw where an image of this size goes; always four numbers, whatever the settings."""
        by_scale, by_top, by_left, by_flip = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        low, high = self.scale
        factor = max(low + (high - low) * by_scale, self.short_side_least / min(size_hw))
        # torch's antialiasing kernel fails an internal check when the result is a single pixel
        height, width = (max(2, round(side * factor)) for side in size_hw)
        return Placement(
            (height, width),
            _corner(height - self.crop_hw[0], by_top),
            _corner(width - self.crop_hw[1], by_left),
            by_flip < self.flip,
        )

    def apply(
        self, image: UInt8[Tensor, "3 h w"], label: UInt8[Tensor, "h w"], placement: Placement
    ) -> tuple[UInt8[Tensor, "3 crop_h crop_w"], UInt8[Tensor, "crop_h crop_w"]]:
        """Return the image and label of a placement; label values are among the input's and 255."""
        inside, padding = _overlap(placement, self.crop_hw)
        image = resize(
            image, list(placement.scaled_hw), interpolation=InterpolationMode.BILINEAR, antialias=True
        )
        image = pad(crop(image, *inside), padding, fill=list(self.fill))
        top, left, height, width = inside
        rows = _nearest(label, 0, placement.scaled_hw[0])[top : top + height]
        columns = _nearest(label, 1, placement.scaled_hw[1])[left : left + width]
        ids = pad(label[None, rows[:, None], columns], padding, fill=IGNORE)
        if placement.flipped:
            image, ids = horizontal_flip(image), horizontal_flip(ids)
        return image, ids[0]


def _corner(surplus: int, uniform: float) -> int:
    """Return a place among the ``abs(surplus) + 1`` possible ones; negative when the image is the smaller."""
    place = min(int(uniform * (abs(surplus) + 1)), abs(surplus))
    return place if surplus >= 0 else -place


def _nearest(label: UInt8[Tensor, "h w"], axis: int, scaled: int) -> Int64[Tensor, " scaled"]:
    """Return which row (axis 0) or column (1) of a label each one of the scaled label takes.

    That of nearest-exact, which samples at the centres of pixels, as the bilinear image does; plain nearest
    is half a pixel off. Only a crop's part of the label is then looked up, not all of the scaled label.
    """
    places = torch.arange(label.shape[axis], dtype=torch.float32, device=label.device)
    return interpolate(places[None, None], size=scaled, mode="nearest-exact")[0, 0].long()


def _overlap(placement: Placement, crop_hw: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Return the crop's part inside the scaled image, and what is missing around it.

    The first is top, left, height, width; the second left, top, right, bottom: as torchvision's ``crop`` and
    ``pad`` want them.
    """
    spans = []
    corner = (placement.top, placement.left)
    for start, side, scaled in zip(corner, crop_hw, placement.scaled_hw, strict=True):
        first, last = max(start, 0), min(start + side, scaled)
        spans.append((first, last - first, first - start, start + side - last))
    (top, height, above, below), (left, width, before, after) = spans
    return [top, left, height, width], [before, above, after, below]
