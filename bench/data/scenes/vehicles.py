"""Paint cars, trucks, buses and trams of a synthetic street as boxes in perspective."""

from dataclasses import dataclass

from bench.data.scenes.canvas import Camera, Canvas, Colour, Ink
from bench.data.scenes.classes import BUS, CAR, TRAIN, TRUCK
from bench.data.scenes.street import Thing

GLASS: Colour = (44, 54, 64)
RUBBER: Colour = (26, 26, 28)
CHASSIS: Colour = (38, 38, 40)


@dataclass(frozen=True)
class _Box:
    """A block on the street (metres): depth `near` to `far`, `wide` about lateral `t`, `low` to `high`."""

    t: float
    wide: float
    near: float
    far: float
    low: float
    high: float


def _paint_flank(canvas: Canvas, camera: Camera, box: _Box, ink: Ink) -> None:
    """Paint the side of the box that the camera sees, if it sees one."""
    for edge, outward in ((box.t - 0.5 * box.wide, -1), (box.t + 0.5 * box.wide, 1)):
        near, far = camera.column(edge, box.near), camera.column(edge, box.far)
        if (far - near) * outward > 0.0:
            ends = (box.near, box.far) if near < far else (box.far, box.near)
            tops = (camera.row(box.high, ends[0]), camera.row(box.high, ends[1]))
            bottoms = (camera.row(box.low, ends[0]), camera.row(box.low, ends[1]))
            canvas.slab(min(near, far), max(near, far), tops, bottoms, ink)


def _paint_front(canvas: Canvas, camera: Camera, box: _Box, ink: Ink) -> None:
    """Paint the face of the box that is turned to the camera."""
    left = camera.column(box.t - 0.5 * box.wide, box.near)
    right = camera.column(box.t + 0.5 * box.wide, box.near)
    canvas.box(left, camera.row(box.high, box.near), right, camera.row(box.low, box.near), ink)


def _paint_wheels(canvas: Canvas, camera: Camera, box: _Box, class_id: int, radius: float) -> None:
    """Paint wheels: discs on the flank that is seen, upright tyres under the face."""
    scale = camera.focal_px / box.near
    for edge, outward in ((box.t - 0.5 * box.wide, -1), (box.t + 0.5 * box.wide, 1)):
        near, far = camera.column(edge, box.near), camera.column(edge, box.far)
        if (far - near) * outward > 0.0:
            for part in (0.18, 0.8):
                z = box.near + part * (box.far - box.near)
                reach = (camera.column(edge, z + radius) - camera.column(edge, z - radius)) * 0.5 * outward
                x, y = camera.column(edge, z), camera.row(radius, z)
                canvas.disc(x, y, max(reach, 0.3), camera.focal_px * radius / z, Ink(class_id, RUBBER))
        x = camera.column(edge - 0.12 * outward, box.near)
        tyre = 0.11 * scale
        canvas.box(
            x - tyre, camera.row(0.45, box.near), x + tyre, camera.row(0.0, box.near), Ink(class_id, RUBBER)
        )


def _paint_shadow(canvas: Canvas, camera: Camera, thing: Thing, wide: float, *, long: float) -> None:
    z = thing.z + 0.4 * long
    near = camera.focal_px / thing.z
    middle = 0.5 * (camera.column(thing.t, thing.z) + camera.column(thing.t, z))
    drop = camera.row(0.0, thing.z)
    canvas.darken(middle, drop - 0.02 * near, 0.75 * wide * near, 0.22 * near, 0.78)


def _paint_lamps(canvas: Canvas, camera: Camera, box: _Box, class_id: int, facing: bool) -> None:
    """Paint white lamps in front or red ones behind, and the number plate."""
    colour: Colour = (236, 232, 212) if facing else (178, 30, 28)
    size = 0.09 * camera.focal_px / box.near
    if size < 0.3:  # less than a pixel together
        return
    y = camera.row(box.low + 0.62 * (box.high - box.low), box.near)
    for part in (-0.4, 0.4):
        x = camera.column(box.t + part * box.wide, box.near)
        canvas.box(x - 1.3 * size, y - size, x + 1.3 * size, y + size, Ink(class_id, colour))
    x = camera.column(box.t, box.near)
    y = camera.row(box.low + 0.28 * (box.high - box.low), box.near)
    canvas.box(x - 2.6 * size, y - 0.6 * size, x + 2.6 * size, y + 0.6 * size, Ink(class_id, (206, 204, 190)))


