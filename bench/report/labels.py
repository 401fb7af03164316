"""Labels of a scatter plot, each where it covers nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bench.report.figure import SMALL_PT

Point = tuple[float, float]
Place = tuple[int, int]
Corners = np.ndarray[Any, np.dtype[np.float64]]
"""Lower left and upper right corners of boxes, (n, 2, 2)."""
_NOTHING: Corners = np.empty((0, 2, 2))

_MARK_RADIUS_PT = 3.2
# where a label may stand, in points from its mark: next to it, then above and below, then further away
_BESIDE = [(5, 0), (-5, 0), (0, 4), (0, -4), (4, 3), (4, -3), (-4, 3), (-4, -3)]
_DIRECTIONS = [
    (right, up)
    for right, up in itertools.product((0, 1, -1, 2, -2), (1, -1, 2, -2))
    if abs(right) != 2 or abs(up) != 2
]
_AWAY = [(right * away, up * away) for away in (8, 12, 16, 20, 26, 32, 40, 50) for right, up in _DIRECTIONS]
_OVER_WORDS = 200
"""What it counts to cover another label, where a join that covers a point of a line counts 1."""
_LINE_UNDER_WORDS = 3
_OVER_MARK = 60
_OVER_JOIN = 60
_OUTSIDE = 2000
_DECIMALS = 6
"""Of pixels and of shares of a figure: processors differ in the last bit of a logarithm, places may not."""
_ATTEMPTS = 6
"""Most orders in which labels are placed; those without a free place come first in the next one."""
_ROUNDS = 8
"""Most times that each label of an order is placed."""
_OF_OWN_MARK = 5
"""Boxes of a join that lie on its own mark."""


@dataclass(frozen=True)
class Label:
    """A text next to a point.

    Attributes:
        at: The point, in data coordinates.
        text, colour: What to write.
    """

    at: Point
    text: str
    colour: str


def write_labels(axes: Any, labels: Sequence[Label], lines: Sequence[tuple[Point, Point]]) -> None:
    """Write each label in the first place where it covers no point, no other label and no line.

    The longest is placed first, unless another order leaves less covered. One that stands away from its point
    is joined to it. Where no place is free, the one that covers least is taken. Once one axes of a figure has
    labels, nothing else of the figure moves.

    Args:
        axes: Axes of matplotlib, with limits set and the points drawn.
        labels: Texts and their points.
        lines: Pieces of lines to leave free, in data coordinates.
    """
    from matplotlib.layout_engine import PlaceHolderLayoutEngine  # noqa: PLC0415 - with the rest of matplotlib

    if not isinstance(axes.figure.get_layout_engine(), PlaceHolderLayoutEngine):
        axes.figure.canvas.draw()
        axes.figure.set_layout_engine("none")  # the labels may not move what they are placed by
        for one in axes.figure.axes:
            one.set_position(np.round(one.get_position().bounds, _DECIMALS))
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    pixel = axes.figure.dpi / 72  # offsets are in points
    points = np.round(axes.transData.transform([label.at for label in labels]), _DECIMALS)
    sizes = [_size(axes, label, renderer) for label in labels]
    ends = (np.round(axes.transData.transform(line), _DECIMALS) for line in lines)
    pieces = np.concatenate([_NOTHING, *(_along(start, end, pixel) for start, end in ends)])
    plot = _Plot(frame, pixel, points, sizes, pieces)
    spots = [_spots(index, plot) for index in range(len(labels))]
    order = sorted(range(len(labels)), key=lambda one: -sizes[one][0])
    found = []
    for _ in range(_ATTEMPTS):
        found.append(_placed_in(order, spots))
        stuck = [index for index, (covered, _) in found[-1].items() if covered]
        if not stuck:
            break
        order = [*stuck, *(index for index in order if index not in stuck)]
    for index, (_, spot) in min(found, key=lambda one: sum(covered for covered, _ in one.values())).items():
        _write(axes, labels[index], spot.place)


class _Plot(NamedTuple):
    """Where labels may stand, in pixels: the axes, their points, the texts' sizes and the lines' pieces."""

    frame: Any
    pixel: float  # per point of type
    points: Any
    sizes: Sequence[Point]
    pieces: Corners


class _Spot(NamedTuple):
    """One place of a label: its box, the line that joins it to its point, and what both cover of the plot."""

    place: Place
    box: Corners  # (1, 2, 2)
    join: Corners  # small boxes along the line, from the point on
    covered: float


def _spots(index: int, plot: _Plot) -> list[_Spot]:
    """Return all places of a label, the nearest first."""
    frame, pixel, points, sizes, pieces = plot
    marks = _around(points, _MARK_RADIUS_PT * pixel)
    others = np.delete(marks, index, axis=0)
    found = []
    for place in (*_BESIDE, *_AWAY):
        anchor = points[index] + [offset * pixel for offset in place]
        at = _placed(anchor, place, sizes[index])
        box = at.get_points()[None]
        join = _along(points[index], anchor, pixel) if place in _AWAY else _NOTHING
        covered = _LINE_UNDER_WORDS * _overlaps(box, pieces) + _overlaps(join[_OF_OWN_MARK:], pieces)
        covered += _OVER_MARK * (_overlaps(box, marks) + (_overlaps(join, others) > 0))
        covered += 0 if frame.contains(*at.min) and frame.contains(*at.max) else _OUTSIDE
        found.append(_Spot(place, box, join, covered))
    return found


def _placed_in(order: Sequence[int], spots: Sequence[Sequence[_Spot]]) -> dict[int, tuple[float, _Spot]]:
    """Return what each label covers and its place.

    They are placed one after the other in an order, and then again, each beside all others, until none finds
    a better place.
    """
    found: dict[int, tuple[float, _Spot]] = {}
    for _ in range(_ROUNDS):
        before = {index: spot.place for index, (_, spot) in found.items()}
        for index in order:
            rest = [spot for other, (_, spot) in found.items() if other != index]
            found[index] = _best(spots[index], rest)
        if {index: spot.place for index, (_, spot) in found.items()} == before:
            break
    return found


def _best(spots: Sequence[_Spot], others: Sequence[_Spot]) -> tuple[float, _Spot]:
    """Return the first place that covers least beside the labels that have theirs, and how much that is."""
    boxes = np.concatenate([_NOTHING, *(one.box for one in others)])
    joins = np.concatenate([_NOTHING, *(one.join for one in others)])
    least = math.inf, spots[0]
    for spot in spots:
        if spot.covered >= least[0]:
            continue
        covered = spot.covered
        over_words = _overlaps(spot.box, boxes) + (_overlaps(spot.join, boxes) > 0)
        over_words += _overlaps(spot.box, joins) > 0
        covered += _OVER_WORDS * over_words + _OVER_JOIN * (_overlaps(spot.join, joins) > 0)
        if covered < least[0]:
            least = covered, spot
        if not covered:
            break
    return least


def _overlaps(boxes: Corners, others: Corners) -> int:
    """Return how many pairs overlap, as `matplotlib.transforms.Bbox.count_overlaps` counts them.

    All pairs at once: matplotlib makes an array of each box, each time, which took most of a table's time.
    """
    below = others[None, :, 0] < boxes[:, None, 1]
    above = others[None, :, 1] > boxes[:, None, 0]
    return int((below & above).all(axis=-1).sum())


def _size(axes: Any, label: Label, renderer: Any) -> Point:
    """Return width and height of a label in pixels."""
    text = _write(axes, label, _BESIDE[0])
    extent = text.get_window_extent(renderer)
    text.remove()
    return round(extent.width, _DECIMALS), round(extent.height, _DECIMALS)


def _placed(anchor: Any, place: Place, size: Point) -> Any:
    """Return the box of a text anchored on the side that faces its point."""
    from matplotlib.transforms import Bbox  # noqa: PLC0415 - with the rest of matplotlib

    x0, y0 = (
        at if side > 0 else at - length if side < 0 else at - length / 2
        for at, side, length in zip(anchor, place, size, strict=True)
    )
    return Bbox.from_bounds(x0, y0, *size)


def _around(centres: Any, radius: float) -> Corners:
    """Return a square around each point (n, 2)."""
    return np.stack([centres - radius, centres + radius], axis=1)


def _along(start: Any, end: Any, pixel: float) -> Corners:
    """Return small boxes along a line, in pixels, each over the edge of the next: no line passes between."""
    steps = max(1, math.ceil(np.abs(end - start).max() / pixel))
    parts = np.arange(steps + 1)[:, None] / steps
    return _around(start + parts * (end - start), 0.7 * pixel)


def _write(axes: Any, label: Label, place: Place) -> Any:
    right, up = place
    join: dict[str, Any] = {
        "arrowstyle": "-",
        "color": label.colour,
        "linewidth": 0.4,
        "shrinkA": 0,
        "shrinkB": 2,
    }
    # from the corner that faces the point, as `_along` has it
    join["relpos"] = tuple(0.0 if side > 0 else 1.0 if side < 0 else 0.5 for side in place)
    return axes.annotate(
        label.text,
        label.at,
        xytext=place,
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 0 else "top" if up < 0 else "center",
        fontsize=SMALL_PT,
        color=label.colour,
        arrowprops=join if place in _AWAY else None,
        zorder=4,
    )
