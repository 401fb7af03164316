"""Segmentations as pictures (Figs. 5 and 6): image, truth and each network's classes, and their colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.dataset import IGNORE
from bench.report.figure import COLUMN_IN, PAGE_IN, at_print_size, render

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

# muted colours of P. Tol (personal.sron.nl/~pault), told apart with any colour vision, and three more
_TOLD_APART: tuple[Colour, ...] = (
    (136, 204, 238), (204, 102, 119), (221, 204, 119), (51, 34, 136), (17, 119, 51), (170, 68, 153),
    (68, 170, 153), (153, 153, 51), (136, 34, 85), (221, 221, 221), (102, 60, 0), (238, 119, 51),
)  # fmt: skip
_TITLE_IN, _ENTRY_IN, _ACROSS = 0.06, 0.13, 8


@dataclass(frozen=True)
class Segmented:
    """One image: RGB (h, w, 3), its truth, and each network's classes, all train ids (h, w)."""

    name: str
    picture: Picture
    truth: Picture
    found: tuple[Picture, ...]


@dataclass(frozen=True)
class _Legend:
    """Name and colour of the classes that occur, the colour of each train id, and entries in a line."""

    entries: list[tuple[str, Picture]]
    colours: Picture
    columns: int


def colours_of(palette: Sequence[Colour]) -> tuple[Colour, ...]:
    """Return colours that any eye tells apart, or the data set's own where there are too few of them."""
    return tuple(_TOLD_APART[: len(palette)] if len(palette) <= len(_TOLD_APART) else palette)


def draw_segmented(
    images: Sequence[Segmented],
    titles: Sequence[str],
    classes: Sequence[str],
    palette: Sequence[Colour],
    *,
    title: str,
    remarks: Iterable[str],
) -> dict[str, str | bytes]:
    """Return the grid in every form, and its caption: on one column with one network, else on two.

    Args:
        images: The rows.
        titles: Of the networks, in the order of ``Segmented.found``.
        classes, palette: In the order of the train ids.
        title: First words of the caption.
        remarks: Further sentences, without a full stop.
    """
    across = 2 + len(titles)
    width_in = COLUMN_IN if len(titles) == 1 else PAGE_IN
    seen = sorted(
        {int(one) for image in images for ids in (image.truth, *image.found) for one in np.unique(ids)}
    )
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = colours_of(palette)
    names = {IGNORE: "no class", **dict(enumerate(classes))}
    entries = [(names[one], colours[one]) for one in seen]
    legend = _Legend(entries, colours, _ACROSS if width_in == PAGE_IN else _ACROSS // 2)
    heights = [
        width_in / across * image.picture.shape[0] / image.picture.shape[1] + _TITLE_IN for image in images
    ]
    return render(
        math.fsum(heights) + 0.15 + _ENTRY_IN * -(-len(entries) // legend.columns),
        title,
        remarks,
        lambda figure: _fill(figure, images, ["image", "truth", *titles], legend),
        width_in=width_in,
    )


def _fill(figure: Any, images: Sequence[Segmented], titles: Sequence[str], legend: _Legend) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - with the rest of matplotlib

    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    grid = figure.subplots(len(images), len(titles), squeeze=False)
    for row, image in enumerate(images):
        pictures = [
            at_print_size(image.picture),
            *(legend.colours[ids] for ids in (image.truth, *image.found)),
        ]
        for axes, picture, heading in zip(grid[row], pictures, titles, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
            if row == 0:
                axes.set_title(heading, fontsize=6, loc="center")
    figure.legend(
        handles=[
            Patch(facecolor=tuple(colour / 255), edgecolor="black", linewidth=0.3, label=name)
            for name, colour in legend.entries
        ],
        loc="outside lower center",
        ncols=legend.columns,
        columnspacing=0.8,
        handlelength=1.0,
        handleheight=1.0,
    )
