"""Timing that says when it is not valid: warm, synchronised, interleaved, every sample kept.

No torch here: the device is a function that waits for it, so every rule can be tested with a fake one.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bench.clock.machine_state import CpuReading, foreign_share, own_cores, read_cpu
from bench.clock.protocol import Protocol, reasons_against, reasons_against_cores
from bench.clock.statistics import Summary, quantile, summarise

Call = Callable[[], None]
Clock = Callable[[], int]
Counters = Callable[[], CpuReading]
Progress = Callable[[str, float], None]

_NS_PER_MS = 1e6
_NS_PER_S = 1e9


@dataclass(frozen=True)
class Attempt:
    """One model's samples of one attempt.

    Attributes:
        times_ms: The raw samples in the order taken, ms; never empty.
        foreign_share: Share of the cores that other processes took while these samples were taken; None when
            the system does not tell.
        reasons: Why this is not valid, one sentence each; empty when it is valid.
    """

    times_ms: tuple[float, ...]
    foreign_share: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Samples:
    """The result of timing one model.

    Attributes:
        chosen: The attempt that counts: the first in which every model was valid, else the first of those
            with the most valid models. It is one attempt for all models, so that they stay comparable, and it
            is chosen by validity only, never by speed.
        discarded: The other attempts, in the order made.
        warmup_ms: The calls made for warm-up, ms.
        warmup_stable: Whether they had become stable when warm-up ended.
    """

    chosen: Attempt
    discarded: tuple[Attempt, ...]
    warmup_ms: tuple[float, ...]
    warmup_stable: bool

    @property
    def valid(self) -> bool:
        """Whether the chosen attempt may be tabulated."""
        return not self.chosen.reasons

    @property
    def summary(self) -> Summary:
        """Statistics of the chosen attempt."""
        return summarise(self.chosen.times_ms)


def time_models(
    calls: Mapping[str, Call],
    synchronise: Call,
    *,
    protocol: Protocol | None = None,
    prepare: Callable[[str], None] = lambda name: None,
    clock: Clock = time.perf_counter_ns,
    counters: Counters = read_cpu,
    cores: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Samples]:
    """Time several calls against each other: warm-up, then rounds A B C A B C, then a verdict on each.

    Args:
        calls: What to time, by name.
        synchronise: Waits until the device has nothing left to do; called before both readings of the clock.
        protocol: Duration and validity rules.
        prepare: Called with the name before each sample and outside its time, e.g. to make a fresh input.
        clock: Monotonic nanoseconds.
        counters: Reads the system's CPU counters.
        cores: Number of cores that this process may keep busy; None for any.
        progress: Called between samples with the stage and the share done, 0 to 1.

    Returns:
        By name, in the order of ``calls``.

    Raises:
        ValueError: Nothing to time.
    """
    if not calls:
        raise ValueError("nothing to time: give at least one call")
    shown = progress or (lambda stage, share: None)
    run = _Run(calls, synchronise, protocol or Protocol(), prepare, clock, counters, cores, shown)
    with _no_garbage_collection():
        warm = run.warm_up()
        attempts = run.attempt_until_valid()
    best = max(attempts, key=lambda attempt: sum(not one.reasons for one in attempt.values()))
    return {
        name: Samples(
            chosen=best[name],
            discarded=tuple(attempt[name] for attempt in attempts if attempt is not best),
            warmup_ms=warm[name][0],
            warmup_stable=warm[name][1],
        )
        for name in calls
    }


@dataclass
class _Run:
    calls: Mapping[str, Call]
    synchronise: Call
    protocol: Protocol
    prepare: Callable[[str], None]
    clock: Clock
    counters: Counters
    cores: int | None
    progress: Progress

    def __post_init__(self) -> None:
        self.start_ns = self.clock()

    def elapsed_s(self) -> float:
        return (self.clock() - self.start_ns) / _NS_PER_S

    def report(self, stage: str, share: float) -> None:
        self.progress(stage, min(1.0, share))

    def sample_ms(self, name: str) -> float:
        self.prepare(name)
        call = self.calls[name]
        self.synchronise()
        start_ns = self.clock()
        call()
        self.synchronise()
        return (self.clock() - start_ns) / _NS_PER_MS

    def warm_up(self) -> dict[str, tuple[tuple[float, ...], bool]]:
        """Call each model until its time is stable, within the calls and the time allowed for that."""
        warm = {}
        share_s = self.protocol.budget_s * self.protocol.warmup_share / len(self.calls)
        for index, name in enumerate(self.calls):
            self.report("warm-up", index / len(self.calls))
            times_ms: list[float] = []
            until_s = self.elapsed_s() + share_s
            while len(times_ms) < self.protocol.warmup_calls and not self.is_warm(times_ms):
                times_ms.append(self.sample_ms(name))
                if self.elapsed_s() >= until_s:
                    break
            warm[name] = (tuple(times_ms), self.is_warm(times_ms))
        return warm

    def is_warm(self, times_ms: list[float]) -> bool:
        if len(times_ms) < 6:
            return False
        before_ms, now_ms = quantile(times_ms[-6:-3], 0.5), quantile(times_ms[-3:], 0.5)
        return abs(now_ms - before_ms) <= self.protocol.warmup_tolerance * before_ms

    def attempt_until_valid(self) -> list[dict[str, Attempt]]:
        """Repeat the whole set, models interleaved, until all are valid or attempts or time are used up."""
        attempts: list[dict[str, Attempt]] = []
        while len(attempts) < self.protocol.attempts:
            began_s = self.elapsed_s()
            attempts.append(self.attempt(len(attempts) + 1))
            if not any(one.reasons for one in attempts[-1].values()):
                break
            rounds = len(next(iter(attempts[-1].values())).times_ms)
            now_s = self.elapsed_s()
            # another attempt too short to be valid would only cost time
            if now_s + (now_s - began_s) / rounds * self.protocol.least_samples > self.protocol.budget_s:
                break
        return attempts

    def attempt(self, number: int) -> dict[str, Attempt]:
        times_ms: dict[str, list[float]] = {name: [] for name in self.calls}
        stage = "samples" if number == 1 else f"samples, attempt {number}"
        before = self.counters()
        start_s = now_s = self.elapsed_s()
        longest_s = 0.0
        rounds = 0
        while rounds == 0 or (
            now_s + longest_s <= self.protocol.budget_s
            and (rounds < self.protocol.samples or now_s - start_s < self.protocol.least_window_s)
        ):
            for name in self.calls:
                times_ms[name].append(self.sample_ms(name))
            rounds += 1
            round_end_s = self.elapsed_s()
            longest_s = max(longest_s, round_end_s - now_s)
            now_s = round_end_s
            used = now_s / self.protocol.budget_s if self.protocol.budget_s > 0 else 1.0
            self.report(stage, max(rounds / self.protocol.samples, used))
        after = self.counters()
        share = foreign_share(before, after)
        reasons = reasons_against_cores(own_cores(before, after), self.cores, self.protocol)
        return {
            name: Attempt(tuple(times), share, (*reasons_against(times, share, self.protocol), *reasons))
            for name, times in times_ms.items()
        }


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep Python's collector out of the samples, as timeit does."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
