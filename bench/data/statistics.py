"""Mean and standard deviation of colours: how bytes become what an encoder was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.errors import unknown

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8
    from torch import Tensor


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of red, green and blue, on images scaled to 0..1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def mean_colour(self) -> tuple[int, int, int]:
        """Return the colour (0..255) nearest to the mean: padding by it is zero after normalising."""
        red, green, blue = (round(255 * value) for value in self.mean)
        return red, green, blue


# of the ImageNet training images, as torchvision's and timm's weights expect
IMAGENET = Statistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Statistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # x / 127.5 - 1
STATISTICS: dict[str, Statistics] = {"imagenet": IMAGENET, "half": HALF}


def statistics_by_name(name: str) -> Statistics:
    """Return the statistics of this name.

    Raises:
        UsageError: No such name; the message lists the names.
    """
    if name not in STATISTICS:
        raise unknown("statistics", name, list(STATISTICS))
    return STATISTICS[name]


def normalise(image: UInt8[Tensor, "*b 3 h w"], statistics: Statistics) -> Float32[Tensor, "*b 3 h w"]:
    """Return (image / 255 - mean) / std in float32, on the image's device and in its memory format."""
    mean = torch.tensor(statistics.mean, device=image.device).mul_(255).view(3, 1, 1)
    std = torch.tensor(statistics.std, device=image.device).mul_(255).view(3, 1, 1)
    # elementwise and in place, so that channels_last stays channels_last
    return image.to(torch.float32).sub_(mean).div_(std)
