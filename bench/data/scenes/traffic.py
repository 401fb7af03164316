"""Draw the objects of a synthetic street: who drives, walks and stands where, in metres."""

import numpy as np

from bench.data.scenes.draws import CLOTH, GREEN, MASONRY, PAINT, STEEL, between, chance, pick, tint
from bench.data.scenes.street import Side, Thing


def draw_things(
    rng: np.random.Generator,
    left: Side,
    right: Side,
    *,
    lane_m: float,
    crossing_m: float | None,
    rails_m: float | None,
) -> tuple[Thing, ...]:
    """Draw all objects of a street; the painter sorts them by depth."""
    things = _draw_driving(rng, left, lane_m, rails_m)
    for side in (left, right):
        things += _draw_parked(rng, side, crossing_m)
        things += _draw_posts(rng, side, crossing_m)
        things += _draw_trees(rng, side, crossing_m)
        things += _draw_walkers(rng, side)
    if crossing_m is not None and chance(rng, 0.45):
        for _ in range(1 + int(between(rng, 0.0, 2.6))):
            t = between(rng, -left.road_m, right.road_m)
            things.append(_person(rng, t, crossing_m - between(rng, 1.0, 3.0)))
    return tuple(things)


def _vehicle(rng: np.random.Generator, kind: str, t: float, z: float, facing: bool) -> Thing:
    return Thing(
        kind,
        t,
        z,
        between(rng, 0.93, 1.08),
        tint(rng, pick(rng, PAINT)),
        tint(rng, pick(rng, PAINT)),
        facing,
        rng.random(),
    )


def _person(rng: np.random.Generator, t: float, z: float, kind: str = "person") -> Thing:
    return Thing(
        kind,
        t,
        z,
        between(rng, 0.88, 1.08),
        tint(rng, pick(rng, CLOTH), 0.25),
        tint(rng, pick(rng, CLOTH), 0.25),
        chance(rng, 0.5),
        rng.random(),
    )


def _draw_driving(rng: np.random.Generator, left: Side, lane_m: float, rails_m: float | None) -> list[Thing]:
    """Draw a queue of vehicles in the camera's lane and in each oncoming one, and riders between."""
    things: list[Thing] = []
    z = between(rng, 8.0, 26.0)
    while z < 75.0:
        kind, length = _kind_of_vehicle(rng)
        things.append(_vehicle(rng, kind, between(rng, -0.3, 0.3), z, facing=False))
        z += length + between(rng, 6.0, 30.0)
    lane = -lane_m
    if rails_m is not None:
        if chance(rng, 0.85):
            things.append(_vehicle(rng, "train", rails_m, between(rng, 14.0, 55.0), chance(rng, 0.5)))
        lane -= lane_m
    while lane > -left.road_m:
        z = between(rng, 7.0, 40.0)
        while z < 75.0:
            kind, length = _kind_of_vehicle(rng)
            things.append(_vehicle(rng, kind, lane + between(rng, -0.3, 0.3), z, facing=True))
            z += length + between(rng, 8.0, 40.0)
        lane -= lane_m
    for kind, often in (("cyclist", 0.3), ("motorcyclist", 0.17)):
        if chance(rng, often):
            facing = chance(rng, 0.5)
            t = -lane_m * between(rng, 1.3, 1.5) if facing else lane_m * between(rng, 0.36, 0.5)
            things.append(_person(rng, t, between(rng, 5.5, 22.0), kind))
    return things


def _kind_of_vehicle(rng: np.random.Generator) -> tuple[str, float]:
    """Draw a vehicle and its length (metres): nearly always a car."""
    roll = rng.random()
    if roll < 0.03:
        return "truck", 7.5
    return ("bus", 11.0) if roll < 0.06 else ("car", 4.3)


