"""Draw a synthetic street: its light, ground, both sides and (`scenes_traffic`) all that stands on it."""

import numpy as np

from bench.data.scenes.classes import BUILDING, FENCE, SIDEWALK, TERRAIN, VEGETATION, WALL
from bench.data.scenes.draws import ASPHALT, GREEN, MASONRY, PAINT, between, chance, pick, tint
from bench.data.scenes.street import END_OF_STREET_M, Plot, Side, Street
from bench.data.scenes.traffic import draw_things
from bench.data.scenes.weather import draw_weather


def draw_street(rng: np.random.Generator) -> Street:
    """Draw a whole street; the number of draws does not depend on the picture's size."""
    weather = draw_weather(rng)
    crossing_m = between(rng, 13.0, 40.0) if chance(rng, 0.4) else None
    lane_m = between(rng, 3.0, 3.6)
    lanes_left = 1 + int(between(rng, 0.0, 2.2))
    lanes_right = int(between(rng, 0.0, 1.4))
    left = _draw_side(rng, -1, (0.5 + lanes_left) * lane_m, crossing_m)
    right = _draw_side(rng, 1, (0.5 + lanes_right) * lane_m, crossing_m)
    rails_m = -between(rng, 0.85, 1.0) * lane_m if chance(rng, 0.24) else None
    asphalt = tint(rng, pick(rng, ASPHALT))
    paving = tint(rng, pick(rng, ASPHALT))
    things = draw_things(rng, left, right, lane_m=lane_m, crossing_m=crossing_m, rails_m=rails_m)
    return Street(
        weather=weather,
        horizon=between(rng, 0.36, 0.46),
        eye_m=between(rng, 1.3, 1.7),
        vanishing=between(rng, 0.42, 0.58),
        curve_per_m=between(rng, -0.0022, 0.0022) if chance(rng, 0.6) else 0.0,
        left=left,
        right=right,
        middle_m=-0.5 * lane_m,
        crossing_m=crossing_m,
        rails_m=rails_m,
        asphalt=asphalt,
        paving=paving,
        grass=tint(rng, pick(rng, GREEN)),
        things=things,
        hood=between(rng, 0.03, 0.075) if chance(rng, 0.7) else 0.0,
        hood_colour=pick(rng, PAINT),
        border=between(rng, 0.006, 0.014) if chance(rng, 0.5) else 0.0,
    )


def _draw_side(rng: np.random.Generator, hand: int, lanes_m: float, crossing_m: float | None) -> Side:
    parking = chance(rng, 0.65)
    road_m = lanes_m + (between(rng, 1.9, 2.3) if parking else 0.3)
    walk_m = road_m + between(rng, 1.8, 4.0)
    verge = TERRAIN if chance(rng, 0.5) else SIDEWALK
    facade_m = walk_m + (between(rng, 0.1, 2.5) if verge == SIDEWALK else between(rng, 1.5, 7.0))
    return Side(
        hand=hand,
        road_m=road_m,
        walk_m=walk_m,
        facade_m=facade_m,
        parking=parking,
        verge=verge,
        plots=_draw_plots(rng, crossing_m),
        borders=_draw_borders(rng, crossing_m),
    )


def _draw_plots(rng: np.random.Generator, crossing_m: float | None) -> tuple[Plot, ...]:
    """Draw the buildings and groves of a side, from here to the end of the street."""
    plots: list[Plot] = []
    z = between(rng, -10.0, 4.0)
    wooded = between(rng, 0.0, 0.6)
    while z < END_OF_STREET_M:
        far = z + between(rng, 8.0, 24.0)
        if crossing_m is not None and z < crossing_m < far:
            if crossing_m > 1.0:
                plots.append(_draw_plot(rng, crossing_m, wooded))
            plots.append(Plot(crossing_m + 9.0, None, 0.0, MASONRY[0], 3.0, 3.0))
            z = crossing_m + 9.0
            continue
        plots.append(_draw_plot(rng, far, wooded))
        z = far
    return tuple(plots)


def _draw_plot(rng: np.random.Generator, far_m: float, wooded: float) -> Plot:
    kind = rng.random()
    if kind < 0.06:
        return Plot(far_m, None, 0.0, MASONRY[0], 3.0, 3.0)
    if kind < 0.06 + wooded:
        return Plot(far_m, VEGETATION, between(rng, 5.0, 13.0), tint(rng, pick(rng, GREEN)), 3.0, 3.0)
    return Plot(
        far_m,
        BUILDING,
        between(rng, 7.0, 22.0),
        tint(rng, pick(rng, MASONRY)),
        between(rng, 2.8, 3.8),
        between(rng, 2.0, 4.2),
    )


def _draw_borders(rng: np.random.Generator, crossing_m: float | None) -> tuple[Plot, ...]:
    """Draw what stands along the back of the sidewalk: walls, fences and hedges, mostly nothing."""
    kinds: tuple[int | None, ...] = (WALL, WALL, FENCE, FENCE, FENCE, VEGETATION) + (None,) * 13
    borders: list[Plot] = []
    z = between(rng, -10.0, 4.0)
    while z < 70.0:
        far = z + between(rng, 5.0, 18.0)
        kind = pick(rng, kinds)
        if crossing_m is not None and z < crossing_m + 9.0 and far > crossing_m - 1.0:
            kind = None
        palette = GREEN if kind == VEGETATION else MASONRY
        height = between(rng, 1.4, 2.4) if kind == WALL else between(rng, 0.9, 1.7)
        borders.append(Plot(far, kind, height, tint(rng, pick(rng, palette)), 1.0, between(rng, 0.35, 0.7)))
        z = far
    borders.append(Plot(END_OF_STREET_M, None, 0.0, MASONRY[0], 1.0, 1.0))
    return tuple(borders)
