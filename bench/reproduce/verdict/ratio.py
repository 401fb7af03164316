"""Ratios of times that the paper's tables claim, measured in one run: LWRF against CARNet, one encoder each.

Only times taken interleaved in one run are divided: a ratio of two runs would hold the machine's mood.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.paper import Cell, load_table
from bench.paper.claims import PAIRS
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import interval_of_seeds
from bench.results.record import Record
from bench.results.store import why_not_tabulated
from bench.speed.variant import form_of, measured_on

_FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Claim:
    """One printed ratio of times beside the measured one.

    Attributes
    ----------
    slower, faster
        Rows; the ratio is the first one's time over the second one's.
    printed
        Ratio of the printed times.
    ratio
        Geometric mean over the rounds of one run; None when it is not measured.
    low, high
        Its 95 % interval, of Student's t over the logarithms of the rounds' ratios.
    rounds
        Rounds in which both were timed.
    verdict
        On the claim that the one is slower than the other: ``reproduced`` when the interval lies above 1,
        ``contradicted`` below 1, ``not distinguishable`` when it holds 1, or ``not measured``.
    note
        What the verdict leaves unsaid.
    records
        Ids of both records; none when it is not measured.
    where
        The device in words; empty when it is not measured.
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
    records: Iterable[Record],
    sources: Mapping[str, Mapping[str, str] | None],
    form: str = "",
) -> tuple[Claim, ...]:
    """Judge the ratios that a table's times claim, once for each kind of device that timed both rows.

    Parameters
    ----------
    table
        Of ``bench.paper.TABLES``.
    records
        Speed records, of any row and size.
    sources
        By row, the digests of its code now; a row that is missing is no longer there.
    form
        Engine and precision, as `bench.speed.variant.form_of` names them; empty is eager fp32.
    """
    times = {cell.row: cell for cell in load_table(table) if cell.column == "time"}
    usable = [
        record
        for record in records
        if why_not_tabulated(record, sources.get(str(record.identity.get("model")))) is None
    ]
    return tuple(
        claim
        for slower, faster in PAIRS.get(table, ())
        for claim in _claims(times[slower], times[faster], usable, form)
    )


def in_one_run(first: Iterable[Record], second: Iterable[Record]) -> tuple[Record, Record] | None:
    """Return the latest two records of one run, one of each; None when there are none."""
    by_run = {run: record for record in second if (run := _run(record)) is not None}
    pairs = [(one, by_run[run]) for one in first if (run := _run(one)) in by_run and run is not None]
    return max(pairs, key=lambda pair: str(pair[0].provenance.get("started_utc", "")), default=None)


def _claims(slower: Cell, faster: Cell, usable: Sequence[Record], form: str) -> list[Claim]:
    """Return the claim as each kind of device has it, accelerators first; one not measured where none has."""
    first, second = _of(slower, usable, form), _of(faster, usable, form)
    kinds = {str(record.identity["device"]) for record in first}
    pairs = [
        pair
        for kind in sorted(kinds, key=lambda kind: (kind == "cpu", kind))
        if (pair := in_one_run((one for one in first if one.identity["device"] == kind), second))
    ]
    if not pairs:
        printed, reason = _printed(slower, faster), "no run holds valid times of both"
        return [Claim(slower.row, faster.row, printed, None, None, None, 0, v.NOT_MEASURED, reason)]
    return [_claim(slower, faster, pair) for pair in pairs]


def _printed(slower: Cell, faster: Cell) -> float:
    return float(Decimal(slower.printed) / Decimal(faster.printed))


def _claim(slower: Cell, faster: Cell, pair: tuple[Record, Record]) -> Claim:
    printed = _printed(slower, faster)
    logs = [
        math.log(one_ms / other_ms)
        for one_ms, other_ms in zip(*(record.values["samples_ms"] for record in pair), strict=False)
        if one_ms > 0 and other_ms > 0
    ]
    if len(logs) < _FEWEST_ROUNDS:
        reason = f"{len(logs)} rounds of both, at least {_FEWEST_ROUNDS} needed"
        return Claim(slower.row, faster.row, printed, None, None, None, len(logs), v.NOT_MEASURED, reason)
    found = interval_of_seeds(logs)
    low, high, ratio = (math.exp(log) for log in (found.low, found.high, found.mean))
    word = v.NOT_DISTINGUISHABLE if low <= 1 <= high else v.REPRODUCED if low > 1 else v.CONTRADICTED
    inside = "inside" if low <= printed <= high else "outside"
    note = (
        f"the verdict is on which of them is slower; the printed ratio lies {inside} the interval "
        f"(measured / printed = {ratio / printed:.2f})"
    )
    ids = tuple(record.id for record in pair)
    where = measured_on(pair[0].identity)
    return Claim(slower.row, faster.row, printed, ratio, low, high, len(logs), word, note, ids, where)


def _of(cell: Cell, records: Iterable[Record], form: str) -> list[Record]:
    """Return the times of a row at its printed size, one image a call, in one form."""
    size = None if cell.size_hw is None else list(cell.size_hw)
    return [
        record
        for record in records
        if record.identity.get("model") == cell.row
        and record.identity.get("size") == size
        and record.identity.get("num_classes") == cell.classes
        and record.identity.get("batch") == 1
        and form_of(record.identity) == form
        and "measured" not in record.identity
    ]


def _run(record: Record) -> str | None:
    run = record.provenance.get("run")
    return run if isinstance(run, str) else None
