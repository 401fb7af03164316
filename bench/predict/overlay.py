"""An image under its predicted classes in colour, with a legend of the classes that occur in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont

from bench.data.dataset import IGNORE
from bench.data.sheet import colour_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import UInt8
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
    counts = prediction.flatten().bincount(minlength=256).tolist()
    shares = [
        ClassShare(train_id, classes[train_id], palette[train_id], count / prediction.numel())
        for train_id, count in enumerate(counts)
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
    colours = colour_label(prediction, tuple(palette))
    blended = torch.lerp(image.float(), colours.float(), strength).round().to(torch.uint8)
    shown = torch.where(prediction == IGNORE, image, blended)
    picture = Image.fromarray(shown.permute(1, 2, 0).contiguous().numpy())
    width = max(picture.width, _LEAST_WIDTH)
    legend = _legend(class_shares(prediction, classes, palette), width)
    sheet = Image.new("RGB", (width, picture.height + legend.height), _PAPER)
    sheet.paste(picture, (0, 0))
    sheet.paste(legend, (0, picture.height))
    return sheet


def _legend(shares: Sequence[ClassShare], width: int) -> Image.Image:
    """Draw a strip of swatches with names, in columns as wide as the longest of them."""
    size = min(max(13, width // 60), 32)  # readable where the picture is shown whole
    font = ImageFont.load_default(size)
    texts = [f"{one.title}  {percent(one.share)}" for one in shares]
    gap, line = size // 2, round(1.5 * size)
    column = size + 3 * gap + round(max((font.getlength(text) for text in texts), default=0.0))
    across = max(1, width // column)
    rows = -(-len(shares) // across)
    strip = Image.new("RGB", (width, rows * line + gap), _PAPER)
    draw = ImageDraw.Draw(strip)
    for place, (one, text) in enumerate(zip(shares, texts, strict=True)):
        left, top = place % across * column + gap, place // across * line + gap
        draw.rectangle((left, top, left + size - 1, top + size - 1), one.colour, _INK)
        draw.text((left + size + gap, top + size // 2), text, _INK, font, anchor="lm")
    return strip
