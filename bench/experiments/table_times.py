"""The time cells of a table on this machine: as many rows as the budget holds, each at its printed size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from bench.clock.protocol import Protocol
from bench.cost.count import count_costs
from bench.errors import NotMeasured, RefusedInput
from bench.experiments.kept_times import kept_times
from bench.experiments.time_budget import CALLS, Candidate, Clock, affordable, network_on
from bench.experiments.time_groups import free_mib_on, groups_of, rows_to_time
from bench.paper.claims import partners
from bench.results.provenance import package_root, repository_state
from bench.results.store import add_record
from bench.speed.device import Device, measuring_conditions, open_device
from bench.speed.measure import PLAIN, measure_speed
from bench.speed.roofline import measure_rates
from bench.speed.variant import Variant
from bench.train.run import Settings

_SAMPLES = 20
"""Of each network: a median with its spread. ``carnet-bench time`` takes 100, which p99 needs."""
_HEAVY_S = 30.0
"""A group whose shortest valid measurement takes longer gets no more than that: the fewest samples, and one
call of warm-up, since the calls before it have warmed it."""
_PARITY_CALLS = 8
"""More calls in an engine: eager and engine on two inputs, and what preparing it takes."""
_RATE_S = 0.2

Progress = Callable[[str, float], None]
Log = Callable[[str], None]


@dataclass
class Timed:
    """What became of a table's rows.

    Attributes
    ----------
    records
        Ids of the times that may be shown, taken now or before.
    left_out
        Rows without one.
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
    as it ends. A row that has a valid record of this machine and this code is not timed again. What does not
    fit is named in the log. A measurement that is not valid is written too, with its reasons, and taken once
    more when time is left; the table leaves it out.

    Parameters
    ----------
    table
        Of ``bench.paper.cells.TABLES``; one without times is left as it is.
    budget_s
        For everything done here, in seconds.
    settings
        Home, device, threads and command.
    progress
        Is told the rows in work with the stage, and the share of it that is done (0..1).
    log
        Is told what was not timed and what was not valid.
    variant
        Engine, precision, and whether deployed; only CARNets can be.
    clock
        Monotonic seconds.
    """
    work = _Work(
        table, settings, variant, open_device(settings.device), progress, log, clock() + budget_s, clock
    )
    for rows in rows_to_time(table):
        work.time_rows(rows)
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

    def left_s(self) -> float:
        return self.until_s - self.clock()

    def time_rows(self, rows: Sequence[Candidate]) -> None:
        """Time some rows of the table, and what is not valid once more."""
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
        invalid = self._time_groups(chosen)
        again = [one for one in chosen if self._is_wanted_again(one, invalid)]
        if again and sum(one.need_s for one in again) <= self.left_s():
            self.log(f"once more, in the time left: {_names(again)}")
            invalid = self._time_groups(again)
        self.done.left_out += [name for name in invalid if name not in self.done.left_out]

    def _missing(self, rows: Sequence[Candidate]) -> list[Candidate]:
        """Return the rows to time: those that the engine takes and that have no record yet."""
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
            self.log(f"{name}: not timed again, there is a valid time of this machine and code")
            self.done.records.append(record.id)
        return [row for row in fitting if row.name not in kept]

    def _is_wanted_again(self, one: Candidate, invalid: set[str]) -> bool:
        # a ratio needs both of its rows in one run
        return one.name in invalid or any(name in invalid for name in partners(self.table, one.name))

    def _time_groups(self, chosen: Sequence[Candidate]) -> set[str]:
        """Time the groups one after the other, each with its share of the time; return what is invalid."""
        invalid: set[str] = set()
        waiting_s = total_s = sum(one.need_s for one in chosen)
        for group in groups_of(self.table, chosen, partial(free_mib_on, self.device.torch_device)):
            need_s = sum(one.need_s for one in group)
            share = (1 - waiting_s / total_s, need_s / total_s) if total_s else (0.0, 1.0)
            invalid |= self._time_group(
                group, self.left_s() * need_s / waiting_s if waiting_s else 0.0, share
            )
            waiting_s -= need_s
        return invalid

    def _time_group(
        self, group: Sequence[Candidate], budget_s: float, share: tuple[float, float]
    ) -> set[str]:
        names, (begun, part) = _names(group), share
        need_s = sum(one.need_s for one in group)
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
                return set()
            # one network that fails must not take the table's other numbers with it
            self.log(f"{names}: together not timed, {error}; now each alone")
            invalid: set[str] = set()
            for one in group:
                invalid |= self._time_group([one], budget_s * one.need_s / need_s, share)
            return invalid
        invalid = set()
        for record in records:
            written, _ = add_record(record, self.settings.home)
            name = record.identity.model
            if record.valid:
                self.done.records.append(written.id)
            else:
                invalid.add(name)
                self.log(f"{name}: time not valid, {'; '.join(record.reasons)}")
        return invalid

    def _in_time(self, one: Candidate) -> bool:
        if self.left_s() > 0:
            return True
        self._leave_out(one.name, "no time left")
        return False

    def _leave_out(self, name: str, reason: str) -> None:
        self.log(f"{name}: not timed, {reason}")
        self.done.left_out.append(name)


def warn_of_changes(log: Log) -> None:
    """Say beforehand that the code has changes, since what it measures is kept and never shown."""
    if repository_state(package_root())[1]:
        log("the code has changes that are not committed: its times are kept, but no table shows them")


def _names(group: Sequence[Candidate]) -> str:
    return ", ".join(one.name for one in group)


def _counted(one: Candidate) -> Candidate:
    try:
        costs = count_costs(one.method, one.num_classes, one.size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput):
        return one
    return replace(one, gmacs=costs.gmacs)
