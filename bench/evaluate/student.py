"""Quantiles of Student's t for any degrees of freedom: Satterthwaite's rule makes them fractional."""

from __future__ import annotations

import math

_TINY = 1e-300
_TERMS = 10_000


def student_quantile(probability: float, degrees: float) -> float:
    """Return the value below which Student's t lies with a probability.

    Parameters
    ----------
    probability
        Strictly between 0 and 1.
    degrees
        Of freedom, above 0; need not be whole.

    Raises
    ------
    ValueError
        A probability or degrees outside these bounds.
    """
    if not 0 < probability < 1 or not 0 < degrees < math.inf:
        raise ValueError(f"probability {probability} and degrees {degrees}; must be in (0, 1) and above 0")
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while _upper_tail(high, degrees) > 1 - probability:
        low, high = high, 2 * high
    # halving until the floats between are used up
    while low < (middle := (low + high) / 2) < high:
        if _upper_tail(middle, degrees) > 1 - probability:
            low = middle
        else:
            high = middle
    return high


def _upper_tail(t: float, degrees: float) -> float:
    """Return the probability of more than ``t``, which is at least 0."""
    return _incomplete_beta(degrees / (degrees + t * t), degrees / 2) / 2


def _incomplete_beta(x: float, a: float) -> float:
    """Return the regularised I_x(a, 1/2): its continued fraction (DLMF 8.17.22) by Lentz's method."""
    if x >= 1:
        return 1.0
    b = 0.5
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # the fraction converges fast on one side of the mean; the other is its mirror image
    if x > (a + 1) / (a + b + 2):
        return 1 - math.exp(log_front) * _fraction(1 - x, b, a) / b
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    upper, lower = 1.0, 1 / _kept_off_zero(1 - (a + b) * x / (a + 1))
    value = lower
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            lower = 1 / _kept_off_zero(1 + term * lower)
            upper = _kept_off_zero(1 + term / upper)
            value *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return value


def _kept_off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
