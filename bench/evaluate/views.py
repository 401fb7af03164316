"""Test-time views of an image (sizes, mirror images, windows) and the mean of what a network says to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule
from bench.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float32

Logits = Callable[[Tensor], Tensor]
"""(b, 3, h, w) of any size to logits (b, c, h, w) of the same height and width."""

T = TypeVar("T")

_LARGEST_SCALE = 8.0


@dataclass(frozen=True)
class Views:
    """Which views of an image are shown to the network.

    Attributes:
        scales: Factors on both sides of the image.
        flip: Whether each scale is shown mirrored too, left to right.
        window_hw: Each view is shown in windows of this size; None shows it whole.
        stride_hw: From one window to the next; None is two thirds of the window, rounded up.

    Raises:
        UsageError: No scale, one twice, one outside 0..8; a stride without a window or larger than it.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    window_hw: tuple[int, int] | None = None
    stride_hw: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        wrong = [scale for scale in self.scales if not 0 < scale <= _LARGEST_SCALE]
        if wrong or not self.scales or len(set(self.scales)) != len(self.scales):
            named = ", ".join(f"{scale:.10g}" for scale in self.scales) or "none"
            raise UsageError(f"scales {named}: expected one or more, each once, above 0 and up to 8")
        if self.window_hw is None:
            if self.stride_hw is not None:
                raise UsageError("a stride is that of a window, and no window is named")
            return
        if self.stride_hw is None:
            height, width = (math.ceil(2 * side / 3) for side in self.window_hw)
            object.__setattr__(self, "stride_hw", (height, width))
        for side, stride in zip(self.window_hw, self.stride_hw or (), strict=True):
            if not 1 <= stride <= side:
                raise UsageError(f"stride {stride} of a window side of {side}: expected 1..{side}")

    def __str__(self) -> str:
        """Return the views in words, e.g. ``mean over scales 0.5, 1, mirror images``."""
        parts = []
        if self.scales != (1.0,):
            parts.append(f"scales {', '.join(f'{scale:.10g}' for scale in self.scales)}")
        if self.flip:
            parts.append("mirror images")
        if self.window_hw is not None and self.stride_hw is not None:
            (height, width), (down, across) = self.window_hw, self.stride_hw
            parts.append(f"windows of {height}x{width} every {down}x{across}")
        return f"mean over {', '.join(parts)}" if parts else "each image once, whole"

    @property
    def single(self) -> bool:
        """Whether the image is shown once, whole and as it is."""
        return self == SINGLE

    def require(self, sizes: SizeRule) -> None:
        """Refuse a window of a size that the network does not take.

        Raises:
            UsageError: Naming the rule and a size that fits.
        """
        if self.window_hw is not None:
            try:
                sizes.require(self.window_hw)
            except ValueError as error:
                raise UsageError(f"window: {error}") from error


SINGLE = Views()
MSC = Views((0.5, 0.75, 1.0, 1.25, 1.5, 1.75), flip=True)
"""Multi-scale and flip as most papers report it."""


def summed_probabilities(
    logits_of: Logits,
    image: Float32[Tensor, "1 3 h w"],
    views: Views,
    label_hw: tuple[int, int],
    *,
    at_once: int = 1,
) -> Float32[Tensor, "1 c H W"]:
    """Return the sum over the views of the classes' probabilities, at the label's size.

    What is averaged is always probabilities, never logits: the softmax of each window's logits; where windows
    overlap, their mean; brought to the label's size bilinearly; and of all scales and mirror images the sum,
    each with weight 1.

    Args:
        logits_of: The network.
        image: Normalised.
        views: What of it is shown.
        label_hw: The label's height and width.
        at_once: Most views of one size in one call. An accelerator waits for its next call otherwise; a
            processor is as fast with one, and needs less memory.
    """
    total: Tensor | None = None
    for view, mirrored in _shown(image, views, at_once):
        if views.window_hw is None or views.stride_hw is None:
            found = logits_of(view).softmax(dim=1)
        else:
            found = _over_windows(logits_of, view, views.window_hw, views.stride_hw, at_once)
        for one, is_mirrored in zip(found.unbind(), mirrored, strict=True):
            found = one[None].flip(-1) if is_mirrored else one[None]
            if found.shape[-2:] != label_hw:
                found = F.interpolate(found, size=label_hw, mode="bilinear")
            total = found if total is None else total.add_(found)
    if total is None:
        raise UsageError("no scales")
    return total


def starts(side: int, window: int, stride: int) -> list[int]:
    """Return where windows start along a side; the last is moved back to end where the side ends.

    A side no longer than the window has one, as long as the side.
    """
    count = max(math.ceil((side - window) / stride), 0) + 1
    return [max(min(number * stride, side - window), 0) for number in range(count)]


def padded(image: Float32[Tensor, "1 3 h w"], sizes: SizeRule) -> Float32[Tensor, "1 3 H W"]:
    """Return the image, padded at the right and below by the mean colour to a size that the network takes."""
    height, width = image.shape[-2:]
    fitting_height, fitting_width = sizes.fitting((height, width))
    if (fitting_height, fitting_width) == (height, width):
        return image
    # a normalised image's zero is the mean colour
    return F.pad(image, (0, fitting_width - width, 0, fitting_height - height))


def _shown(image: Tensor, views: Views, at_once: int) -> Iterator[tuple[Tensor, Sequence[bool]]]:
    """Yield views of one size, and which of them are mirrored."""
    height, width = image.shape[-2:]
    for scale in views.scales:
        size = (max(round(height * scale), 1), max(round(width * scale), 1))
        view = image if size == (height, width) else F.interpolate(image, size=size, mode="bilinear")
        for mirrored in _groups((False, True) if views.flip else (False,), at_once):
            # a copy, always: a network may change its input in place, and the image is shown again
            shown = torch.cat([view.flip(-1) if is_mirrored else view for is_mirrored in mirrored])
            yield shown.contiguous(memory_format=torch.channels_last), mirrored


def _groups(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def _over_windows(
    logits_of: Logits,
    views: Tensor,
    window_hw: tuple[int, int],
    stride_hw: tuple[int, int],
    at_once: int,
) -> Tensor:
    """Return the mean probabilities of all windows that show a pixel, of each of some views."""
    count, _, height, width = views.shape
    (window_height, window_width), (down, across) = window_hw, stride_hw
    total: Tensor | None = None
    shown = torch.zeros(height, width, device=views.device)
    places = [
        (..., slice(top, top + window_height), slice(left, left + window_width))
        for top in starts(height, window_height, down)
        for left in starts(width, window_width, across)
    ]
    for some in _groups(places, max(at_once // count, 1)):
        # windows overlap, and a network may change its input in place
        parts = torch.cat([views[here] for here in some]).contiguous(memory_format=torch.channels_last)
        found = logits_of(parts).softmax(dim=1)
        if total is None:
            total = found.new_zeros(count, found.shape[1], height, width)
        for number, here in enumerate(some):
            total[here] += found[number * count : (number + 1) * count]
            shown[here] += 1
    if total is None:
        raise UsageError("no window")
    return total.div_(shown)
