"""The verdicts: what a measured number can say about a printed one.

A count is exact, so it is judged to the printed digit (`counts`); an accuracy is a sample, so it is judged by an
interval (`accuracy`); a time belongs to its machine, so only order and ratios are judged (`order`, `ratio`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A verdict in words, with the colour in which a terminal shows it and its meaning."""

    colour: str
    meaning: str

    def __new__(cls, value: str, colour: str, meaning: str) -> Self:
        """Attach colour and meaning to the text."""
        self = str.__new__(cls, value)
        self._value_, self.colour, self.meaning = value, colour, meaning
        return self

    EQUAL = ("equal", "green", "rounded to the printed digits it is the printed number")
    WITHIN_ONE_DIGIT = (
        "within one digit",
        "yellow",
        "otherwise, at most one unit of the last printed digit away; the note says where the printed digits are "
        "truncated, not rounded",
    )
    EQUAL_IN_SOURCE_UNIT = (
        "equal in the source's unit",
        "green",
        "equal in the unit of the table's source, which is not the column's",
    )
    UNIT_ERROR = (
        "unit error in the paper",
        "red",
        "the printed number is another quantity than its heading says (probably a file size for parameters); "
        "the note has the true count",
    )
    OFF = ("off", "red", "none of these; the note has the factor measured/printed")
    REPRODUCED = (
        "reproduced",
        "green",
        "with 3 seeds or more on the paper's data and protocol, the 95 % interval over seeds and images contains "
        "the printed accuracy; of a difference, its interval excludes 0 on the paper's side; of a ratio of times "
        "from one run, its interval lies above 1; of the order of times, Kendall's tau-b is above 0 with p < 0.05",
    )
    CONTRADICTED = (
        "contradicted",
        "red",
        "the same interval excludes the printed accuracy; of a difference, it lies on the other side of 0; of a "
        "ratio, below 1; of the order, tau-b is below 0 with p < 0.05",
    )
    NOT_DISTINGUISHABLE = (
        "not distinguishable",
        "default",
        "fewer than 3 seeds, an interval that contains 0 (of a ratio: 1), or p of 0.05 or more",
    )
    OTHER_MACHINE = ("other machine", "default", "measured, but not on the paper's machine")
    OTHER_DATA = ("other data", "default", "measured, but not on the paper's data set")
    OTHER_SPLIT = ("other split", "default", "measured on the paper's data set, but not on its split")
    NOT_MEASURED = ("not measured", "dim", "nothing measured; the note says why")
    RECONSTRUCTION = (
        "reconstruction",
        "default",
        "the method is our reconstruction, so its numbers confirm nothing; the note has what the verdict would be",
    )


ALL = tuple(Word)
(
    EQUAL, WITHIN_ONE_DIGIT, EQUAL_IN_SOURCE_UNIT, UNIT_ERROR, OFF, REPRODUCED, CONTRADICTED, NOT_DISTINGUISHABLE,
    OTHER_MACHINE, OTHER_DATA, OTHER_SPLIT, NOT_MEASURED, RECONSTRUCTION,
) = ALL  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    verdict
        The verdict in words.
    note
        What the word leaves unsaid, or None.
    """

    verdict: Word
    note: str | None = None


def tally(verdicts: Sequence[str]) -> dict[str, int]:
    """Count the verdicts that occur, in the order of `Word`."""
    return {str(name): verdicts.count(name) for name in Word if name in verdicts}
