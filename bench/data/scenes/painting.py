"""Paint a whole synthetic street: from the sky forward, each object over what lies behind it."""

import math

import numpy as np

from bench.data.scenes.canvas import Bytes, Camera, Canvas, Floats
from bench.data.scenes.classes import VOID
from bench.data.scenes.figures import (
    paint_bicycle,
    paint_cyclist,
    paint_motorcycle,
    paint_motorcyclist,
    paint_person,
)
from bench.data.scenes.ground import paint_borders, paint_facades, paint_ground, paint_sky
from bench.data.scenes.roadside import (
    paint_bin,
    paint_bollard,
    paint_bush,
    paint_lamp,
    paint_light,
    paint_sign,
    paint_tree,
)
from bench.data.scenes.street import Street, Thing
from bench.data.scenes.vehicles import paint_bus, paint_car, paint_train, paint_truck
from bench.data.scenes.weather import develop, value_noise

PAINTERS = {
    "car": paint_car,
    "truck": paint_truck,
    "bus": paint_bus,
    "train": paint_train,
    "person": paint_person,
    "cyclist": paint_cyclist,
    "motorcyclist": paint_motorcyclist,
    "bicycle": paint_bicycle,
    "motorcycle": paint_motorcycle,
    "lamp": paint_lamp,
    "bollard": paint_bollard,
    "light": paint_light,
    "sign": paint_sign,
    "bin": paint_bin,
}
LEAFY_PAINTERS = {"tree": paint_tree, "bush": paint_bush}
LENGTHS_M = {"car": 5.0, "truck": 8.0, "bus": 12.0, "train": 28.0}


def paint_street(street: Street, size_hw: tuple[int, int], rng: np.random.Generator) -> tuple[Bytes, Bytes]:
    """Return image uint8 (h, w, 3) and label uint8 (h, w); the generator gives the noise fields only."""
    height, width = size_hw
    canvas = Canvas(height, width, street.weather.sky_low, street.weather.haze_per_m)
    camera = Camera(
        height=height,
        width=width,
        # about 65 degrees across a frame twice as wide as high
        focal_px=0.8 * math.sqrt(2.0 * height * width),
        horizon_px=street.horizon * height,
        centre_px=street.vanishing * width,
        eye_m=street.eye_m,
        curve_per_m=street.curve_per_m,
    )
    clouds = value_noise(rng, (14, 6), size_hw)
    leaves = value_noise(rng, (24, 48), size_hw) * np.float32(0.6) + value_noise(
        rng, (60, 120), size_hw
    ) * np.float32(0.5)
    paint_sky(canvas, camera, street, clouds)
    paint_ground(canvas, camera, street)
    paint_facades(canvas, camera, street, leaves)
    behind = [thing for thing in street.things if _is_behind_border(thing, street)]
    before = [thing for thing in street.things if not _is_behind_border(thing, street)]
    _paint_things(canvas, camera, behind, leaves)
    paint_borders(canvas, camera, street, leaves)
    _paint_things(canvas, camera, before, leaves)
    _paint_void(canvas, street)
    return develop(canvas, street.weather, leaves, rng), canvas.label


def _is_behind_border(thing: Thing, street: Street) -> bool:
    return thing.t < -street.left.walk_m or thing.t > street.right.walk_m


def _paint_things(canvas: Canvas, camera: Camera, things: list[Thing], leaves: Floats) -> None:
    """Paint objects from the farthest to the nearest."""
    for thing in sorted(things, key=lambda thing: -thing.z):
        if not _may_be_seen(camera, thing):
            continue
        canvas.at_depth(thing.z)
        if thing.kind in LEAFY_PAINTERS:
            LEAFY_PAINTERS[thing.kind](canvas, camera, thing, leaves)
        else:
            PAINTERS[thing.kind](canvas, camera, thing)


def _may_be_seen(camera: Camera, thing: Thing) -> bool:
    """Return False when the object, with its shadow, lies beside the frame."""
    reach = 4.0 * camera.focal_px / thing.z
    ends = [camera.column(thing.t, z) for z in (thing.z, thing.z + LENGTHS_M.get(thing.kind, 0.0))]
    return max(ends) + reach > 0.0 and min(ends) - reach < camera.width


def _paint_void(canvas: Canvas, street: Street) -> None:
    """Cover the bottom with the camera car's hood and the frame's edge with a black border; both are void."""
    height, width = canvas.label.shape
    if street.hood > 0.0:
        off = (canvas.columns - 0.5 * width) / (0.62 * width)
        top = height * (1.0 - street.hood) + height * 0.6 * street.hood * off * off * 2.0
        mask = canvas.rows[:, None] >= top[None, :]
        canvas.label[mask] = VOID
        canvas.at_depth(0.0)
        canvas.image[mask] = canvas.seen(street.hood_colour, 0.8)
        rim = mask & (canvas.rows[:, None] < top[None, :] + max(1.0, 0.012 * height))
        canvas.image[rim] = canvas.seen(street.hood_colour, 1.15)
    if street.border > 0.0:
        thick = max(1, int(street.border * height + 0.5))
        for edge in (canvas.label, canvas.image):
            value = VOID if edge is canvas.label else 0
            edge[:thick] = value
            edge[:, :thick] = value
            edge[:, -thick:] = value
