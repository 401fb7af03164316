"""Whether the printed times are possible: the least time of the paper's GPU vs the printed one.

The roofline (Williams, Waterman, Patterson: Roofline. CACM 52(4), 2009): no network takes less than its
operations take at the card's peak, nor less than its weights, image and logits take to move once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.paper import Cell, Table
from bench.paper.cards import Card, cards

PLAUSIBLE = "plausible"
IMPLAUSIBLE = "implausible"
NOT_COUNTED = "not counted"

CAVEAT = (
    "The bound is for operations as counted, in fp32 at the card's rated boost clock; Winograd's "
    "convolutions need fewer, and a cool card clocks a little higher, so a share just above 100 % is no "
    "proof."
)

_BYTES = 4  # float32


@dataclass(frozen=True)
class Share:
    """How much of one card a printed time asks for.

    Attributes:
        card: The card; a name in the paper may fit several.
        bound_ms: The longer of operations at the peak and bytes at the bandwidth.
        bound_by: ``operations`` or ``bytes``.
        fraction: ``bound_ms`` over the printed time; above 1 is not possible as counted.
    """

    card: Card
    bound_ms: float
    bound_by: str
    fraction: float

    @property
    def verdict(self) -> str:
        """``plausible`` or ``implausible``."""
        return IMPLAUSIBLE if self.fraction > 1 else PLAUSIBLE


@dataclass(frozen=True)
class Plausibility:
    """A printed time and what it asks of the card that the paper names.

    Attributes:
        row, title: Row of the table and its printed name.
        printed: The time as printed, ms.
        gmacs: 1e9 multiply-adds counted here at the printed size, without a conditional random field; None
            where they are not counted.
        shares: One a card; none without a count.
    """

    row: str
    title: str
    printed: str
    gmacs: float | None
    shares: tuple[Share, ...]

    @property
    def verdict(self) -> str:
        """``implausible`` when it asks too much of every card that the name fits, else ``plausible``."""
        if not self.shares:
            return NOT_COUNTED
        return IMPLAUSIBLE if all(share.verdict == IMPLAUSIBLE for share in self.shares) else PLAUSIBLE

    def as_json(self) -> dict[str, Any]:
        """Return the row as ``reproduce --json`` prints it."""
        return {
            "row": self.row,
            "printed_ms": self.printed,
            "gmacs": self.gmacs,
            "cards": [
                {
                    "card": share.card.name,
                    "source": share.card.source,
                    "peak_gmacs_per_s": share.card.gmacs_per_s,
                    "bandwidth_gb_per_s": share.card.bandwidth_gb_per_s,
                    "bound_ms": share.bound_ms,
                    "bound_by": share.bound_by,
                    "fraction": share.fraction,
                    "verdict": share.verdict,
                }
                for share in self.shares
            ],
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Work:
    """What a row's network has to do for one image.

    Attributes:
        gmacs: 1e9 multiply-adds.
        params_m: 1e6 parameters; None is not counted, and then they are not in the bound.
    """

    gmacs: float
    params_m: float | None = None


def judge_times(table: Table, times: Iterable[Cell], work: Mapping[str, Work]) -> tuple[Plausibility, ...]:
    """Compare the printed times with the least that the named card needs.

    Args:
        table: Names the card.
        times: The table's cells of time, ms.
        work: By row; a row that is missing was not counted.
    """
    named = cards(table.device)
    return tuple(
        Plausibility(
            cell.row,
            cell.title,
            cell.printed,
            work[cell.row].gmacs if cell.row in work else None,
            tuple(_share(card, cell, work[cell.row]) for card in named) if cell.row in work else (),
        )
        for cell in times
    )


def _share(card: Card, cell: Cell, work: Work) -> Share:
    height, width = cell.size_hw or (0, 0)
    values = 1e6 * (work.params_m or 0.0) + (3 + (cell.classes or 0)) * height * width
    operations_ms = 1000.0 * work.gmacs / card.gmacs_per_s
    bytes_ms = 1000.0 * values * _BYTES / (card.bandwidth_gb_per_s * 1e9)
    bound_ms = max(operations_ms, bytes_ms)
    bound_by = "operations" if operations_ms >= bytes_ms else "bytes"
    return Share(card, bound_ms, bound_by, bound_ms / float(cell.value))
