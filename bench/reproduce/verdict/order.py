"""Whether the rows stand in the paper's order of speed: Kendall's tau-b of printed and measured times.

A time belongs to its machine, so no printed time is ever said to be reached; an order can be.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

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
    """The order of a table's times here beside the printed one.

    Attributes
    ----------
    rows
        Rows that have both times, measured under one set of conditions.
    left_out
        Rows measured elsewhere or otherwise, which no order can hold together with the others.
    tau_b
        Kendall's tau-b: 1 the same order, -1 the opposite one; None below two rows or when all are tied.
    p
        Two-sided and exact, that an order by chance agrees or disagrees as much; None when there is no tau or
        both sides have ties.
    verdict
        ``reproduced`` when the orders agree more than by chance (p < 0.05), ``contradicted`` when they
        disagree more, else ``not distinguishable``; ``not measured`` without a tau.
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
                f"{self.verdict}; the verdict is on the order, never on a time"
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

    Parameters
    ----------
    printed
        The paper's times by row, ms.
    measured
        Times by row, ms, each with its record. Those of the conditions (machine, threads, engine) that most
        rows share are compared.
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
    """Return Kendall's tau-b of pairs (x, y), which counts no pair that is tied on either side.

    (concordant - discordant) / sqrt(pairs not tied in x * pairs not tied in y), M. G. Kendall, "The treatment
    of ties in ranking problems", Biometrika 33, 1945. None when one side has no two different values.

    Raises
    ------
    ValueError
        As many x as y must be given.
    """
    signs = [
        (_sign(x1 - x2), _sign(y1 - y2)) for (x1, y1), (x2, y2) in combinations(zip(xs, ys, strict=True), 2)
    ]
    untied_x, untied_y = sum(x != 0 for x, _ in signs), sum(y != 0 for _, y in signs)
    if not untied_x or not untied_y:
        return None
    return sum(x * y for x, y in signs) / math.sqrt(untied_x * untied_y)


def exact_p(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return how likely an order by chance is at least as far from none as this one, either way.

    All orders of the side without ties are counted: with ties of sizes t on the other side, the numbers of
    discordant pairs are spread as the coefficients of the q-multinomial [n]! / product of [t]!. None when
    both sides have ties, or nothing is left to order.
    """
    tied, untied = (xs, ys) if len(set(ys)) == len(ys) else (ys, xs)
    if len(set(untied)) != len(untied) or len(set(tied)) < 2:
        return None
    counts = _factorial(len(tied))
    for size in Counter(tied).values():
        counts = _divided(counts, _factorial(size))
    pairs = len(counts) - 1
    found = sum(
        _sign(x1 - x2) * _sign(y1 - y2) for (x1, y1), (x2, y2) in combinations(zip(xs, ys, strict=True), 2)
    )
    extreme = sum(count for down, count in enumerate(counts) if abs(pairs - 2 * down) >= abs(found))
    return extreme / sum(counts)


def _factorial(n: int) -> list[int]:
    """Return the coefficients of [n]!, the product of 1 + q + ... + q^(i - 1) over i to n: inversions."""
    counts = [1]
    for size in range(2, n + 1):
        longer = [0] * (len(counts) + size - 1)
        for at, count in enumerate(counts):
            for step in range(size):
                longer[at + step] += count
        counts = longer
    return counts


def _divided(counts: Sequence[int], by: Sequence[int]) -> list[int]:
    """Divide one polynomial by another whose lowest and highest coefficients are 1; nothing is left over."""
    rest, quotient = list(counts), []
    for at in range(len(counts) - len(by) + 1):
        quotient.append(rest[at])
        for step, factor in enumerate(by):
            rest[at + step] -= quotient[at] * factor
    return quotient


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def conditions_of(record: SpeedRecord) -> str:
    """Return what must be equal for times to be compared: hardware, torch's build, threads, engine, ..."""
    identity = record.identity
    alike = (
        [getattr(identity.machine, name) for name in _HARDWARE],
        [getattr(identity, name) for name in _CONDITIONS],
    )
    return json.dumps(alike, sort_keys=True)
