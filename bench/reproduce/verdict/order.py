"""Whether the rows stand in the paper's order of speed: Kendall's tau-b of printed and measured times.

A time belongs to its machine, so absolute times are not judged, only their order.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, combinations
from typing import Any

import numpy as np

from bench.reproduce.verdict import words as v
from bench.results.record import SpeedRecord

_LEVEL = 0.05
_HARDWARE = ("cpu", "logical_cores", "gpu", "torch")  # a new kernel makes no new machine
_CONDITIONS = (
    "device",
    "threads",
    "heap",
    "engine",
    "memory_format",
    "precision",
    "deploy",
    "protocol",
)


@dataclass(frozen=True)
class Ranks:
    """Order of a table's measured times compared with the printed one.

    Attributes:
        rows: Rows that have both times, measured under one set of conditions.
        left_out: Rows measured elsewhere or otherwise, which no order can hold together with the others.
        tau_b: Kendall's tau-b: 1 the same order, -1 the opposite one; None below two rows or when all are
            tied.
        p: Two-sided and exact, that an order by chance agrees or disagrees as much; None when there is no tau
            or both sides have ties.
        verdict: ``reproduced`` when the orders agree more than by chance (p < 0.05), ``contradicted`` when
            they disagree more, else ``not distinguishable``; ``not measured`` without a tau.
    """

    rows: tuple[str, ...]
    left_out: tuple[str, ...]
    tau_b: float | None
    p: float | None
    verdict: str

    @property
    def line(self) -> str:
        """The agreement in one sentence."""
        count = f"{len(self.rows)} row{'' if len(self.rows) == 1 else 's'}"
        if self.tau_b is None:
            said = f"order of the times: {self.verdict}, {count} with a time of this kind"
        else:
            chance = (
                "no exact p (ties on both sides)" if self.p is None else f"p {self.p:.2g}, exact, two-sided"
            )
            said = (
                f"order of the times: Kendall's tau-b {self.tau_b:+.3f} over {count} ({chance}): "
                f"{self.verdict} (absolute times are not judged)"
            )
        if self.left_out:
            said += f"; left out, measured under other conditions: {', '.join(self.left_out)}"
        return said

    def as_json(self) -> dict[str, Any]:
        """Return the agreement as ``reproduce --json`` prints it."""
        return {
            "column": "time",
            "tau_b": self.tau_b,
            "p": self.p,
            "n": len(self.rows),
            "rows": list(self.rows),
            "left_out": list(self.left_out),
            "verdict": self.verdict,
        }


def judge_ranks(printed: Mapping[str, float], measured: Mapping[str, tuple[float, SpeedRecord]]) -> Ranks:
    """Judge the order of times.

    Args:
        printed: The paper's times by row, ms.
        measured: Times by row, ms, each with its record. Those of the conditions (machine, threads, engine)
            that most rows share are compared.
    """
    conditions = {row: conditions_of(record) for row, (_, record) in measured.items() if row in printed}
    most = Counter(conditions.values()).most_common(1)
    rows = tuple(row for row, one in conditions.items() if most and one == most[0][0])
    left_out = tuple(row for row in conditions if row not in rows)
    xs, ys = [printed[row] for row in rows], [measured[row][0] for row in rows]
    tau = tau_b(xs, ys)
    p = None if tau is None else exact_p(xs, ys)
    if tau is None:
        word = v.NOT_MEASURED
    elif p is None or p >= _LEVEL:
        word = v.NOT_DISTINGUISHABLE
    else:
        word = v.REPRODUCED if tau > 0 else v.CONTRADICTED
    return Ranks(rows, left_out, tau, p, word)


def tau_b(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return Kendall's tau-b; None when one side has no two different values."""
    if min(len(set(xs)), len(set(ys))) < 2:
        return None
    # not scipy.stats, whose import takes longer than all the rest of a table
    pairs = len(xs) * (len(xs) - 1) // 2
    untied = (pairs - sum(n * (n - 1) // 2 for n in Counter(side).values()) for side in (xs, ys))
    return _concordance(xs, ys) / math.sqrt(math.prod(untied))


def exact_p(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return how likely an order by chance is at least as far from none as this one, either way.

    All orders of the side without ties are counted; scipy's exact method refuses ties on the other side. With
    ties of sizes t the numbers of discordant pairs are spread as the coefficients of the
    q-multinomial [n]! / product of [t]!. None when both sides have ties, or nothing is left to order.
    """
    tied, untied = (xs, ys) if len(set(ys)) == len(ys) else (ys, xs)
    if len(set(untied)) != len(untied) or len(set(tied)) < 2:
        return None
    sizes = list(Counter(tied).values())
    counts = reduce(np.convolve, map(_gaussian, accumulate(sizes), sizes))
    extreme = np.abs(len(counts) - 1 - 2 * np.arange(len(counts))) >= abs(_concordance(xs, ys))
    return float(counts[extreme].sum() / counts.sum())


def _concordance(xs: Sequence[float], ys: Sequence[float]) -> int:
    """Return the pairs that both sides order alike less those that they order unlike."""
    pairs = combinations(zip(xs, ys, strict=True), 2)
    return sum(((x1 > x2) - (x1 < x2)) * ((y1 > y2) - (y1 < y2)) for (x1, y1), (x2, y2) in pairs)


def _gaussian(n: int, k: int) -> np.ndarray[Any, Any]:
    """Return the coefficients of the Gaussian binomial [n choose k], by Pascal's rule for it."""
    if k in (0, n):
        return np.ones(1, object)
    counts = np.zeros(k * (n - k) + 1, object)
    without, with_last = _gaussian(n - 1, k - 1), _gaussian(n - 1, k)
    counts[: len(without)] += without
    counts[k:] += with_last
    return counts


def conditions_of(record: SpeedRecord) -> str:
    """Return what must be equal for times to be compared: hardware, torch's build, threads, engine, ..."""
    identity = record.identity
    alike = (
        [getattr(identity.machine, name) for name in _HARDWARE],
        [getattr(identity, name) for name in _CONDITIONS],
    )
    return json.dumps(alike, sort_keys=True)
