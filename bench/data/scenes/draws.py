"""The dice and the palettes of the synthetic scenes.

All draws are `rng.random()`, which is the raw stream of PCG64 scaled to [0, 1); NumPy promises that stream
to stay, but not its distributions.
"""

from typing import TypeVar

import numpy as np

from bench.data.scenes.canvas import Colour

T = TypeVar("T")

# The palettes are shared between classes on purpose: colour alone must not tell them apart.
ASPHALT: tuple[Colour, ...] = (
    (98, 98, 101),
    (112, 110, 107),
    (88, 90, 95),
    (122, 118, 115),
    (105, 101, 101),
    (130, 128, 126),
)
MASONRY: tuple[Colour, ...] = (
    (152, 144, 134),
    (158, 116, 96),
    (186, 172, 148),
    (122, 121, 122),
    (196, 190, 180),
    (136, 104, 88),
    (168, 152, 120),
    (108, 112, 118),
)
GREEN: tuple[Colour, ...] = ((74, 96, 52), (92, 110, 60), (62, 84, 48), (106, 116, 64), (84, 92, 46))
PAINT: tuple[Colour, ...] = (
    (206, 206, 204),
    (164, 166, 170),
    (42, 43, 46),
    (92, 95, 99),
    (150, 40, 38),
    (46, 68, 122),
    (44, 82, 62),
    (204, 168, 62),
    (178, 164, 138),
)
CLOTH: tuple[Colour, ...] = (
    (44, 46, 58),
    (70, 62, 58),
    (126, 122, 118),
    (146, 48, 46),
    (58, 78, 118),
    (60, 86, 66),
    (188, 178, 160),
    (36, 36, 38),
)
STEEL: tuple[Colour, ...] = ((96, 98, 100), (124, 126, 126), (72, 74, 76), (86, 80, 72))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly from [low, high)."""
    return low + (high - low) * rng.random()


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return whether an event of this probability happens."""
    return rng.random() < probability


def pick(rng: np.random.Generator, items: tuple[T, ...]) -> T:
    """Draw one item, each as likely."""
    return items[int(rng.random() * len(items))]


def tint(rng: np.random.Generator, colour: Colour, spread: float = 0.12) -> Colour:
    """Return the colour a little lighter or darker."""
    gain = between(rng, 1.0 - spread, 1.0 + spread)
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain)
