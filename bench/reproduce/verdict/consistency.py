"""Whether the paper's numbers agree with what the paper says of them.

A printed number stands for every value that rounds to it, so sums and quotients of printed numbers are
intervals. Two numbers are `equal` when their intervals meet; ``<`` and ``>`` compare the numbers as printed,
since a claim of "more" is made on those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from bench.paper import Cell
from bench.reproduce.verdict.counts import round_as


class InPrint(StrEnum):
    """What the paper's own numbers say of a claim."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NOT_CHECKABLE = "not checkable"


@dataclass(frozen=True)
class Number:
    """A number with the range that its digits leave open.

    Attributes:
        value: As printed or measured.
        low, high: Ends of the range.
        cell: The printed cell it is, or None.
    """

    value: float
    low: float
    high: float
    cell: Cell | None = None

    @classmethod
    def printed(cls, cell: Cell) -> Number:
        """Return a printed number: all values that round to its digits."""
        value = float(cell.value)
        exponent = cell.value.as_tuple().exponent
        half = float(Decimal((0, (5,), int(exponent) - 1)))
        return cls(value, value - half, value + half, cell)

    @classmethod
    def exact(cls, value: float, cell: Cell | None = None) -> Number:
        """Return a number without a range."""
        return cls(value, value, value, cell)

    def __add__(self, other: Number | float) -> Number:
        there = _number(other)
        return Number(self.value + there.value, self.low + there.low, self.high + there.high)

    def __sub__(self, other: Number | float) -> Number:
        there = _number(other)
        return Number(self.value - there.value, self.low - there.high, self.high - there.low)

    def __mul__(self, other: Number | float) -> Number:
        there = _number(other)
        ends = [one * two for one in (self.low, self.high) for two in (there.low, there.high)]
        return Number(self.value * there.value, min(ends), max(ends))

    def __truediv__(self, other: Number | float) -> Number:
        there = _number(other)
        return self * Number(1 / there.value, 1 / there.high, 1 / there.low)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> Number:
        return _number(other) - self

    def __rtruediv__(self, other: float) -> Number:
        return _number(other) / self

    def __lt__(self, other: Number | float) -> bool:
        return self.value < _number(other).value

    def __gt__(self, other: Number | float) -> bool:
        return self.value > _number(other).value

    def __le__(self, other: Number | float) -> bool:
        return self.value <= _number(other).value

    def __ge__(self, other: Number | float) -> bool:
        return self.value >= _number(other).value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number | float | int) and self.value == _number(other).value

    def __hash__(self) -> int:
        return hash(self.value)


def _number(value: Number | float) -> Number:
    return value if isinstance(value, Number) else Number.exact(value)


_SLACK = 1e-9
"""Share by which ends of ranges may miss each other: decimal digits are no binary fractions."""


def equal(one: Number | float, other: Number | float) -> bool:
    """Return whether the ranges of two numbers meet."""
    first, second = _number(one), _number(other)
    slack = _SLACK * max(1.0, abs(first.value), abs(second.value))
    return first.low <= second.high + slack and second.low <= first.high + slack


def rounds(number: Number | float, text: str) -> bool:
    """Return whether a number, rounded to the significant decimals of a text, is the text."""
    return round_as(_number(number).value, text) == Decimal(text)


def most(first: Number, *others: Number) -> bool:
    """Return whether the first number exceeds all others."""
    return all(first > other for other in others)


def least(first: Number, *others: Number) -> bool:
    """Return whether the first number is below all others."""
    return all(first < other for other in others)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"equal": equal, "rounds": rounds, "most": most, "least": least}
"""What every expression may call."""


def evaluate(expression: str, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """Return the value of an expression; it can only compute with the names and functions given.

    Raises:
        ValueError: It is no expression, or names something else; the message has it.
    """
    evaluator = SimpleEval(names=dict(names), functions={**FUNCTIONS, **functions})
    try:
        return evaluator.eval(expression)
    except (InvalidExpression, SyntaxError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{expression}: {error}") from error