def paint_car(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a car: body, cabin with glass, lamps and wheels."""
    size = thing.scale
    wide, z = 1.8 * size, thing.z
    estate = thing.style < 0.3
    long = 4.2 * size
    tall = (1.72 if thing.style > 0.82 else 1.46) * size
    waist = 0.62 * tall
    _paint_shadow(canvas, camera, thing, wide, long=long)
    cabin_near = z + (0.35 if estate or not thing.facing else 1.1) * size
    cabin_far = z + (3.0 if not thing.facing else 3.9) * size
    cabin = _Box(thing.t, 0.86 * wide, cabin_near, cabin_far, waist, tall)
    body = _Box(thing.t, wide, z, z + long, 0.2 * size, waist)
    _paint_flank(canvas, camera, cabin, Ink(CAR, thing.first, 0.72))
    glass = _Box(thing.t, 0.86 * wide, cabin_near + 0.35, cabin_far - 0.3, waist, tall - 0.12)
    _paint_flank(canvas, camera, glass, Ink(CAR, GLASS, 0.9))
    _paint_flank(canvas, camera, body, Ink(CAR, thing.first, 0.8))
    # windscreen: narrower at the roof than at the waist
    half_roof, half_waist = 0.36 * wide, 0.46 * wide
    top, bottom = camera.row(tall, cabin_near), camera.row(waist, z)
    roof = (camera.column(thing.t - half_roof, cabin_near), camera.column(thing.t + half_roof, cabin_near))
    foot = (camera.column(thing.t - half_waist, z), camera.column(thing.t + half_waist, z))
    canvas.wedge(top, bottom, (roof[0], foot[0]), (roof[1], foot[1]), Ink(CAR, thing.first, 1.06))
    rim = 0.1 * camera.focal_px / z
    canvas.wedge(
        top + rim, bottom, (roof[0] + rim, foot[0] + rim), (roof[1] - rim, foot[1] - rim), Ink(CAR, GLASS)
    )
    _paint_wheels(canvas, camera, _Box(thing.t, wide, z, z + long, 0.0, 0.3), CAR, 0.32 * size)
    _paint_front(canvas, camera, body, Ink(CAR, thing.first))
    bumper = _Box(thing.t, wide, z, z, 0.2 * size, 0.38 * size)
    _paint_front(canvas, camera, bumper, Ink(CAR, thing.first, 0.7))
    _paint_lamps(canvas, camera, body, CAR, thing.facing)


def paint_truck(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a truck: a cab and a plain load box, in the paints that cars have."""
    wide, z, high = 2.35 * thing.scale, thing.z, (2.9 + 0.7 * thing.style) * thing.scale
    long = 7.0
    _paint_shadow(canvas, camera, thing, wide, long=long)
    load = _Box(thing.t, wide, z + (1.9 if thing.facing else 0.0), z + long, 0.95, high)
    cab = _Box(thing.t, 0.94 * wide, z, z + 1.8, 0.5, 2.55 * thing.scale)
    chassis = _Box(thing.t, 0.9 * wide, z, z + long, 0.45, 0.95)
    for box, colour in ((chassis, CHASSIS), (load, thing.first)):
        _paint_flank(canvas, camera, box, Ink(TRUCK, colour, 0.82))
        _paint_front(canvas, camera, box, Ink(TRUCK, colour))
    _paint_wheels(canvas, camera, _Box(thing.t, wide, z, z + long, 0.0, 0.5), TRUCK, 0.48)
    if thing.facing:
        _paint_flank(canvas, camera, cab, Ink(TRUCK, thing.second, 0.8))
        _paint_front(canvas, camera, cab, Ink(TRUCK, thing.second))
        _paint_front(canvas, camera, _Box(thing.t, 0.84 * wide, z, z, 1.5, 2.3), Ink(TRUCK, GLASS))
        _paint_lamps(canvas, camera, _Box(thing.t, wide, z, z, 0.4, 1.1), TRUCK, facing=True)
        return
    seam = 0.035 * camera.focal_px / z
    x = camera.column(thing.t, z)
    canvas.box(
        x - seam, camera.row(high - 0.1, z), x + seam, camera.row(1.0, z), Ink(TRUCK, thing.first, 0.7)
    )
    _paint_lamps(canvas, camera, _Box(thing.t, wide, z, z, 0.4, 0.95), TRUCK, facing=False)


def paint_bus(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a bus: one long body with a band of windows and a sign above the windscreen."""
    _paint_coach(canvas, camera, thing, BUS, wide=2.5 * thing.scale, high=3.0 * thing.scale, long=11.0)


def paint_train(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a tram on its rails: longer and higher than a bus, without wheels, with a rounded brow."""
    _paint_coach(canvas, camera, thing, TRAIN, wide=2.45 * thing.scale, high=3.4 * thing.scale, long=27.0)


def _paint_coach(
    canvas: Canvas, camera: Camera, thing: Thing, class_id: int, *, wide: float, high: float, long: float
) -> None:
    z = thing.z
    train = class_id == TRAIN
    _paint_shadow(canvas, camera, thing, wide, long=long)
    body = _Box(thing.t, wide, z, z + long, 0.12 if train else 0.35, high)
    _paint_flank(canvas, camera, body, Ink(class_id, thing.first, 0.82))
    skirt = _Box(thing.t, wide, z, z + long, body.low, 0.95)
    _paint_flank(canvas, camera, skirt, Ink(class_id, thing.second if train else thing.first, 0.66))
    # the window band, then its pillars, which make the windows
    _paint_flank(
        canvas,
        camera,
        _Box(thing.t, wide, z + 0.4, z + long - 0.3, 1.35, high - 0.65),
        Ink(class_id, GLASS, 0.9),
    )
    pillar = z + 2.0
    while pillar < min(z + long - 1.0, 45.0):
        _paint_flank(
            canvas,
            camera,
            _Box(thing.t, wide, pillar, pillar + 0.22, 1.3, high - 0.6),
            Ink(class_id, thing.first, 0.8),
        )
        pillar += 2.2
    if not train:
        _paint_wheels(canvas, camera, _Box(thing.t, wide, z, z + long, 0.0, 0.4), class_id, 0.46)
    _paint_front(canvas, camera, body, Ink(class_id, thing.first))
    _paint_front(canvas, camera, _Box(thing.t, 0.88 * wide, z, z, 1.25, high - 0.62), Ink(class_id, GLASS))
    _paint_front(
        canvas, camera, _Box(thing.t, 0.6 * wide, z, z, high - 0.45, high - 0.15), Ink(class_id, (60, 52, 34))
    )
    if train:
        _paint_front(canvas, camera, _Box(thing.t, wide, z, z, 0.12, 0.6), Ink(class_id, thing.second, 0.7))
    _paint_lamps(canvas, camera, _Box(thing.t, wide, z, z, 0.5, 1.2), class_id, thing.facing)
