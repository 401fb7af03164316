"""The verdicts: what a measured number can say about a printed one.

A count is exact, so it is judged to the printed digit (`counts`); an accuracy is a sample, so it is judged by
an interval (`accuracy`); a time belongs to its machine, so only
order and ratios are judged (`order`, `ratio`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A verdict in words, with its colour on a terminal (empty: none) and its meaning."""

    colour: str
    meaning: str

    def __new__(cls, value: str, colour: str = "", meaning: str = "") -> Self:
        """Attach colour and meaning to the text."""
        self = str.__new__(cls, value)
        self._value_, self.colour, self.meaning = value, colour, meaning
        return self

    EQUAL = "equal", "green", "rounded to the printed digits it is the printed number"
    WITHIN_ONE_DIGIT = (
        "within one digit",
        "yellow",
        "otherwise, at most one unit of the last printed digit away; the note says where the printed "
        "number is truncated, not rounded",
    )
    EQUAL_IN_SOURCE_UNIT = (
        "equal in the source's unit",
        "green",
        "equal in the unit of the table's source, which is not the column's",
    )
    UNIT_ERROR = (
        "unit error in the paper",
        "red",
        "the printed number is another quantity than its heading says (a file size for parameters); the "
        "note has the true count, and says where this is likely but not certain",
    )
    OFF = "off", "red", "none of these; the note has the factor measured/printed"
    REPRODUCED = (
        "reproduced",
        "green",
        "with 3 seeds or more: an accuracy on the paper's data and protocol whose 95 % interval, over "
        "seeds and images, contains the printed value; a difference whose interval excludes 0 on the "
        "paper's side; a ratio of times from one run whose interval lies above 1; an order of times with "
        "Kendall's tau-b above 0 and p < 0.05",
    )
    CONTRADICTED = (
        "contradicted",
        "red",
        "the same interval does not contain the printed accuracy, or lies on the other side of 0 (a "
        "ratio: of 1); tau-b below 0 and p < 0.05",
    )
    NOT_DISTINGUISHABLE = (
        "not distinguishable",
        "",
        "fewer seeds, an interval that contains 0 (a ratio: 1), or p of 0.05 and above",
    )
    OTHER_MACHINE = "other machine", "", "measured, but not on the paper's machine"
    OTHER_DATA = "other data", "", "measured, but not on the paper's data set"
    OTHER_SPLIT = "other split", "", "measured on the paper's data set, but not on its split"
    NOT_MEASURED = "not measured", "dim", "nothing measured; the note says why"
    RECONSTRUCTION = (
        "reconstruction",
        "",
        "the method is our reconstruction, so its numbers confirm nothing; the note has what the verdict "
        "would be",
    )


ALL = tuple(Word)
(
    EQUAL, WITHIN_ONE_DIGIT, EQUAL_IN_SOURCE_UNIT, UNIT_ERROR, OFF, REPRODUCED, CONTRADICTED,
    NOT_DISTINGUISHABLE, OTHER_MACHINE, OTHER_DATA, OTHER_SPLIT, NOT_MEASURED, RECONSTRUCTION,
) = ALL  # fmt: skip
MATCHES = (EQUAL, EQUAL_IN_SOURCE_UNIT)
"""Verdicts of a count that comes out as printed."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        verdict: The verdict in words.
        note: What the word leaves unsaid, or None.
    """

    verdict: Word
    note: str | None = None


def tally(verdicts: Sequence[str]) -> dict[str, int]:
    """Count the verdicts that occur, in the order of `Word`."""
    return {str(name): verdicts.count(name) for name in Word if name in verdicts}
