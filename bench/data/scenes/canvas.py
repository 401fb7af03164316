"""A canvas that paints colour and label together, and the camera that looks down the synthetic street.

Only integer arithmetic and the correctly rounded float operations (+ - * / and the square root) are
used: sums over an axis, exponentials and sines may differ in the last bit between machines.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Ink(NamedTuple):
    """What a shape is painted with: its class, its colour (0..255) and a factor on the colour."""

    class_id: int
    colour: Colour
    shade: float = 1.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above a street whose middle bends as ``curve_per_m * z**2``.

    Lateral positions `t` are metres right of the camera's lane, `z` metres ahead, `up` metres above ground.
    """

    height: int
    width: int
    focal_px: float
    horizon_px: float
    centre_px: float
    eye_m: float
    curve_per_m: float

    def column(self, t: float, z: float) -> float:
        """Return the image column (pixels, fractional) of a place in the street."""
        return self.centre_px + self.focal_px * (t + self.curve_per_m * z * z) / z

    def row(self, up: float, z: float) -> float:
        """Return the image row (pixels, fractional) of a height above the ground."""
        return self.horizon_px + self.focal_px * (self.eye_m - up) / z


class Canvas:
    """Colour and label of one scene; every shape is painted without smoothing into both.

    Args:
        height, width: Size in pixels.
        haze, haze_per_m: The colour of the distance, and how much of it a metre adds.
    """

    def __init__(self, height: int, width: int, haze: Colour, haze_per_m: float) -> None:
        self.image: Floats = np.zeros((height, width, 3), np.float32)
        self.label: Bytes = np.full((height, width), 255, np.uint8)
        self.rows: Floats = np.arange(height, dtype=np.float32) + np.float32(0.5)
        self.columns: Floats = np.arange(width, dtype=np.float32) + np.float32(0.5)
        self.haze = haze
        self.haze_per_m = haze_per_m
        self._clear, self._far = 1.0, (0.0, 0.0, 0.0)

    def at_depth(self, z: float) -> None:
        """Set how far away the next shapes are (metres), which decides their haze."""
        self._clear = 1.0 / (1.0 + self.haze_per_m * z)
        red, green, blue = self.haze
        self._far = (red * (1.0 - self._clear), green * (1.0 - self._clear), blue * (1.0 - self._clear))

    def seen(self, colour: Colour, shade: float = 1.0) -> Floats:
        """Return a colour, shaded, as it is seen through the haze at the present depth."""
        red, green, blue = colour
        clear, far = self._clear * shade, self._far
        return np.array((red * clear + far[0], green * clear + far[1], blue * clear + far[2]), np.float32)

    def _cut(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice] | None:
        """Return the pixels whose centres lie inside, at least one each way; None outside the frame."""
        height, width = self.label.shape
        x0, x1 = math.ceil(left - 0.5), math.ceil(right - 0.5)
        y0, y1 = math.ceil(top - 0.5), math.ceil(bottom - 0.5)
        # comparisons rather than min and max: this runs hundreds of times a scene
        if x1 <= x0:
            x1 = x0 + 1
        if y1 <= y0:
            y1 = y0 + 1
        if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
            return None
        return slice(y0 if y0 > 0 else 0, y1), slice(x0 if x0 > 0 else 0, x1)

    def _fill(self, where: tuple[slice, slice], mask: NDArray[np.bool_], ink: Ink) -> None:
        self.label[where][mask] = ink.class_id
        self.image[where][mask] = self.seen(ink.colour, ink.shade)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        ink: Ink,
    ) -> None:
        """Paint an upright rectangle (pixels); it covers at least one pixel when in the frame."""
        where = self._cut(left, top, right, bottom)
        if where is not None:
            self.label[where] = ink.class_id
            self.image[where] = self.seen(ink.colour, ink.shade)

    def disc(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        ink: Ink,
    ) -> None:
        """Paint an ellipse by its centre and radii (pixels)."""
        if radius_x < 0.8 or radius_y < 0.8:
            self.box(x - radius_x, y - radius_y, x + radius_x, y + radius_y, ink)
            return
        where = self._cut(x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        if where is not None:
            mask = self._distance(where, x, y, radius_x, radius_y) < 1.0
            self._fill(where, mask, ink)

    def _distance(self, where: tuple[slice, slice], x: float, y: float, rx: float, ry: float) -> Floats:
        """Return the squared distance from a centre in units of the radii; 1 is the ellipse's edge."""
        across = (self.columns[where[1]] - x) / rx
        down = (self.rows[where[0]] - y) / ry
        distance: Floats = (across * across)[None, :] + (down * down)[:, None]
        return distance

    def blob(
        self,
        x: float,
        y: float,
        radius_x: float,
        radius_y: float,
        ink: Ink,
        *,
        ragged: Floats,
    ) -> None:
        """Paint an ellipse lit from above, its edge torn by a noise field of the frame's size (-1..1)."""
        where = self._cut(x - 1.3 * radius_x, y - 1.3 * radius_y, x + 1.3 * radius_x, y + 1.3 * radius_y)
        if where is None:
            return
        distance = self._distance(where, x, y, max(radius_x, 0.8), max(radius_y, 0.8))
        mask = distance + ragged[where] * 0.6 < 1.0
        light = 0.92 - 0.22 * (self.rows[where[0]] - y) / max(radius_y, 0.8)
        lit = light[:, None, None] * self.seen(ink.colour, ink.shade)[None, None, :]
        self.label[where][mask] = ink.class_id
        np.copyto(self.image[where], lit, where=mask[:, :, None])

    def slab(
        self,
        left: float,
        right: float,
        tops: tuple[float, float],
        bottoms: tuple[float, float],
        ink: Ink,
    ) -> None:
        """Paint a quadrilateral with upright sides; `tops` and `bottoms` are rows at left and right."""
        where = self._cut(left, min(tops), right, max(bottoms))
        if where is None or right - left < 1e-6:
            return
        part = (self.columns[where[1]] - left) / (right - left)
        rows = self.rows[where[0]][:, None]
        mask = rows >= (tops[0] + (tops[1] - tops[0]) * part)[None, :]
        mask &= rows < (bottoms[0] + (bottoms[1] - bottoms[0]) * part)[None, :]
        self._fill(where, mask, ink)

    def wedge(
        self,
        top: float,
        bottom: float,
        lefts: tuple[float, float],
        rights: tuple[float, float],
        ink: Ink,
    ) -> None:
        """Paint a quadrilateral with level top and bottom; `lefts` and `rights` are columns there."""
        where = self._cut(min(lefts), top, max(rights), bottom)
        if where is None or bottom - top < 1e-6:
            return
        part = (self.rows[where[0]] - top) / (bottom - top)
        columns = self.columns[where[1]][None, :]
        mask = columns >= (lefts[0] + (lefts[1] - lefts[0]) * part)[:, None]
        mask &= columns < (rights[0] + (rights[1] - rights[0]) * part)[:, None]
        self._fill(where, mask, ink)

    def darken(self, x: float, y: float, radius_x: float, radius_y: float, strength: float) -> None:
        """Throw a soft-edged elliptic shadow (label unchanged); `strength` 0..1 at its middle."""
        where = self._cut(x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        if where is None:
            return
        near = 1.0 - self._distance(where, x, y, max(radius_x, 0.8), max(radius_y, 0.8))
        fall = np.minimum(np.maximum(near * 2.0, 0.0), 1.0) * strength
        self.image[where] *= (1.0 - fall)[:, :, None]
