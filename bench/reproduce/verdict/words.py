"""Verdicts: what a measured number says about a printed one.

A count is exact, so it is judged to the printed digit; an accuracy is a sample, so it is judged by an
interval over seeds; a time belongs to a machine, so on another machine it is only set beside.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from bench.evaluate.differences import Difference

EQUAL = "equal"
WITHIN_ONE_DIGIT = "within one digit"
EQUAL_IN_SOURCE_UNIT = "equal in the source's unit"
UNIT_ERROR = "unit error in the paper"
OFF = "off"
REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
NOT_DISTINGUISHABLE = "not distinguishable"
OTHER_MACHINE = "other machine"
OTHER_DATA = "other data"
OTHER_SPLIT = "other split"
NOT_MEASURED = "not measured"
RECONSTRUCTION = "reconstruction"

ALL = (
    EQUAL,
    WITHIN_ONE_DIGIT,
    EQUAL_IN_SOURCE_UNIT,
    UNIT_ERROR,
    OFF,
    REPRODUCED,
    CONTRADICTED,
    NOT_DISTINGUISHABLE,
    OTHER_MACHINE,
    OTHER_DATA,
    OTHER_SPLIT,
    NOT_MEASURED,
    RECONSTRUCTION,
)

FILE_SIZE_TOLERANCE = 0.02
"""How near a file size must lie to a printed parameter count to be what was printed: the four known cases are
within 1.4 % (weights files hold a little more, or less, than the parameters)."""

_FOREIGN_UNITS = {"2xMAC G": "two operations a multiply-add", "GiMAC": "multiply-adds in units of 2^30"}
# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
FEWEST_SEEDS = 3
"""Below these an accuracy or a difference is not judged."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    verdict
        One of `ALL`.
    note
        What the word leaves unsaid, or None.
    """

    verdict: str
    note: str | None = None


def exact(value: float | Decimal) -> Decimal:
    """Return a measured number as the decimal that a reader sees (0.285, not 0.28499999...).

    Raises
    ------
    ValueError
        NaN or infinity, which is no measurement.
    """
    number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    if not number.is_finite():
        raise ValueError(f"a measured value must be finite, found {value}")
    return number


def digit_of(printed: str) -> Decimal:
    """Return one unit of the last printed digit: 0.001 for ``11.465``, 1 for ``286``."""
    return Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent))


def round_as(value: float | Decimal, printed: str) -> Decimal:
    """Round to the digits that are printed, halves away from zero."""
    return exact(value).quantize(digit_of(printed), rounding=ROUND_HALF_UP)


def judge_count(value: float | Decimal, printed: str, unit: str) -> Verdict:
    """Judge a count, given in the printed unit.

    Parameters
    ----------
    value
        Unrounded, in ``unit``.
    printed
        The paper's digits.
    unit
        Of the printed number. In a unit that is not the column's own (2xMAC, GiMAC) equality is
        ``equal in the source's unit``.
    """
    number, target = exact(value), Decimal(printed)
    foreign = _FOREIGN_UNITS.get(unit)
    if round_as(number, printed) == target:
        return Verdict(EQUAL_IN_SOURCE_UNIT, foreign) if foreign else Verdict(EQUAL)
    difference = abs(number - target)
    if difference <= digit_of(printed):
        cut = number.quantize(digit_of(printed), rounding=ROUND_DOWN) == target
        note = "cut" if cut else f"differs by {_short(difference)}"
        return Verdict(WITHIN_ONE_DIGIT, f"{note}; {foreign}" if foreign else note)
    return Verdict(OFF, off_by(number, printed))


def off_by(value: float | Decimal, printed: str) -> str:
    """Return the factor measured / printed in words."""
    target = Decimal(printed)
    if target == 0:
        return "the printed number is 0"
    factor = exact(value) / target
    return f"measured / printed = {_short(factor)}"


def judge_scaled_count(gimacs_at_reference: float, area_ratio: Decimal, printed: str) -> Verdict:
    """Judge a cost that was printed at a reference size, rounded to one digit, and scaled by the area.

    BiSeNet's 14.8 is 2.9 (2.855 GiMAC at 360x640) times 5.12.

    Parameters
    ----------
    gimacs_at_reference
        Multiply-adds at the reference size, in units of 2^30.
    area_ratio
        Area of the table's size over the reference's.
    printed
        The paper's digits.
    """
    once = round_as(gimacs_at_reference, "0.0")
    scaled = once * area_ratio
    way = f"{_short(exact(gimacs_at_reference))} GiMAC at the reference size, as {once}, times {area_ratio}"
    if round_as(scaled, printed) == Decimal(printed):
        return Verdict(EQUAL_IN_SOURCE_UNIT, way)
    return Verdict(OFF, f"{off_by(scaled, printed)}; {way}")


def judge_file_size(params_m: float, printed: str) -> Verdict:
    """Judge a "parameter count" that is known to be a file size (float32 bytes in MiB or MB).

    Parameters
    ----------
    params_m
        The true count, in 1e6.
    printed
        The paper's digits, headed "Params (M)".
    """
    count = exact(params_m)
    megabytes = 4 * count
    mebibytes = megabytes * 1_000_000 / 2**20
    target = Decimal(printed)
    nearest = min((mebibytes, megabytes), key=lambda size: abs(size - target))
    if abs(nearest - target) > Decimal(str(FILE_SIZE_TOLERANCE)) * target:
        return Verdict(OFF, f"true count {count:.3f} M; {off_by(count, printed)} as a count")
    name = "MiB" if nearest == mebibytes else "MB"
    return Verdict(
        UNIT_ERROR, f"true count {count:.3f} M; printed is about its {nearest:.2f} {name} of float32"
    )


def judge_accuracy(percents: Sequence[float], printed: str) -> Verdict:
    """Judge accuracies on the paper's own data and protocol, one of each seed.

    With three seeds or more, ``reproduced`` when Student's 95 % interval of the mean contains the printed
    value; fewer are ``not distinguishable``.

    Parameters
    ----------
    percents
        mIoU of each seed, in percent.
    printed
        The paper's digits, in percent.
    """
    if not percents:
        return Verdict(NOT_MEASURED)
    if len(percents) < FEWEST_SEEDS:
        return Verdict(NOT_DISTINGUISHABLE, f"{_seeds(len(percents))}, at least {FEWEST_SEEDS} needed")
    low, high = interval_95(percents)
    inside = low <= float(Decimal(printed)) <= high
    note = f"95 % interval {low:.2f} to {high:.2f}, {_seeds(len(percents))}"
    return Verdict(REPRODUCED if inside else CONTRADICTED, note)


def judge_difference(difference: Difference, printed: Decimal) -> Verdict:
    """Judge the difference between two variants.

    Parameters
    ----------
    difference
        As measured, variant less reference.
    printed
        The paper's; only its sign is compared.
    """
    seeds = min(difference.seeds)
    if seeds < FEWEST_SEEDS:
        return Verdict(NOT_DISTINGUISHABLE, f"{_seeds(seeds)}, at least {FEWEST_SEEDS} needed")
    if difference.sign == 0 or printed == 0:
        return Verdict(NOT_DISTINGUISHABLE)
    return Verdict(REPRODUCED if (difference.sign > 0) == (printed > 0) else CONTRADICTED)


def interval_95(values: Sequence[float]) -> tuple[float, float]:
    """Return Student's 95 % interval of the mean of at least two values."""
    mean = statistics.fmean(values)
    half = _t_975(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def tally(verdicts: Sequence[str]) -> dict[str, int]:
    """Count the verdicts that occur, in the order of `ALL`."""
    return {name: verdicts.count(name) for name in ALL if name in verdicts}


def _t_975(degrees: int) -> float:
    if degrees <= len(_T_975):
        return _T_975[degrees - 1]
    # Cornish and Fisher's expansion: below 1e-4 off from 31 degrees of freedom on
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def _short(number: Decimal) -> str:
    """Return at most four significant digits, without an exponent."""
    if number == 0:
        return "0"
    text = f"{number:.{max(0, 3 - number.adjusted())}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"
