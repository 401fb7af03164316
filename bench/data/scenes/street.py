"""What a synthetic street consists of, in metres; nothing here knows the picture's size in pixels."""

from dataclasses import dataclass

from bench.data.scenes.canvas import Camera, Colour
from bench.data.scenes.weather import Weather

END_OF_STREET_M = 140.0


@dataclass(frozen=True)
class Plot:
    """A stretch of one side of the street (`far_m` is its end), faced with one thing or open (class None)."""

    far_m: float
    class_id: int | None
    height_m: float
    colour: Colour
    storey_m: float
    bay_m: float


@dataclass(frozen=True)
class Side:
    """One side of the street; `hand` is -1 (left) or +1, distances are metres from the camera's lane."""

    hand: int
    road_m: float
    walk_m: float
    facade_m: float
    parking: bool
    verge: int
    plots: tuple[Plot, ...]
    borders: tuple[Plot, ...]


@dataclass(frozen=True)
class Thing:
    """An object on the ground at lateral `t` and depth `z` (metres); `facing` shows its front."""

    kind: str
    t: float
    z: float
    scale: float
    first: Colour
    second: Colour
    facing: bool
    style: float


@dataclass(frozen=True)
class Street:
    """All that a scene holds: the camera's set-up, the ground, both sides and the objects on it."""

    weather: Weather
    horizon: float
    eye_m: float
    vanishing: float
    curve_per_m: float
    left: Side
    right: Side
    middle_m: float
    crossing_m: float | None
    rails_m: float | None
    asphalt: Colour
    paving: Colour
    grass: Colour
    things: tuple[Thing, ...]
    hood: float
    hood_colour: Colour
    border: float


class Spot:
    """A place on the ground with its pixels a metre: `x(m)` rightwards and `y(m)` up from it, in pixels."""

    def __init__(self, camera: Camera, thing: Thing) -> None:
        self.scale = camera.focal_px / thing.z
        self.column = camera.column(thing.t, thing.z)
        self.ground = camera.row(0.0, thing.z)

    def x(self, metres: float) -> float:
        """Return the column of a place so far to the right."""
        return self.column + metres * self.scale

    def y(self, metres: float) -> float:
        """Return the row of a place so far up."""
        return self.ground - metres * self.scale
