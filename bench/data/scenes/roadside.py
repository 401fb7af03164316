"""Paint lamp posts, traffic lights, signs, bins and trees of a synthetic street."""

from bench.data.scenes.canvas import Camera, Canvas, Colour, Floats, Ink
from bench.data.scenes.classes import LIGHT, POLE, SIGN, VEGETATION, VOID
from bench.data.scenes.street import Spot, Thing


def _paint_post(canvas: Canvas, spot: Spot, thing: Thing, high: float, thick: float) -> None:
    half = max(0.5 * thick * spot.scale, 0.5)
    canvas.box(spot.column - half, spot.y(high), spot.column + half, spot.ground, Ink(POLE, thing.first))


def paint_lamp(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a lamp post with its arm towards the road."""
    spot = Spot(camera, thing)
    high = 6.4 * thing.scale
    _paint_post(canvas, spot, thing, high, 0.17)
    arm = -1.9 if thing.t > 0 else 1.9
    canvas.box(
        spot.x(min(arm, 0.0)),
        spot.y(high + 0.06),
        spot.x(max(arm, 0.0)),
        spot.y(high - 0.06),
        Ink(POLE, thing.first),
    )
    canvas.box(
        spot.x(arm - 0.3),
        spot.y(high + 0.05),
        spot.x(arm + 0.3),
        spot.y(high - 0.14),
        Ink(POLE, thing.first, 1.2),
    )


def paint_bollard(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a low post."""
    _paint_post(canvas, Spot(camera, thing), thing, 0.95, 0.15)


def paint_light(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint traffic lights on a post, over the road too on some; from behind they are a dark plate."""
    spot = Spot(camera, thing)
    high = 3.3 * thing.scale
    over = thing.style < 0.4
    arm = -2.6 if thing.t > 0 else 2.6
    _paint_post(canvas, spot, thing, 5.4 if over else high, 0.16)
    if over:
        canvas.box(
            spot.x(min(arm, 0.0)), spot.y(5.4), spot.x(max(arm, 0.0)), spot.y(5.26), Ink(POLE, thing.first)
        )
        _paint_signal(canvas, spot, thing, arm, 5.55)
    _paint_signal(canvas, spot, thing, 0.0, high)


def _paint_signal(canvas: Canvas, spot: Spot, thing: Thing, x_m: float, top_m: float) -> None:
    housing: Colour = ((34, 36, 36), (40, 58, 46), (176, 146, 52))[int(thing.style * 9) % 3]
    canvas.box(spot.x(x_m - 0.2), spot.y(top_m), spot.x(x_m + 0.2), spot.y(top_m - 1.05), Ink(LIGHT, housing))
    if not thing.facing:
        return
    lit = int(thing.style * 30) % 3
    colours: tuple[Colour, ...] = ((232, 46, 36), (240, 178, 40), (60, 214, 130))
    for number, colour in enumerate(colours):
        shown = colour if number == lit else (52, 48, 46)
        y = spot.y(top_m - 0.2 - 0.32 * number)
        canvas.disc(spot.x(x_m), y, 0.13 * spot.scale, 0.13 * spot.scale, Ink(LIGHT, shown))


def paint_sign(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint one or two traffic signs on a post: a disc, a triangle, a square or a bare grey back."""
    spot = Spot(camera, thing)
    high = 2.7 * thing.scale
    _paint_post(canvas, spot, thing, high, 0.09)
    _paint_plate(canvas, spot, int(thing.style * 7), high - 0.3, thing)
    if thing.style > 0.6:
        _paint_plate(canvas, spot, int(thing.style * 23) % 7, high - 1.05, thing)


def _paint_plate(canvas: Canvas, spot: Spot, kind: int, middle_m: float, thing: Thing) -> None:
    x, y, half = spot.column, spot.y(middle_m), 0.36 * spot.scale
    red, white, blue = (190, 36, 38), (226, 224, 218), (38, 78, 158)
    if kind == 0:
        canvas.disc(x, y, half, half, Ink(SIGN, red))
        canvas.disc(x, y, 0.68 * half, 0.68 * half, Ink(SIGN, white))
    elif kind == 1:
        canvas.wedge(y - half, y + half, (x, x - half), (x, x + half), Ink(SIGN, red))
        canvas.wedge(
            y - 0.35 * half, y + 0.75 * half, (x, x - 0.6 * half), (x, x + 0.6 * half), Ink(SIGN, white)
        )
    elif kind == 2:
        canvas.box(x - half, y - half, x + half, y + half, Ink(SIGN, blue))
        canvas.box(x - 0.3 * half, y - 0.6 * half, x + 0.3 * half, y + 0.6 * half, Ink(SIGN, white))
    elif kind == 3:
        canvas.disc(x, y, half, half, Ink(SIGN, blue))
        canvas.box(x - 0.2 * half, y - 0.6 * half, x + 0.2 * half, y + 0.6 * half, Ink(SIGN, white))
    elif kind == 4:
        canvas.wedge(y - half, y, (x, x - half), (x, x + half), Ink(SIGN, (214, 172, 48)))
        canvas.wedge(y, y + half, (x - half, x), (x + half, x), Ink(SIGN, (214, 172, 48)))
    elif kind == 5:
        canvas.box(x - 1.3 * half, y - 0.5 * half, x + 1.3 * half, y + 0.5 * half, Ink(SIGN, thing.second))
    else:
        canvas.disc(x, y, half, half, Ink(SIGN, thing.first, 0.8))


def paint_bin(canvas: Canvas, camera: Camera, thing: Thing) -> None:
    """Paint a bin, which belongs to none of the classes."""
    spot = Spot(camera, thing)
    canvas.box(spot.x(-0.3), spot.y(0.95), spot.x(0.3), spot.ground, Ink(VOID, thing.first, 0.8))
    canvas.box(spot.x(-0.33), spot.y(1.05), spot.x(0.33), spot.y(0.93), Ink(VOID, thing.second, 0.7))


def paint_tree(canvas: Canvas, camera: Camera, thing: Thing, leaves: Floats) -> None:
    """Paint a tree; its trunk counts as vegetation, as in Cityscapes."""
    spot = Spot(camera, thing)
    size, scale = thing.scale, spot.scale
    crown = 4.6 * size
    canvas.darken(spot.column, spot.ground, 1.3 * scale, 0.22 * scale, 0.4)
    half = max(0.14 * size * scale, 0.5)
    canvas.box(
        spot.column - half, spot.y(crown), spot.column + half, spot.ground, Ink(VEGETATION, thing.second)
    )
    lobes = ((-0.9, -0.5, 1.2), (0.95, -0.35, 1.25), (0.1, 0.55, 1.45), (-0.2, -0.2, 1.4))
    for across, up, radius in lobes:
        reach = radius * size * (0.8 + 0.4 * thing.style)
        x, y = spot.x(across * size), spot.y(crown + up * size)
        canvas.blob(x, y, reach * scale, 0.85 * reach * scale, Ink(VEGETATION, thing.first), ragged=leaves)


def paint_bush(canvas: Canvas, camera: Camera, thing: Thing, leaves: Floats) -> None:
    """Paint a bush on the verge."""
    spot = Spot(camera, thing)
    reach = 0.75 * thing.scale * spot.scale
    canvas.darken(spot.column, spot.ground, 1.1 * reach, 0.2 * reach, 0.4)
    canvas.blob(
        spot.column,
        spot.y(0.5 * thing.scale),
        reach,
        0.8 * reach,
        Ink(VEGETATION, thing.first),
        ragged=leaves,
    )
