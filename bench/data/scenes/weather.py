"""The light of a synthetic street: day, dusk or overcast, its haze, shadows, texture, blur and noise."""

from dataclasses import dataclass

import numpy as np

from bench.data.scenes.canvas import Bytes, Canvas, Colour, Floats
from bench.data.scenes.classes import (
    BUILDING,
    FENCE,
    ROAD,
    SIDEWALK,
    SKY,
    TERRAIN,
    VEGETATION,
    WALL,
)


@dataclass(frozen=True)
class Weather:
    """The light of one scene; shades are factors on colours, `noise` and `blur` act on the finished image."""

    name: str
    gain: Colour
    sky_low: Colour
    sky_high: Colour
    haze_per_m: float
    shade_left: float
    shade_right: float
    shade_front: float
    shadow: float
    shadow_hand: int
    shadow_reach_m: float
    clouds: float
    noise: float
    blur: float


def draw_weather(rng: np.random.Generator) -> Weather:
    """Draw the light: half of the scenes by day, three in ten overcast, two in ten at dusk."""
    kind, sun, bright, reach = rng.random(), rng.random(), rng.random(), rng.random()
    hand = -1 if sun < 0.5 else 1
    noise = 2.0 + 5.0 * rng.random()
    blur = rng.random()
    level = 0.88 + 0.24 * bright
    lit, dim = 1.12, 0.74
    if kind < 0.5:
        return Weather(
            name="day",
            gain=(level * 1.06, level * 1.02, level * 0.95),
            sky_low=(196.0, 212.0, 226.0),
            sky_high=(112.0 + 40.0 * sun, 158.0 + 20.0 * sun, 206.0),
            haze_per_m=0.004,
            shade_left=dim if hand < 0 else lit,
            shade_right=lit if hand < 0 else dim,
            shade_front=0.9,
            shadow=0.45,
            shadow_hand=hand,
            shadow_reach_m=2.0 + 6.0 * reach,
            clouds=0.8,
            noise=noise,
            blur=blur,
        )
    if kind < 0.8:
        return Weather(
            name="overcast",
            gain=(level * 0.92, level * 0.93, level * 0.95),
            sky_low=(206.0, 208.0, 210.0),
            sky_high=(178.0, 182.0, 188.0),
            haze_per_m=0.009,
            shade_left=0.95,
            shade_right=0.98,
            shade_front=0.9,
            shadow=0.16,
            shadow_hand=hand,
            shadow_reach_m=0.0,
            clouds=0.5,
            noise=noise,
            blur=blur,
        )
    return Weather(
        name="dusk",
        gain=(level * 0.74, level * 0.65, level * 0.68),
        sky_low=(236.0, 178.0, 138.0),
        sky_high=(104.0, 112.0, 150.0),
        haze_per_m=0.007,
        shade_left=0.8 if hand < 0 else 1.05,
        shade_right=1.05 if hand < 0 else 0.8,
        shade_front=0.85,
        shadow=0.22,
        shadow_hand=hand,
        shadow_reach_m=0.0,
        clouds=0.6,
        noise=noise + 2.0,
        blur=blur,
    )


def noise_bytes(rng: np.random.Generator, count: int) -> Bytes:
    """Return `count` evenly distributed bytes from the generator's raw stream, the same on every machine."""
    words = rng.bit_generator.random_raw(-(-count // 8))
    # little-endian whatever the machine is
    return np.asarray(words, dtype="<u8").view(np.uint8)[:count]


def value_noise(rng: np.random.Generator, cells: tuple[int, int], size_hw: tuple[int, int]) -> Floats:
    """Return a smooth noise field in -1..1, shape (h, w), interpolated between `cells` random values."""
    down, across = cells
    grid = noise_bytes(rng, (down + 1) * (across + 1)).reshape(down + 1, across + 1).astype(np.float32)
    grid = grid * np.float32(1 / 127.5) - np.float32(1.0)
    for axis, (number, size) in enumerate(zip(cells, size_hw, strict=True)):
        place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(number / size)
        low = place.astype(np.intp)
        part = place - low.astype(np.float32)
        part = part[:, None] if axis == 0 else part[None, :]
        below, above = np.take(grid, low, axis=axis), np.take(grid, low + 1, axis=axis)
        grid = below + (above - below) * part
    return grid


# How strongly each class is mottled by fine grain and by leaf-sized blotches. Classes that share a palette
# share these numbers too, so that the grain does not tell them apart.
_PAVED, _BUILT, _GREEN = (0.07, 0.07), (0.06, 0.05), (0.14, 0.26)
_MOTTLE = np.full((2, 256), 0.03, np.float32)
_MOTTLE[:, [ROAD, SIDEWALK]] = np.array(_PAVED)[:, None]
_MOTTLE[:, [BUILDING, WALL, FENCE]] = np.array(_BUILT)[:, None]
_MOTTLE[:, [VEGETATION, TERRAIN]] = np.array(_GREEN)[:, None]
_MOTTLE[:, SKY] = 0.0


def develop(canvas: Canvas, weather: Weather, leaves: Floats, rng: np.random.Generator) -> Bytes:
    """Give the painted canvas grain, light, blur and sensor noise; returns the image, uint8 (h, w, 3)."""
    height, width = canvas.label.shape
    image = canvas.image
    grain = noise_bytes(rng, height * width).reshape(height, width).astype(np.float32)
    grain = grain * np.float32(1 / 127.5) - np.float32(1.0)
    mottle = (
        np.take(_MOTTLE[0], canvas.label) * grain
        + np.take(_MOTTLE[1], canvas.label) * leaves
        + np.float32(1.0)
    )
    image *= mottle[:, :, None] * np.array(weather.gain, np.float32)
    # every image is softened at least a little, as a lens does; the label is not
    image = _soften(image, np.float32(0.08 + 0.17 * weather.blur))
    speckle = noise_bytes(rng, height * width * 3).reshape(height, width, 3).astype(np.float32)
    image += (speckle - np.float32(127.5)) * np.float32(weather.noise / 127.5)
    finished: Bytes = np.minimum(np.maximum(image + 0.5, 0.0), 255.0).astype(np.uint8)
    return finished


def _soften(image: Floats, weight: np.float32) -> Floats:
    """Mix each pixel with its neighbours, down and then across (`weight` each); the frame's edge stays."""
    for axis in (0, 1):
        inner = image[1:-1] if axis == 0 else image[:, 1:-1]
        steps = image[1:] - image[:-1] if axis == 0 else image[:, 1:] - image[:, :-1]
        steps *= weight
        inner += steps[1:] if axis == 0 else steps[:, 1:]
        inner -= steps[:-1] if axis == 0 else steps[:, :-1]
    return image
