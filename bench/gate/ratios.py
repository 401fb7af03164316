"""A ratio of two times, taken in turns, in several pairs of processes, with its interval.

Two processes of the same code differ in speed for as long as they live, by where their memory happens to lie:
a percent is common. So the pairs of processes are the sample, each with the median of its rounds, and the
interval is Student's t over them; more rounds of one pair measure only that pair better. Too few are no
good either: on a shared host a round's ratio has an interquartile range of 15 %, which alone puts about 2.5 %
on the median of thirty.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.clock.machine_state import CpuReading, foreign_share
from bench.clock.protocol import Protocol, reasons_against

Sample = Callable[[], float]
"""Takes one sample, ms a call."""
OpenPair = Callable[[], AbstractContextManager[tuple[Sample, Sample]]]
"""Makes a new pair of what is compared, warm, and ends it."""

LEVEL = 0.95


@dataclass(frozen=True)
class Rules:
    """How long to measure, and what is valid.

    Attributes:
        rounds: Samples of each side in one pair.
        pairs: Wanted valid pairs.
        most_pairs: Most pairs begun: instead of those that are not valid, and while the interval is wider
            than wanted.
        least_pairs: With fewer valid ones there is no ratio.
        give_up: When so many are begun and none is valid, the machine is not quiet and no more are.
        half_width: Wanted half width of the interval, as a share.
        sample: What makes the samples of one side valid.
    """

    rounds: int = 60
    pairs: int = 5
    most_pairs: int = 24
    least_pairs: int = 3
    give_up: int = 8
    half_width: float = 0.0125
    sample: Protocol = field(default_factory=Protocol)


@dataclass(frozen=True)
class Pair:
    """The samples of one pair.

    Attributes:
        first_ms, second_ms: In the order taken, as many of each.
        reasons: Why the pair is not valid; empty when it is.
    """

    first_ms: tuple[float, ...]
    second_ms: tuple[float, ...]
    reasons: tuple[str, ...]

    @property
    def log_ratio(self) -> float:
        """Logarithm of second over first: the median over rounds, each of which has its own moment."""
        rounds = zip(self.first_ms, self.second_ms, strict=True)
        return statistics.median(math.log(second / first) for first, second in rounds)


@dataclass(frozen=True)
class Ratio:
    """A ratio of times and its interval at `LEVEL`; 1.05 is 5 % slower."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval, as a share of the ratio."""
        return (self.high - self.low) / 2 / self.mean


def take_pairs(
    open_pair: OpenPair,
    counters: Callable[[], CpuReading],
    rules: Rules,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Pair]:
    """Take pairs until enough are valid and the interval is narrow, or there are `Rules.most_pairs`."""
    taken: list[Pair] = []
    while len(taken) < rules.most_pairs:
        with open_pair() as (first, second):
            taken.append(take_pair(first, second, counters, rules, first_leads=len(taken) % 2 == 0))
        logs = valid_logs(taken)
        progress(max(len(logs) / rules.pairs, len(taken) / rules.most_pairs))
        enough = len(logs) >= rules.pairs and interval(logs).half_width <= rules.half_width
        if enough or (not logs and len(taken) >= rules.give_up):
            break
    return taken


def take_pair(
    first: Sample, second: Sample, counters: Callable[[], CpuReading], rules: Rules, *, first_leads: bool
) -> Pair:
    """Take the rounds of one pair, A B B A A B ..., and judge both sides."""
    first_ms: list[float] = []
    second_ms: list[float] = []
    sides = [(first, first_ms), (second, second_ms)]
    before = counters()
    for number in range(rules.rounds):
        for sample, times_ms in sides if (number % 2 == 0) == first_leads else reversed(sides):
            times_ms.append(sample())
    share = foreign_share(before, counters())
    reasons = (
        reason for times in (first_ms, second_ms) for reason in reasons_against(times, share, rules.sample)
    )
    return Pair(tuple(first_ms), tuple(second_ms), tuple(dict.fromkeys(reasons)))


def valid_logs(pairs: Sequence[Pair]) -> list[float]:
    """Return the log ratios of the valid pairs."""
    return [pair.log_ratio for pair in pairs if not pair.reasons]


def interval(logs: Sequence[float]) -> Ratio:
    """Return the ratio of some pairs' log ratios; of one pair alone the interval is infinite."""
    return _ratio(statistics.fmean(logs), [_part(logs)])


def interval_between(before: Sequence[float], now: Sequence[float]) -> Ratio:
    """Return how a ratio has changed between two sets of pairs (Welch's t)."""
    return _ratio(statistics.fmean(now) - statistics.fmean(before), [_part(before), _part(now)])


def _part(logs: Sequence[float]) -> tuple[float, int]:
    """Return the variance of the mean and its degrees of freedom."""
    return (statistics.variance(logs) / len(logs), len(logs) - 1) if len(logs) > 1 else (math.inf, 1)


def _ratio(mean: float, parts: Sequence[tuple[float, int]]) -> Ratio:
    variance = sum(part for part, _ in parts)
    if variance == 0.0:
        return Ratio(math.exp(mean), math.exp(mean), math.exp(mean))
    if variance == math.inf:
        return Ratio(math.exp(mean), 0.0, math.inf)
    degrees = variance**2 / sum(part**2 / freedom for part, freedom in parts)
    from scipy.special import stdtrit  # noqa: PLC0415 - Student's t, needed once at the end

    half = float(stdtrit(degrees, (1 + LEVEL) / 2)) * math.sqrt(variance)
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))
