"""Paint people and two-wheelers of a synthetic street; a rider is the same figure as anyone on foot."""

from bench.data.scenes.canvas import Camera, Canvas, Colour, Ink
from bench.data.scenes.classes import BICYCLE, MOTORCYCLE, PERSON, RIDER
from bench.data.scenes.street import Spot, Thing

SKIN: tuple[Colour, ...] = ((206, 164, 138), (150, 108, 82), (98, 70, 54))
HAIR: tuple[Colour, ...] = ((42, 34, 30), (92, 66, 44), (150, 126, 88), (60, 60, 62))
RUBBER: Colour = (30, 30, 32)


def _paint_body(canvas: Canvas, spot: Spot, thing: Thing, class_id: int, seat_m: float) -> None:
    """Paint head, trunk and arms above the hips at `seat_m`; persons and riders are the same figure."""
    size = thing.scale
    skin = SKIN[int(thing.style * 3) % 3]
    hair = HAIR[int(thing.style * 16) % 4]
    scale = spot.scale
    shoulder = seat_m + 0.56 * size
    lean = 0.06 * size if class_id == RIDER else 0.0
    for hand in (-1, 1):
        edge = hand * 0.23 * size
        canvas.box(
            spot.x(edge - 0.055 * size),
            spot.y(shoulder - 0.03),
            spot.x(edge + 0.055 * size),
            spot.y(shoulder - 0.52 * size),
            Ink(class_id, thing.first, 0.82),
        )
    canvas.wedge(
        spot.y(shoulder),
        spot.y(seat_m - 0.04),
        (spot.x(-0.23 * size), spot.x(-0.16 * size)),
        (spot.x(0.23 * size), spot.x(0.17 * size)),
        Ink(class_id, thing.first),
    )
    head = 0.115 * size * scale
    y = spot.y(shoulder + 0.13 * size)
    canvas.disc(spot.x(lean), y, head, 1.2 * head, Ink(class_id, skin if thing.facing else hair))
    canvas.box(
        spot.x(lean) - head, y - 1.25 * head, spot.x(lean) + head, y - 0.45 * head, Ink(class_id, hair)
    )


def _paint_legs(canvas: Canvas, spot: Spot, thing: Thing, class_id: int, hip_m: float) -> None:
    size = thing.scale
    stride = 0.05 + 0.14 * thing.style
    for hand, shade in ((-1, 0.85), (1, 1.0)):
        hip, foot = hand * 0.08 * size, hand * stride * size
        canvas.wedge(
            spot.y(hip_m),
            spot.y(0.0),
            (spot.x(hip - 0.085 * size), spot.x(foot - 0.06 * size)),
            (spot.x(hip + 0.085 * size), spot.x(foot + 0.06 * size)),
            Ink(class_id, thing.second, shade),
        )


def paint_person(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint someone on foot."""
    spot = Spot(camera, thing)
    canvas.darken(spot.column, spot.ground, 0.34 * spot.scale, 0.1 * spot.scale, 0.5)
    _paint_legs(canvas, spot, thing, PERSON, 0.9 * thing.scale)
    _paint_body(canvas, spot, thing, PERSON, 0.88 * thing.scale)


def _paint_two_wheeler(canvas: Canvas, spot: Spot, thing: Thing, class_id: int) -> None:
    """Paint a bicycle or a motorcycle, end on or (when it leans at a wall) from its side."""
    heavy = class_id == MOTORCYCLE
    radius, metal = (0.31, thing.second) if heavy else (0.34, thing.first)
    scale = spot.scale
    canvas.darken(spot.column, spot.ground, 0.7 * scale, 0.1 * scale, 0.5)
    if thing.style < 0.5:
        tyre = 0.09 if heavy else 0.045
        canvas.box(spot.x(-tyre), spot.y(2 * radius), spot.x(tyre), spot.y(0.0), Ink(class_id, RUBBER))
        if heavy:
            canvas.disc(spot.x(0), spot.y(0.68), 0.24 * scale, 0.24 * scale, Ink(class_id, metal))
            canvas.disc(spot.x(0), spot.y(0.84), 0.09 * scale, 0.09 * scale, Ink(class_id, (226, 222, 206)))
        else:
            canvas.box(spot.x(-0.03), spot.y(0.95), spot.x(0.03), spot.y(0.5), Ink(class_id, metal))
        bar = 0.38 if heavy else 0.28
        canvas.box(spot.x(-bar), spot.y(1.02), spot.x(bar), spot.y(0.95), Ink(class_id, RUBBER))
        return
    base = 0.66 if heavy else 0.52
    for hand in (-1, 1):
        x, y = spot.x(hand * base), spot.y(radius)
        canvas.disc(x, y, radius * scale, radius * scale, Ink(class_id, RUBBER))
        # the hole of a wheel counts as the wheel, as in Cityscapes' labels
        rim = 0.6 if heavy else 0.82
        canvas.disc(x, y, rim * radius * scale, rim * radius * scale, Ink(class_id, (112, 112, 112)))
    high, low = (0.86, 0.34) if heavy else (0.74, 0.42)
    canvas.wedge(
        spot.y(high),
        spot.y(low),
        (spot.x(-base * 0.7), spot.x(-base * 0.25)),
        (spot.x(base * 0.75), spot.x(base * 0.2)),
        Ink(class_id, metal),
    )
    canvas.box(
        spot.x(-base * 0.7), spot.y(high + 0.08), spot.x(-base * 0.1), spot.y(high), Ink(class_id, RUBBER)
    )
    canvas.box(
        spot.x(base * 0.6), spot.y(1.04), spot.x(base * 0.82), spot.y(high - 0.3), Ink(class_id, RUBBER)
    )


def _paint_rider(canvas: Canvas, spot: Spot, thing: Thing, class_id: int) -> None:
    _paint_two_wheeler(canvas, spot, thing, class_id)
    size, seat = thing.scale, 0.86
    for hand, shade in ((-1, 0.85), (1, 1.0)):
        hip, foot = hand * 0.1 * size, hand * 0.15 * size
        canvas.wedge(
            spot.y(seat),
            spot.y(0.34),
            (spot.x(hip - 0.085), spot.x(foot - 0.06)),
            (spot.x(hip + 0.085), spot.x(foot + 0.06)),
            Ink(RIDER, thing.second, shade),
        )
    _paint_body(canvas, spot, thing, RIDER, seat)


def paint_cyclist(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a bicycle with its rider, who looks like anyone on foot."""
    _paint_rider(canvas, Spot(camera, thing), thing, BICYCLE)


def paint_motorcyclist(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a motorcycle with its rider."""
    _paint_rider(canvas, Spot(camera, thing), thing, MOTORCYCLE)


def paint_bicycle(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a parked bicycle."""
    _paint_two_wheeler(canvas, Spot(camera, thing), thing, BICYCLE)


def paint_motorcycle(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a parked motorcycle."""
    _paint_two_wheeler(canvas, Spot(camera, thing), thing, MOTORCYCLE)
