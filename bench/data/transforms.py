"""Augmentation for training: random scale, random crop, random flip, all drawn from one generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import resize  # type: ignore[attr-defined]

from bench.data.dataset import IGNORE
from bench.data.statistics import IMAGENET
from bench.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor


@dataclass(frozen=True)
class Placement:
    """What was drawn for one sample.

    Attributes
    ----------
    scaled_hw
        Size (height, width) after scaling, in pixels.
    top, left
        Corner of the crop in the scaled image, in pixels; negative where the image is smaller than the crop
        and lies inside it.
    flipped
        Whether left and right are swapped.
    """

    scaled_hw: tuple[int, int]
    top: int
    left: int
    flipped: bool


@dataclass(frozen=True)
class TrainTransform:
    """Scale, crop (padding what is too small), flip.

    Parameters
    ----------
    crop_hw
        Size (height, width) of the result, in pixels.
    scale
        Lowest and highest factor, drawn uniformly; the paper's Section IV-A gives 0.5 to 2.
    flip
        Probability of the horizontal flip.
    fill
        Colour of the padding (0..255); the label's padding is ``IGNORE``.

    Raises
    ------
    UsageError
        A size, factor or probability that makes no sense.
    """

    crop_hw: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    flip: float = 0.5
    fill: tuple[int, int, int] = IMAGENET.mean_colour()

    def __post_init__(self) -> None:
        low, high = self.scale
        if min(self.crop_hw) < 1:
            raise UsageError(f"crop {self.crop_hw[0]}x{self.crop_hw[1]}, allowed are sizes from 1x1")
        if not 0 < low <= high < math.inf:
            raise UsageError(f"scale {low}..{high}, allowed are 0 < lowest <= highest")
        if not 0 <= self.flip <= 1:
            raise UsageError(f"flip {self.flip}, allowed is a probability 0..1")
        if not all(0 <= value <= 255 for value in self.fill):
            raise UsageError(f"fill {self.fill}, allowed are colours 0..255")

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
        factor = low + (high - low) * by_scale
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
        size = list(placement.scaled_hw)
        image = resize(image, size, interpolation=InterpolationMode.BILINEAR, antialias=True)
        # nearest-exact samples at the centres of pixels, as the bilinear image does; plain nearest is half a
        # pixel off
        label = resize(label[None], size, interpolation=InterpolationMode.NEAREST_EXACT)[0]

        height, width = self.crop_hw
        target, source = _overlap(placement.top, placement.left, self.crop_hw, placement.scaled_hw)
        canvas = torch.tensor(self.fill, dtype=torch.uint8).view(3, 1, 1).repeat(1, height, width)
        canvas[:, *target] = image[:, *source]
        ids = torch.full((height, width), IGNORE, dtype=torch.uint8)
        ids[target] = label[source]
        if placement.flipped:
            canvas, ids = canvas.flip(-1), ids.flip(-1)
        return canvas, ids


def _corner(surplus: int, uniform: float) -> int:
    """Return a place among the ``abs(surplus) + 1`` possible ones; negative when the image is the smaller."""
    place = min(int(uniform * (abs(surplus) + 1)), abs(surplus))
    return place if surplus >= 0 else -place


def _overlap(
    top: int, left: int, crop_hw: tuple[int, int], scaled_hw: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the same rectangle in the crop and in the scaled image."""
    target: list[slice] = []
    source: list[slice] = []
    for start, crop, scaled in zip((top, left), crop_hw, scaled_hw, strict=True):
        first, last = max(start, 0), min(start + crop, scaled)
        target.append(slice(first - start, last - start))
        source.append(slice(first, last))
    return (target[0], target[1]), (source[0], source[1])
