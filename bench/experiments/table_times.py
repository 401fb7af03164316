"""The times of a table's rows on this machine: as many as the budget holds, each at its printed size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bench.clock.protocol import Protocol
from bench.cost.kept import kept_costs
from bench.errors import NotMeasured, RefusedInput
from bench.experiments.time_budget import CALLS, Candidate, Clock, affordable, network_on
from bench.experiments.time_groups import free_mib_on, groups_of, kept_times, knots_of, rows_to_time
from bench.results.provenance import package_root
from bench.results.repository import code_state
from bench.results.store import add_record
from bench.speed.device import Device, measuring_conditions, open_device
from bench.speed.measure import PLAIN, measure_speed
from bench.speed.roofline import measure_rates
from bench.speed.variant import Variant
from bench.train.settings import Settings

_SAMPLES = 20
"""Samples per network: a median with its spread. ``carnet-bench time`` takes 100, which p99 needs."""
_HEAVY_S = 30.0
"""A group whose shortest valid measurement takes longer gets the fewest samples, and one call of warm-up, as
earlier calls have warmed it."""
_PARITY_CALLS = 8
"""Further calls of an engine: eager and engine on two inputs, and its preparation."""
_RATE_S = 0.2
_REPEATS = 2
"""Most repetitions of a time that is not valid: a machine that stays busy must not use up a long budget."""

Progress = Callable[[str, float], None]
Log = Callable[[str], None]


@dataclass
class Timed:
    """What became of a table's rows.

    Attributes:
        records: Ids of the valid times, taken now or before.
        left_out: Rows without one.
    """

    records: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def time_table(
    table: str,
    budget_s: float,
    settings: Settings,
    progress: Progress = lambda *_: None,
    log: Log = lambda _: None,
    *,
    variant: Variant = PLAIN,
    clock: Clock = time.monotonic,
) -> Timed:
    """Time the built rows of a table that the budget holds, and write their records.

    The CARNet rows and those they are compared with come first, then the others, those with fewer
    multiply-adds before those with more; rows of one size are interleaved. Each group's records are written
    as it ends. A row that has a valid record of this machine and this code is not re-timed. What does not
    fit is named in the log. A measurement that is not valid is recorded too, with its reasons; when all rows
    had their turn, it is repeated in the time left, the shortest first.

    Args:
        table: A name of ``bench.paper.cells.TABLES``; nothing is done for one without times.
        budget_s: Seconds for everything done here.
        settings: Home, device, threads and command.
        progress: Called with the current rows and stage, and the share of the work that is done (0..1).
        log: Called with what was not timed and what was not valid.
        variant: Engine, precision, and whether deployed; only CARNets can be.
        clock: Monotonic seconds.
    """
    work = _Work(
        table, settings, variant, open_device(settings.device), progress, log, clock() + budget_s, clock
    )
    for rows in rows_to_time(table):
        work.time_rows(rows)
    work.retime()
    return work.done


@dataclass
class _Work:
    table: str
    settings: Settings
    variant: Variant
    device: Device
    progress: Progress
    log: Log
    until_s: float
    clock: Clock
    done: Timed = field(default_factory=Timed)
    timed: list[Candidate] = field(default_factory=list)
    invalid: set[str] = field(default_factory=set)

    def left_s(self) -> float:
        return self.until_s - self.clock()

    def time_rows(self, rows: Sequence[Candidate]) -> None:
        """Time some rows of the table: as many as fit."""
        rows = self._missing(rows)
        if not rows:
            return
        self.progress("choosing what fits", 0.0)
        plain = self.variant.is_plain(self.device)
        # counted before the conditions: the counters see no operation in inference mode
        candidates = [
            replace(_counted(row), calls=CALLS if plain else CALLS + _PARITY_CALLS)
            for row in rows
            if self._in_time(row)
        ]
        if not candidates:
            return
        with measuring_conditions(self.settings.threads):
            rate = measure_rates(self.device, seconds=_RATE_S).gemm_gmacs_per_s
            build = network_on(self.device)

            def told(one: Candidate) -> Callable[[], float]:
                self.progress(f"trying {one.name}", 0.0)
                return build(one)

            chosen, refused = affordable(
                candidates, self.left_s, rate, told, self.clock, device=self.device.torch_device
            )
        for name, reason in refused.items():
            self._leave_out(name, reason)
        self.timed += chosen
        self._time_groups(chosen)

    def retime(self) -> None:
        """Repeat what is not valid in the time left, and leave out what stays so."""
        for _ in range(_REPEATS):
            if not (again := self._to_repeat()):
                break
            self.log(f"re-timing in the remaining budget: {_names(again)}")
            self._time_groups(again)
        self.done.left_out += sorted(self.invalid.difference(self.done.left_out))

    def _to_repeat(self) -> list[Candidate]:
        """Return the rows without a valid time and their partners, as far as they fit: shortest first."""
        left_s, fitting = self.left_s(), []
        # a ratio needs both of its rows in one run
        for knot in sorted(knots_of(self.table, self.timed), key=_need_s):
            if _need_s(knot) <= left_s and any(one.name in self.invalid for one in knot):
                fitting += knot
                left_s -= _need_s(knot)
        return fitting

    def _missing(self, rows: Sequence[Candidate]) -> list[Candidate]:
        """Return the rows to time: those that the engine takes and that have no valid record."""
        fitting = []
        for row in rows:
            if self.variant.deploy and row.method.family != "carnet":
                self._leave_out(row.name, "only a CARNet can be deployed")
            else:
                fitting.append(row)
        if not fitting:
            return []
        with measuring_conditions(self.settings.threads) as threads:
            kept = kept_times(
                self.table,
                fitting,
                self.settings.home,
                device=self.device,
                variant=self.variant,
                threads=threads,
            )
        for name, record in kept.items():
            self.log(f"{name}: keeping the valid time of this machine and code")
            self.done.records.append(record.id)
        return [row for row in fitting if row.name not in kept]

    def _time_groups(self, chosen: Sequence[Candidate]) -> None:
        """Time the groups one after the other, each with its share of the time."""
        waiting_s = total_s = _need_s(chosen)
        for group in groups_of(self.table, chosen, partial(free_mib_on, self.device.torch_device)):
            need_s = _need_s(group)
            share = (1 - waiting_s / total_s, need_s / total_s) if total_s else (0.0, 1.0)
            self._time_group(group, self.left_s() * need_s / waiting_s if waiting_s else 0.0, share)
            waiting_s -= need_s

    def _time_group(self, group: Sequence[Candidate], budget_s: float, share: tuple[float, float]) -> None:
        names, (begun, part) = _names(group), share
        need_s = _need_s(group)
        heavy = need_s > _HEAVY_S
        lean = Protocol()
        protocol = Protocol(
            samples=lean.least_samples if heavy else _SAMPLES,
            warmup_calls=1 if heavy else lean.warmup_calls,
            budget_s=budget_s,
        )
        try:
            records = measure_speed(
                [one.method for one in group],
                group[0].size_hw,
                num_classes=group[0].num_classes,
                threads=self.settings.threads,
                device=self.settings.device,
                variants=(self.variant,),
                protocol=protocol,
                command=self.settings.command,
                progress=lambda stage, done: self.progress(f"{names}: {stage}", begun + part * done),
            )
        except (NotMeasured, RefusedInput) as error:
            if len(group) == 1:
                self._leave_out(names, str(error))
                return
            # one network that fails must not take the table's other numbers with it
            self.log(f"{names}: could not be timed together ({error}); timing each alone")
            for one in group:
                self._time_group([one], budget_s * one.need_s / need_s, share)
            return
        for record in records:
            written, _ = add_record(record, self.settings.home)
            name = record.identity.model
            if record.valid:
                self.done.records.append(written.id)
                self.invalid.discard(name)
            else:
                self.invalid.add(name)
                self.log(f"{name}: time not valid, {'; '.join(record.reasons)}")

    def _in_time(self, one: Candidate) -> bool:
        if self.left_s() > 0:
            return True
        self._leave_out(one.name, "no time left")
        return False

    def _leave_out(self, name: str, reason: str) -> None:
        self.log(f"{name}: not timed, {reason}")
        self.done.left_out.append(name)


def warn_of_changes(log: Log) -> None:
    """Warn beforehand that no table will show what is measured by code that is not known to be committed."""
    state = code_state(package_root())
    if state.unknown is not None:
        log(f"not known whether the code is committed ({state.unknown}): no table will show its times")
    elif state.dirty:
        log(
            "uncommitted changes: times are recorded but will not appear in any table, even after a commit; "
            "commit first, then time"
        )


def _need_s(group: Sequence[Candidate]) -> float:
    return sum(one.need_s for one in group)


def _names(group: Sequence[Candidate]) -> str:
    return ", ".join(one.name for one in group)


def _counted(one: Candidate) -> Candidate:
    try:
        costs = kept_costs(one.method, one.num_classes, one.size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput):
        return one
    return replace(one, gmacs=costs.gmacs)
