"""Logits as a few numbers that change when any logit changes, and how far two such may differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.errors import NotMeasured

PROJECTIONS = 4
SAMPLES = 16
TOLERANCE = 1e-4
"""Largest difference of outputs on another machine or torch, as a share of the largest logit."""
LARGEST = 1e100
"""No logit, nor a sum of them, is larger."""

_WEIGHT_BITS = 20
_GOLDEN_RATIO = 0x9E3779B97F4A7C15  # 2^64 / 1.618..., the step of splitmix64

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Fingerprint:
    """Numbers that stand for an output.

    A projection is the sum over the logits times fixed whole weights up to 2^20, rounded once: the smallest
    change of a single float32 logit moves it. The samples say where an output moved, and by how much.

    Attributes:
        shape: Shape of the output.
        largest: The largest absolute logit.
        projections: Weighted sums, divided by 2^20 sqrt(number of logits): each has about the size of a
            logit.
        samples: Some of the logits, at fixed places.
    """

    shape: tuple[int, ...]
    largest: float
    projections: tuple[float, ...]
    samples: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; the numbers keep every bit."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def fingerprint(output: Array) -> Fingerprint:
    """Return the fingerprint of an output, float32 of any shape.

    Raises:
        NotMeasured: It holds NaN or infinity, or only zeros, which any network could return.
    """
    flat = output.astype(np.float64).ravel()
    if not flat.size or not bool(np.isfinite(flat).all()):
        raise NotMeasured("the output holds NaN or infinity")
    largest = float(np.abs(flat).max())
    if largest == 0.0:
        raise NotMeasured("the output is zero everywhere")
    unit = 2.0**_WEIGHT_BITS * math.sqrt(flat.size)
    # a product of 24 and 21 bits is exact, and fsum rounds once: the order of the sum cannot matter
    sums = [math.fsum((flat * _weights(number, flat.size)).tolist()) for number in range(PROJECTIONS)]
    places = _mixed(PROJECTIONS, SAMPLES) % np.uint64(flat.size)
    return Fingerprint(
        tuple(output.shape),
        largest,
        tuple(total / unit for total in sums),
        tuple(float(value) for value in flat[places]),
    )


def from_dict(document: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint that ``Fingerprint.as_dict`` gave; a wrong key or type is a ValueError."""
    if set(document) != {"shape", "largest", "projections", "samples"}:
        raise ValueError(f"keys {sorted(document)}; expected largest, projections, samples, shape")
    for name, values in {**document, "largest": [document["largest"]]}.items():
        if not isinstance(values, list) or not all(_is_number(value) for value in values):
            raise ValueError(f"{name} is {str(values)[:80]}; expected numbers")
    return Fingerprint(
        tuple(document["shape"]),
        float(document["largest"]),
        tuple(map(float, document["projections"])),
        tuple(map(float, document["samples"])),
    )


def _is_number(value: object) -> bool:
    # written so that NaN and whole numbers beyond a float are none
    return isinstance(value, int | float) and abs(value) < LARGEST


def difference(before: Fingerprint, now: Fingerprint) -> float:
    """Return the largest difference of two fingerprints as a share of the largest logit; 0 is no difference.

    It is infinite when the outputs differ in shape or the fingerprints in what they hold.
    """
    ours, theirs = now.projections + now.samples, before.projections + before.samples
    if before.shape != now.shape or len(ours) != len(theirs):
        return math.inf
    pairs = zip((*ours, now.largest), (*theirs, before.largest), strict=True)
    scale = max(before.largest, now.largest)
    return max(abs(a - b) for a, b in pairs) / scale if scale > 0 else 0.0


def _weights(number: int, count: int) -> Array:
    """Return whole numbers of both signs, none 0, as float64; the same on every machine."""
    bits = _mixed(number, count) >> np.uint64(64 - _WEIGHT_BITS - 1)
    return (bits.astype(np.int64) | 1).astype(np.float64) - 2.0**_WEIGHT_BITS


def _mixed(number: int, count: int) -> Array:
    """Return splitmix64's output from 2^40 x number on: numpy's own streams may change between versions."""
    index = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(number << 40)
    z = index * np.uint64(_GOLDEN_RATIO)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))
