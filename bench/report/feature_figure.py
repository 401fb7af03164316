"""Feature maps as pictures (Figs. 1, 11 and 12): each row one layer, with one colour scale and its range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.report.figure import COLUMN_IN, PAGE_IN, at_print_size, render

_COLOURS = "viridis"  # as light as high, with any colour vision and in grey
_TITLE_IN, _BAR_IN = 0.36, 0.55

Picture = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MapRow:
    """One image with the maps of one layer, which share a colour scale.

    Attributes:
        picture: The image, (h, w, 3).
        title: Name of the layer.
        maps: Title and map of each network, (h, w); None is "not measured".
    """

    picture: Picture
    title: str
    maps: tuple[tuple[str, Map | None], ...]

    @property
    def scale(self) -> tuple[float, float]:
        """The lowest and the highest value of all the row's maps."""
        values = [
            value for _, found in self.maps if found is not None for value in (found.min(), found.max())
        ]
        return float(min(values)), float(max(values))


def draw_maps(rows: Sequence[MapRow], title: str, remarks: Iterable[str]) -> dict[str, str | bytes]:
    """Return the figure in every form, and its caption; one column wide up to two maps in a row."""
    across = 1 + len(rows[0].maps)
    width_in = COLUMN_IN if across <= 3 else PAGE_IN
    cell_in = (width_in - _BAR_IN) / across
    heights = [cell_in * row.picture.shape[0] / row.picture.shape[1] + _TITLE_IN for row in rows]
    return render(
        math.fsum(heights), title, remarks, lambda figure: _fill(figure, rows, heights), width_in=width_in
    )


def short(value: float) -> str:
    """Return a value of a map with three significant digits."""
    return f"{value:.3g}"


def _fill(figure: Any, rows: Sequence[MapRow], heights: Sequence[float]) -> None:
    across = 1 + len(rows[0].maps)
    before = None
    for row, cells in zip(
        rows, figure.subplots(len(rows), across, squeeze=False, height_ratios=heights), strict=True
    ):
        low, high = row.scale
        if row.picture is not before:  # else it is the image above
            height, width = row.picture.shape[:2]
            cells[0].imshow(at_print_size(row.picture), extent=(0, width, height, 0))
        cells[0].set_title(f"{row.title}, image" if row.picture is not before else row.title)
        before = row.picture
        shown = None
        for axes, (name, found) in zip(cells[1:], row.maps, strict=True):
            if found is None:
                axes.set_title(name)
                axes.imshow(np.full((*row.picture.shape[:2], 3), 240, np.uint8))
                axes.text(
                    0.5,
                    0.5,
                    "not measured",
                    transform=axes.transAxes,
                    ha="center",
                    va="center",
                    color="#444444",
                )
                continue
            extent = (0, row.picture.shape[1], row.picture.shape[0], 0)  # at the image's size
            shown = axes.imshow(
                found, cmap=_COLOURS, vmin=low, vmax=high, interpolation="nearest", extent=extent
            )
            axes.set_title(f"{name}\n{short(float(found.min()))} to {short(float(found.max()))}")
        for axes in cells:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            axes.title.set_fontsize(6)
        bar = figure.colorbar(shown, ax=list(cells), fraction=0.04, pad=0.02, shrink=0.7, aspect=12)
        bar.set_ticks([low, high], labels=[short(low), short(high)])
        bar.outline.set_linewidth(0.4)
