"""Ratios of times that the paper's tables claim, measured in one run: LWRF against CARNet, one encoder each.

Only times taken interleaved in one run are divided: a ratio of two runs would hold the machine's mood.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bench.paper import Cell, load_table
from bench.paper.claims import PAIRS
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import interval_of_seeds
from bench.reproduce.verdict.groups import FEWEST_ROUNDS, log_ratios
from bench.results.record import Record, SpeedRecord
from bench.results.select import in_one_run, is_time_of


@dataclass(frozen=True)
class Claim:
    """One printed ratio of times and the measured one.

    Attributes:
        slower, faster: Rows; the ratio is the first one's time over the second one's.
        printed: Ratio of the printed times.
        ratio: Geometric mean over the rounds of one run; None when it is not measured.
        low, high: Its 95 % interval, of Student's t over the logarithms of the rounds' ratios.
        rounds: Rounds in which both were timed.
        verdict: On the claim that the one is slower than the other: ``reproduced`` when the interval lies
            above 1, ``contradicted`` below 1, ``not distinguishable`` when it holds 1, or ``not measured``.
        note: What the verdict leaves unsaid.
        records: Ids of both records; none when it is not measured.
        where: The device in words; empty when it is not measured.
    """

    slower: str
    faster: str
    printed: float
    ratio: float | None
    low: float | None
    high: float | None
    rounds: int
    verdict: str
    note: str
    records: tuple[str, ...] = ()
    where: str = ""

    @property
    def printed_inside(self) -> bool | None:
        """Whether the interval holds the printed ratio; None when nothing is measured."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.printed <= self.high

    def verdict_on(self, factor: float) -> v.Word:
        """Return the verdict on the claim that the ratio exceeds a factor, by the 95 % interval."""
        if self.low is None or self.high is None:
            return v.NOT_MEASURED
        if self.low <= factor <= self.high:
            return v.NOT_DISTINGUISHABLE
        return v.REPRODUCED if self.low > factor else v.CONTRADICTED

    @property
    def line(self) -> str:
        """The claim in one sentence."""
        what = f"time of {self.slower} / {self.faster}: printed {self.printed:.2f}"
        if self.ratio is None:
            return f"{what}; {self.verdict}, {self.note}"
        interval = f"95 % interval {self.low:.3f} to {self.high:.3f}, {self.rounds} rounds of one run"
        return f"{what}, measured {self.ratio:.3f} on {self.where} ({interval}): {self.verdict}; {self.note}"

    def as_json(self) -> dict[str, Any]:
        """Return the claim as ``reproduce --json`` prints it."""
        return {
            "slower": self.slower,
            "faster": self.faster,
            "printed": self.printed,
            "measured": self.ratio,
            "low": self.low,
            "high": self.high,
            "rounds": self.rounds,
            "printed_inside": self.printed_inside,
            "verdict": self.verdict,
            "note": self.note,
            "records": list(self.records),
            "where": self.where or None,
        }


def judge_claims(
    table: str,
    records: Iterable[SpeedRecord],
    tabulated: Container[Record],
    form: str = "",
) -> tuple[Claim, ...]:
    """Judge the ratios that a table's times claim, once for each kind of device that timed both rows.

    Args:
        table: Of ``bench.paper.TABLES``.
        records: Speed records, of any row and size.
        tabulated: Those of them that a table may hold.
        form: Engine and precision, as `SpeedIdentity.form` names them; empty is eager fp32.
    """
    times = {cell.row: cell for cell in load_table(table) if cell.column == "time"}
    usable = [record for record in records if record in tabulated]
    return tuple(
        claim
        for slower, faster in PAIRS.get(table, ())
        for claim in judge_pair(times[slower], times[faster], usable, form)
    )


def judge_pair(slower: Cell, faster: Cell, usable: Sequence[SpeedRecord], form: str = "") -> list[Claim]:
    """Return the claim as each kind of device has it, accelerators first; one not measured where none has.

    Args:
        slower, faster: Printed times.
        usable: Speed records that a table may hold.
        form: As for `judge_claims`.
    """
    first, second = (
        [one for one in usable if is_time_of(one, cell.row, cell.size_hw, cell.classes, form=form)]
        for cell in (slower, faster)
    )
    kinds = {record.identity.device for record in first}
    pairs = [
        pair
        for kind in sorted(kinds, key=lambda kind: (kind == "cpu", kind))
        if (pair := in_one_run((one for one in first if one.identity.device == kind), second))
    ]
    if not pairs:
        printed, reason = _printed(slower, faster), "no run holds valid times of both"
        return [Claim(slower.row, faster.row, printed, None, None, None, 0, v.NOT_MEASURED, reason)]
    return [_claim(slower, faster, pair) for pair in pairs]


def _printed(slower: Cell, faster: Cell) -> float:
    return float(Decimal(slower.printed) / Decimal(faster.printed))


def _claim(slower: Cell, faster: Cell, pair: tuple[SpeedRecord, SpeedRecord]) -> Claim:
    printed = _printed(slower, faster)
    logs = log_ratios(*(record.values.samples_ms for record in pair))
    if len(logs) < FEWEST_ROUNDS:
        reason = f"{len(logs)} rounds of both, at least {FEWEST_ROUNDS} needed"
        return Claim(slower.row, faster.row, printed, None, None, None, len(logs), v.NOT_MEASURED, reason)
    found = interval_of_seeds(logs)
    low, high, ratio = (math.exp(log) for log in (found.low, found.high, found.mean))
    inside = "inside" if low <= printed <= high else "outside"
    note = (
        f"the verdict is on which of them is slower; the printed ratio lies {inside} the interval "
        f"(measured / printed = {ratio / printed:.2f})"
    )
    ids = tuple(record.id for record in pair)
    where = pair[0].identity.where
    claim = Claim(
        slower.row, faster.row, printed, ratio, low, high, len(logs), v.NOT_MEASURED, note, ids, where
    )
    return replace(claim, verdict=claim.verdict_on(1))