def _draw_parked(rng: np.random.Generator, side: Side, crossing_m: float | None) -> list[Thing]:
    """Draw cars along the kerb, and two-wheelers on the sidewalk beside it."""
    things: list[Thing] = []
    wanted = between(rng, 0.0, 0.9) if side.parking else 0.0
    z = between(rng, 4.0, 11.0)
    while z < 70.0:
        free = crossing_m is None or not crossing_m - 7.0 < z < crossing_m + 10.0
        if chance(rng, wanted) and free:
            kind = "truck" if chance(rng, 0.01) else "car"
            things.append(_vehicle(rng, kind, side.hand * (side.road_m - 1.05), z, side.hand < 0))
        z += between(rng, 5.0, 8.0)
    for kind, often in (("bicycle", 0.42), ("motorcycle", 0.17)):
        if chance(rng, often):
            z = between(rng, 6.0, 20.0)
            for _ in range(1 + int(between(rng, 0.0, 2.9))):
                t = side.hand * (side.walk_m - between(rng, 0.4, 1.4))
                things.append(_person(rng, t, z, kind))
                z += between(rng, 0.8, 2.0)
    return things


def _draw_posts(rng: np.random.Generator, side: Side, crossing_m: float | None) -> list[Thing]:
    """Draw lamp posts, signs, traffic lights, bollards and a bin along the kerb."""
    kerb = side.hand * (side.road_m + between(rng, 0.25, 0.6))
    steel = tint(rng, pick(rng, STEEL))
    things: list[Thing] = []

    def post(kind: str, z: float) -> None:
        things.append(
            Thing(
                kind, kerb, z, between(rng, 0.9, 1.1), steel, pick(rng, PAINT), chance(rng, 0.5), rng.random()
            )
        )

    z, step = between(rng, 6.0, 24.0), between(rng, 16.0, 28.0)
    while z < 90.0:
        post("lamp", z)
        z += step
    for _ in range(int(between(rng, 0.3, 3.4))):
        post("sign", between(rng, 6.0, 40.0))
    if crossing_m is not None:
        if chance(rng, 0.85):
            post("light", crossing_m - 0.4)
        if chance(rng, 0.6):
            post("light", crossing_m + 9.2)
    elif chance(rng, 0.18):
        post("light", between(rng, 12.0, 35.0))
    if chance(rng, 0.2):
        for number in range(4):
            post("bollard", 7.0 + 2.2 * number)
    if chance(rng, 0.25):
        z, t = between(rng, 6.0, 22.0), side.hand * (side.walk_m - 0.5)
        things.append(Thing("bin", t, z, 1.0, pick(rng, PAINT), steel, False, rng.random()))
    return things


def _draw_trees(rng: np.random.Generator, side: Side, crossing_m: float | None) -> list[Thing]:
    """Draw a row of trees along the kerb or behind the sidewalk, and bushes on a verge."""
    things: list[Thing] = []
    green, bark = pick(rng, GREEN), pick(rng, MASONRY)
    dark = (bark[0] * 0.55, bark[1] * 0.55, bark[2] * 0.55)
    wanted = between(rng, 0.2, 1.0) if chance(rng, 0.75) else 0.0
    behind = chance(rng, 0.5)
    t = side.hand * (0.5 * (side.walk_m + side.facade_m) if behind else side.road_m + 0.8)
    z, step = between(rng, 7.0, 15.0), between(rng, 6.0, 11.0)
    while z < 95.0:
        free = crossing_m is None or not crossing_m - 2.0 < z < crossing_m + 11.0
        if chance(rng, wanted) and free:
            scale = between(rng, 0.75, 1.25)
            things.append(Thing("tree", t, z, scale, tint(rng, green, 0.1), dark, behind, rng.random()))
        z += step
    if side.facade_m - side.walk_m > 1.5:
        for _ in range(int(between(rng, 0.0, 4.0))):
            t = side.hand * between(rng, side.walk_m + 0.6, side.facade_m)
            z = between(rng, 8.0, 50.0)
            things.append(
                Thing("bush", t, z, between(rng, 0.6, 1.4), tint(rng, green), dark, True, rng.random())
            )
    return things


def _draw_walkers(rng: np.random.Generator, side: Side) -> list[Thing]:
    """Draw people on the sidewalk, some of them side by side."""
    things: list[Thing] = []
    busy = between(rng, 0.0, 9.0)
    for _ in range(int(busy)):
        t, z = between(rng, side.road_m + 0.4, side.walk_m - 0.3), between(rng, 6.5, 38.0)
        things.append(_person(rng, side.hand * t, z))
        if chance(rng, 0.3):
            things.append(_person(rng, side.hand * (t + 0.65), z + between(rng, -0.4, 0.4)))
    return things
