"""An image under its predicted classes in colour, with a legend of the classes that occur in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont

from bench.data.dataset import IGNORE
from bench.data.sheet import colour_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from jaxtyping import Int64, UInt8
    from torch import Tensor

STRENGTH = 0.6  # of the classes' colours over the image: both are still told apart
_LEAST_WIDTH = 320  # of the picture, so that the legend of a small image can be read
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


class ClassShare(NamedTuple):
    """A class that occurs in a prediction: its train id, name, colour and share of the pixels (0..1)."""

    train_id: int
    title: str
    colour: tuple[int, int, int]
    share: float


def class_shares(
    prediction: UInt8[Tensor, "h w"], classes: Sequence[str], palette: Sequence[tuple[int, int, int]]
) -> list[ClassShare]:
    """Return the classes that occur, largest share first; pixels of ``IGNORE`` are in no class."""
    return shares_of_counts(counts_of(prediction), classes, palette)


def counts_of(prediction: UInt8[Tensor, "h w"]) -> Int64[Tensor, 256]:
    """Return the number of pixels of each value."""
    return prediction.flatten().bincount(minlength=256)


def shares_of_counts(
    counts: Int64[Tensor, 256], classes: Sequence[str], palette: Sequence[tuple[int, int, int]]
) -> list[ClassShare]:
    """Return the classes that some counted pixels have, as `class_shares`."""
    pixels = int(counts.sum())
    shares = [
        ClassShare(train_id, classes[train_id], palette[train_id], count / pixels)
        for train_id, count in enumerate(counts.tolist())
        if count and train_id != IGNORE
    ]
    return sorted(shares, key=lambda one: (-one.share, one.train_id))


def percent(share: float) -> str:
    """Return a share (0..1) in percent; what occurs at all is never 0.0 %."""
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def overlay(
    image: UInt8[Tensor, "3 h w"],
    prediction: UInt8[Tensor, "h w"],
    classes: Sequence[str],
    palette: Sequence[tuple[int, int, int]],
    strength: float = STRENGTH,
) -> Image.Image:
    """Draw the classes' colours over the image, and below it what colour is which class and its share.

    Args:
        image: RGB, 0..255.
        prediction: Train ids; pixels of ``IGNORE`` show the image alone.
        classes, palette: In the order of the train ids.
        strength: Share of the class's colour in a pixel, 0..1.
    """
    picture = Image.fromarray(blended(image, prediction, palette, strength))
    shares = class_shares(prediction, classes, palette)
    entries = [(f"{one.title}  {percent(one.share)}", one.colour) for one in shares]
    return sheet(picture, entries)


def blended(
    image: UInt8[Tensor, "3 h w"],
    prediction: UInt8[Tensor, "h w"],
    palette: Sequence[tuple[int, int, int]],
    strength: float = STRENGTH,
) -> UInt8[np.ndarray[Any, Any], "h w 3"]:
    """Return the image under the classes' colours; see `overlay`."""
    colours = colour_label(prediction, tuple(palette))
    mixed = torch.lerp(image.float(), colours.float(), strength).round().to(torch.uint8)
    shown = torch.where(prediction == IGNORE, image, mixed)
    pixels: UInt8[np.ndarray[Any, Any], "h w 3"] = shown.permute(1, 2, 0).contiguous().numpy()
    return pixels


def sheet(picture: Image.Image, entries: Sequence[tuple[str, tuple[int, int, int]]]) -> Image.Image:
    """Return a picture with a legend of texts and colours below it."""
    width = max(picture.width, _LEAST_WIDTH)
    legend = _legend(entries, width)
    whole = Image.new("RGB", (width, picture.height + legend.height), _PAPER)
    whole.paste(picture, (0, 0))
    whole.paste(legend, (0, picture.height))
    return whole


def _legend(entries: Sequence[tuple[str, tuple[int, int, int]]], width: int) -> Image.Image:
    """Draw a strip of swatches with texts, in columns as wide as the longest of them."""
    size = min(max(13, width // 60), 32)  # readable where the picture is shown whole
    font = ImageFont.load_default(size)
    gap, line = size // 2, round(1.5 * size)
    column = size + 3 * gap + round(max((font.getlength(text) for text, _ in entries), default=0.0))
    across = max(1, width // column)
    rows = -(-len(entries) // across)
    strip = Image.new("RGB", (width, rows * line + gap), _PAPER)
    draw = ImageDraw.Draw(strip)
    for place, (text, colour) in enumerate(entries):
        left, top = place % across * column + gap, place // across * line + gap
        draw.rectangle((left, top, left + size - 1, top + size - 1), colour, _INK)
        draw.text((left + size + gap, top + size // 2), text, _INK, font, anchor="lm")
    return strip
