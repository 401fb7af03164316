"""Labels of a scatter plot, each where it covers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]

_MARK_RADIUS_PT = 5.5
# where a label may stand, in points from its mark: beside it, then above and below, then further away
_BESIDE = [(9, 0), (-9, 0), (0, 8), (0, -8), (7, 6), (7, -6), (-7, 6), (-7, -6)]
_AWAY = [
    *[(0, 20), (0, -20), (16, 16), (16, -16), (-16, 16), (-16, -16)],
    *[(0, 34), (0, -34), (30, -26), (-30, 26), (34, 34), (-34, -34), (0, 50), (0, -50)],
]


@dataclass(frozen=True)
class Label:
    """A text beside a point.

    Attributes
    ----------
    at
        The point, in data coordinates.
    text, colour
        What to write.
    first
        Bold, and placed before the others.
    """

    at: Point
    text: str
    colour: str
    first: bool = False


@dataclass(frozen=True)
class _Box:
    """A rectangle on the canvas, in pixels."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlaps(self, other: _Box) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def within(self, other: _Box) -> bool:
        return other.x0 <= self.x0 and self.x1 <= other.x1 and other.y0 <= self.y0 and self.y1 <= other.y1


def write_labels(axes: Any, labels: Sequence[Label], lines: Sequence[tuple[Point, Point]]) -> None:
    """Write each label in the first place where it covers no point, no other label and no line.

    One that stands away from its point is joined to it. Where no place is free, the one that covers least
    is taken.

    Parameters
    ----------
    axes
        Of matplotlib, its limits set.
    labels
        Their points are drawn already.
    lines
        Drawn pieces of lines to leave free, in data coordinates.
    """
    figure = axes.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    extent = axes.get_window_extent(renderer)
    frame = _Box(extent.x0, extent.y0, extent.x1, extent.y1)
    pixel = figure.dpi / 72  # offsets are in points
    points = axes.transData.transform([label.at for label in labels])
    obstacles = [_around(x, y, _MARK_RADIUS_PT * pixel) for x, y in points]
    for ends in lines:
        start, end = axes.transData.transform(ends)
        obstacles += _along(start, end, steps=40)
    written: list[_Box] = []
    for index in sorted(range(len(labels)), key=lambda one: not labels[one].first):
        label, (x, y) = labels[index], points[index]
        width, height = _size(axes, label, renderer)
        tried = []
        for place in (*_BESIDE, *_AWAY):
            anchor = (x + place[0] * pixel, y + place[1] * pixel)
            box = _placed(*anchor, place, width, height)
            covered = sum(box.overlaps(other) for other in (*obstacles, *written))
            covered += sum(
                one.overlaps(other) for one in _along((x, y), anchor, steps=10) for other in written
            )
            covered += 0 if box.within(frame) else 1000
            tried.append((covered, place, box))
            if covered == 0:
                break
        _, place, box = min(tried, key=lambda one: one[0])
        _write(axes, label, place)
        written.append(box)


def _around(x: float, y: float, radius: float) -> _Box:
    return _Box(x - radius, y - radius, x + radius, y + radius)


def _along(start: Point, end: Point, steps: int) -> list[_Box]:
    """Return small boxes along a line, in pixels."""
    parts = [step / steps for step in range(steps + 1)]
    (x0, y0), (x1, y1) = start, end
    return [_around(x0 + part * (x1 - x0), y0 + part * (y1 - y0), 1.5) for part in parts]


def _size(axes: Any, label: Label, renderer: Any) -> Point:
    """Return width and height of a label in pixels."""
    text = _write(axes, label, _BESIDE[0])
    extent = text.get_window_extent(renderer)
    text.remove()
    return extent.width, extent.height


def _placed(x: float, y: float, place: tuple[int, int], width: float, height: float) -> _Box:
    """Return the box of a text anchored at (x, y) on the side that faces its point."""
    x0 = x if place[0] > 0 else x - width if place[0] < 0 else x - width / 2
    y0 = y if place[1] > 0 else y - height if place[1] < 0 else y - height / 2
    return _Box(x0, y0, x0 + width, y0 + height)


def _write(axes: Any, label: Label, place: tuple[int, int]) -> Any:
    right, up = place
    join = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4}
    return axes.annotate(
        label.text,
        label.at,
        xytext=place,
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 0 else "top" if up < 0 else "center",
        fontsize=8,
        color=label.colour,
        fontweight="bold" if label.first else "normal",
        arrowprops=join if place in _AWAY else None,
        zorder=4,
    )
