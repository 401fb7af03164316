"""A contact sheet: images next to their labels in the data set's colours, for the eye to judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from PIL import Image, ImageDraw, ImageFont

from bench.data.dataset import IGNORE

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from bench.data.dataset import Sample, SegmentationData

_CELL_WIDTH = 320  # pixels of one image; the sheet is wide enough to see poles and narrow enough for a screen
_HIGHEST_CELL = 4 * _CELL_WIDTH
_GAP = 6
_LINE = 20
_LONGEST_LEGEND = 41  # classes; of a set with more only those are listed that occur on the sheet
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


def colour_label(
    label: UInt8[Tensor, "h w"], palette: tuple[tuple[int, int, int], ...]
) -> UInt8[Tensor, "3 h w"]:
    """Return the label in the palette's colours; ignored pixels are black."""
    colours = torch.zeros(256, 3, dtype=torch.uint8)
    colours[: len(palette)] = torch.tensor(palette, dtype=torch.uint8)
    colours[IGNORE] = 0
    return colours[label.long()].permute(2, 0, 1)


def spread(length: int, count: int) -> list[int]:
    """Return at most ``count`` indices, spread evenly over 0..length-1."""
    count = min(count, length)
    return [place * length // count for place in range(count)]


def contact_sheet(data: SegmentationData, count: int = 8, pairs_across: int = 2) -> Image.Image:
    """Draw samples spread evenly over the split, image left and label right, and a legend.

    Args:
        data: The split.
        count: Samples to show (fewer where the split has fewer).
        pairs_across: Samples in a row.

    Raises:
        RefusedInput: A sample is refused.
    """
    samples = [data.read(index) for index in spread(len(data), count)]
    cell_height = max(_fitted(sample)[1] for sample in samples)
    pair_width = 2 * _CELL_WIDTH + _GAP
    row_height = cell_height + _LINE + _GAP
    rows = -(-count // pairs_across)
    width = pairs_across * (pair_width + 2 * _GAP)
    entries_across = max(1, width // 160)
    legend = _legend(data, samples)
    legend_rows = -(-len(legend) // entries_across)
    sheet = Image.new("RGB", (width, rows * row_height + (legend_rows + 1) * _LINE), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for place, sample in enumerate(samples):
        left = (place % pairs_across) * (pair_width + 2 * _GAP) + _GAP
        top = (place // pairs_across) * row_height
        draw.text((left, top + 2), f"{data.name} {data.split} {sample.name}", _INK, font)
        for column, picture in enumerate(_pictures(sample, data.palette)):
            sheet.paste(picture, (left + column * (_CELL_WIDTH + _GAP), top + _LINE))
    for place, (title, colour) in enumerate(legend):
        left = (place % entries_across) * 160 + _GAP
        top = rows * row_height + (place // entries_across) * _LINE + _LINE // 2
        draw.rectangle((left, top, left + 14, top + 14), colour, _INK)
        draw.text((left + 20, top), title, _INK, font)
    return sheet


def _legend(data: SegmentationData, samples: list[Sample]) -> list[tuple[str, tuple[int, int, int]]]:
    """Return titles and colours: of all classes, or of those that occur where there are too many."""
    classes = list(enumerate(zip(data.classes, data.palette, strict=True)))
    if len(classes) > _LONGEST_LEGEND:
        seen = {int(train_id) for sample in samples for train_id in torch.unique(sample.label)}
        classes = [(train_id, entry) for train_id, entry in classes if train_id in seen]
        left_out = len(data.classes) - len(classes)
        return [*(entry for _, entry in classes), ("ignored", (0, 0, 0)), (f"({left_out} not here)", _PAPER)]
    return [*(entry for _, entry in classes), ("ignored", (0, 0, 0))]


def _fitted(sample: Sample) -> tuple[int, int]:
    """Return width and height of a sample in a cell: its width, unless it is far higher than wide."""
    height, width = sample.label.shape
    scale = min(_CELL_WIDTH / width, _HIGHEST_CELL / height)
    return max(1, round(scale * width)), max(1, round(scale * height))


def _pictures(sample: Sample, palette: tuple[tuple[int, int, int], ...]) -> tuple[Image.Image, Image.Image]:
    """Return image and label fitted to the cell; the label is resized to the nearest id, never blended."""
    size = _fitted(sample)
    image = Image.fromarray(sample.image.permute(1, 2, 0).numpy())
    label = Image.fromarray(colour_label(sample.label, palette).permute(1, 2, 0).numpy())
    return (
        image.resize(size, Image.Resampling.LANCZOS),
        label.resize(size, Image.Resampling.NEAREST),
    )
