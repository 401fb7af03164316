"""The graphics cards that the paper names, read from ``results/paper/cards.csv`` with their sources."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.errors import RefusedInput
from bench.paper.cells import read_lines

_HEADER = ["paper_name", "card", "cores", "boost_mhz", "bandwidth_gb_per_s", "source"]


@dataclass(frozen=True)
class Card:
    """One card at its rated clock.

    Attributes:
        paper_name: As the paper names it, which may fit several cards.
        name: Name of the card.
        cores: Which multiply and add in fp32 once a cycle each.
        boost_mhz: Rated boost clock; cards run a little above it when they are cool.
        bandwidth_gb_per_s: To its memory, 1e9 bytes a second.
        source: Where the three numbers are from.
    """

    paper_name: str
    name: str
    cores: int
    boost_mhz: float
    bandwidth_gb_per_s: float
    source: str

    @property
    def gmacs_per_s(self) -> float:
        """1e9 multiply-adds in fp32 a second, at most."""
        return self.cores * self.boost_mhz / 1000.0


def cards(paper_name: str | None) -> list[Card]:
    """Return the cards that a name in the paper fits; none where it names none.

    Raises:
        RefusedInput: The file is missing, or a line of it is not a card; the message names file and line.
    """
    found = [_card(line, place) for place, line in read_lines("cards.csv", _HEADER)]
    return [card for card in found if card.paper_name == paper_name]


def _card(line: dict[str, str], place: str) -> Card:
    if not all(line.values()):
        raise RefusedInput(f"{place}: a card has {', '.join(_HEADER)}")
    try:
        cores = int(line["cores"])
        boost_mhz, bandwidth = float(line["boost_mhz"]), float(line["bandwidth_gb_per_s"])
    except ValueError as error:
        raise RefusedInput(f"{place}: {error}") from error
    if cores <= 0 or not (0 < boost_mhz < math.inf and 0 < bandwidth < math.inf):
        raise RefusedInput(f"{place}: cores, clock and bandwidth must be above 0")
    return Card(line["paper_name"], line["card"], cores, boost_mhz, bandwidth, line["source"])
