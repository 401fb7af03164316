"""A count against a printed one, to the printed digit: a count is exact."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from bench.reproduce.verdict.words import (
    EQUAL,
    EQUAL_IN_SOURCE_UNIT,
    OFF,
    UNIT_ERROR,
    WITHIN_ONE_DIGIT,
    Verdict,
)

FILE_SIZE_TOLERANCE = 0.02
FILE_SIZE_CERTAIN = 0.005
"""How near a file size must lie to a printed parameter count to be what was printed: the four known cases are
within 1.4 % (weights files hold a little more, or less, than the parameters)."""

_FOREIGN_UNITS = {"2xMAC G": "two operations per multiply-add", "GiMAC": "multiply-adds in units of 2^30"}


def exact(value: float | Decimal) -> Decimal:
    """Return a measured number as the decimal that a reader sees (0.285, not 0.28499999...).

    Raises:
        ValueError: NaN or infinity, which is no measurement.
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

    Args:
        value: Unrounded, in ``unit``.
        printed: The paper's digits.
        unit: Unit of the printed number. In one that is not the column's own (2xMAC, GiMAC) equality is
            ``equal in the source's unit``.
    """
    number, target = exact(value), Decimal(printed)
    foreign = _FOREIGN_UNITS.get(unit)
    if round_as(number, printed) == target:
        return Verdict(EQUAL_IN_SOURCE_UNIT, foreign) if foreign else Verdict(EQUAL)
    difference = abs(number - target)
    if difference <= digit_of(printed):
        cut = number.quantize(digit_of(printed), rounding=ROUND_DOWN) == target
        note = "truncated, not rounded" if cut else f"differs by {_short(difference)}"
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

    Args:
        gimacs_at_reference: Multiply-adds at the reference size, in units of 2^30.
        area_ratio: Area of the table's size over the reference's.
        printed: The paper's digits.
    """
    once = round_as(gimacs_at_reference, "0.0")
    scaled = once * area_ratio
    way = f"{_short(exact(gimacs_at_reference))} GiMAC at the reference size, as {once}, times {area_ratio}"
    if round_as(scaled, printed) == Decimal(printed):
        return Verdict(EQUAL_IN_SOURCE_UNIT, way)
    return Verdict(OFF, f"{off_by(scaled, printed)}; {way}")


def judge_file_size(params_m: float, printed: str) -> Verdict:
    """Judge a "parameter count" that looks like a file size (float32 bytes in MiB or MB).

    Args:
        params_m: The learnable numbers that the file holds, in 1e6.
        printed: The paper's digits, headed "Params (M)".
    """
    count = exact(params_m)
    megabytes = 4 * count
    mebibytes = megabytes * 1_000_000 / 2**20
    target = Decimal(printed)
    nearest = min((mebibytes, megabytes), key=lambda size: abs(size - target))
    share = abs(nearest - target) / target
    if share > Decimal(str(FILE_SIZE_TOLERANCE)):
        return Verdict(OFF, f"true count {count:.3f} M; {off_by(count, printed)} as a count")
    size = f"{nearest:.2f} {'MiB' if nearest == mebibytes else 'MB'} of float32"
    if share > Decimal(str(FILE_SIZE_CERTAIN)):
        guess = f"printed is likely the size of a file, {100 * share:.1f} % from {size}"
        return Verdict(UNIT_ERROR, f"true count {count:.3f} M; {guess}")
    return Verdict(UNIT_ERROR, f"true count {count:.3f} M; printed is about its {size}")


def _short(number: Decimal) -> str:
    """Return at most four significant digits, without an exponent."""
    if number == 0:
        return "0"
    text = f"{number:.{max(0, 3 - number.adjusted())}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
