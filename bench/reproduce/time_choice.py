"""Whose times a table shows: those of one machine under one set of conditions, never a mixture."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import UsageError
from bench.paper import Cell, rows
from bench.reproduce.record_choice import Choice
from bench.reproduce.verdict.order import conditions_of
from bench.reproduce.verdict.ratio import Claim, judge_claims, judge_pair
from bench.results.provenance import machine as machine_here
from bench.results.record import SpeedRecord, Subject
from bench.results.record_types import Machine as Facts
from bench.results.select import Tabulated, is_time_of, newest_first, started
from bench.results.store import read_records

TimedRow = tuple[str, tuple[int, int] | None, int | None]
"""A row, its input size (height, width) and its classes."""


@dataclass(frozen=True)
class Machine:
    """The hardware that a time belongs to; neither its kernel nor its memory decides a time.

    Attributes:
        cpu, cores: Model of the processor and its logical cores.
        gpu: Model of the accelerator that computed; None for a time of the processor.
    """

    cpu: str | None
    cores: int | None
    gpu: str | None

    @classmethod
    def from_facts(cls, facts: Facts, device: str) -> Machine:
        """Return the machine of a record's ``machine`` facts and device."""
        gpu = None if device == "cpu" else facts.gpu or device
        return cls(facts.cpu, facts.logical_cores, gpu)

    def __str__(self) -> str:
        """Return what computed, in words: ``NVIDIA H200``, or ``Intel(R) Xeon(R) Processor, 2 cores``."""
        cores = "" if self.cores is None else f", {self.cores} core{'' if self.cores == 1 else 's'}"
        return self.gpu or f"{self.cpu or 'unknown processor'}{cores}"


class Times:
    """The times below a home folder, by machine.

    Args:
        home: Holds ``results/records``.
        methods: By registry name.
        rows: Rows whose times are shown together.
        prefer: Ids of records that come before all others: those that this very command has made.
        form: Engine and precision of the times, as `SpeedIdentity.form` names them; empty is eager fp32 in
            the device's own layout, not deployed.
        machine: Part of the name of the machine whose times are shown. None: that of the preferred records,
            else this machine.

    Raises:
        UsageError: No time on record is of a machine of this name.
        RefusedInput: The folder of records cannot be read.
    """

    def __init__(
        self,
        home: Path,
        methods: Mapping[str, Method],
        rows: Sequence[TimedRow] = (),
        *,
        prefer: Collection[str] = (),
        form: str = "",
        machine: str | None = None,
    ) -> None:
        self._methods, self._form, self._prefer = methods, form, frozenset(prefer)
        self._tabulated = Tabulated(methods)
        # of one machine's rows nothing else is needed; a name is looked for among all times
        cells = {(row, *(size_hw or (None, None)), classes) for row, size_hw, classes in rows}

        def is_wanted(subject: Subject) -> bool:
            model, found, height, width, classes, measured = subject
            is_asked = found == form and (model, height, width, classes) in cells
            return measured is None and (is_asked or not cells or machine is not None)

        self._records = read_records(home, "speed", strict=False, wanted=is_wanted)
        self._by_model: dict[str, list[SpeedRecord]] = {}
        for one in self._records:
            self._by_model.setdefault(one.identity.model, []).append(one)
        self._found: dict[TimedRow, list[SpeedRecord]] = {}
        self._alike: dict[str, str] = {}
        self._rows = [row for row in rows if row[0] in methods]
        self._of_rows = [record for row in self._rows for record in self._tabulated.sort(self._of(*row))[0]]
        self._shown = self._named(machine)
        self._conditions = self._most_common([r for r in self._of_rows if _machine_of(r) in self._shown])

    def _named(self, text: str | None) -> frozenset[Machine]:
        """Return the machines that a name fits, or those of the preferred records, or this one."""
        if text is not None:
            known = {_machine_of(record) for record in self._records}
            found = frozenset(one for one in known if text.casefold() in str(one).casefold())
            if not found and self._rows:
                have = ", ".join(sorted(map(str, known))) or "none, no time is on record"
                raise UsageError(f"--machine '{text}': no time of such a machine; choose from {have}")
            return found
        preferred = self._most_common([r for r in self._of_rows if r.id in self._prefer])
        if preferred is not None:
            return frozenset(_machine_of(r) for r in self._of_rows if self._conditions_of(r) == preferred)
        return frozenset(
            Machine.from_facts(Facts(**machine_here()), device) for device in ("cpu", "cuda", "mps")
        )

    @property
    def machine(self) -> Machine:
        """The machine whose times are shown; this one where there is no time to show."""
        if self._conditions is not None:
            return next(_machine_of(r) for r in self._of_rows if self._conditions_of(r) == self._conditions)
        facts = Facts(**machine_here())
        return Machine.from_facts(facts, "cuda" if facts.gpu else "cpu")

    def choose(self, row: str, size_hw: tuple[int, int] | None, classes: int | None) -> Choice[SpeedRecord]:
        """Return the latest time of one image at a size, a preferred one first; why there is none."""
        fitting = self._of(row, size_hw, classes)
        usable, _ = self._tabulated.sort(fitting)
        _, refused = self._tabulated.sort(record for record in fitting if _machine_of(record) in self._shown)
        return Choice(self._latest(usable, self._conditions), refused)

    def elsewhere(self) -> dict[Machine, dict[str, SpeedRecord]]:
        """Return the times of each other machine by row, under the conditions that have most of the rows."""
        found = {}
        for machine in {_machine_of(record) for record in self._of_rows} - {self.machine}:
            conditions = self._most_common([r for r in self._of_rows if _machine_of(r) == machine])
            by_row = {
                row[0]: self._latest(self._tabulated.sort(self._of(*row))[0], conditions)
                for row in self._rows
            }
            found[machine] = {row: records[0] for row, records in by_row.items() if records}
        return dict(sorted(found.items(), key=lambda one: (one[0].gpu is None, str(one[0]))))

    def record(self, record_id: str | None) -> SpeedRecord | None:
        """Return the time with this id, or None."""
        return next((record for record in self._records if record.id == record_id), None)

    def claims(self, table: str) -> tuple[Claim, ...]:
        """Return the ratios of times that a table claims, each judged by one run."""
        return judge_claims(table, self._records, self._tabulated, self._form)

    def ratio(self, slower: Cell, faster: Cell) -> Claim:
        """Return the ratio of two printed times, judged by one run; an accelerator's comes first."""
        usable = [record for record in self._records if record in self._tabulated]
        return judge_pair(slower, faster, usable, self._form)[0]

    def _of(self, row: str, size_hw: tuple[int, int] | None, classes: int | None) -> list[SpeedRecord]:
        """Return a row's times of one image in the wanted form, valid or not."""
        key = (row, size_hw, classes)
        if key not in self._found:
            options = self._methods[row].options
            self._found[key] = [
                one
                for one in self._by_model.get(row, ())
                if is_time_of(one, row, size_hw, classes, form=self._form, options=options)
            ]
        return self._found[key]

    def _conditions_of(self, record: SpeedRecord) -> str:
        """Return the conditions of one of these times, found once."""
        if record.id not in self._alike:
            self._alike[record.id] = conditions_of(record)
        return self._alike[record.id]

    def _latest(self, usable: Iterable[SpeedRecord], conditions: str | None) -> tuple[SpeedRecord, ...]:
        under = [record for record in usable if self._conditions_of(record) == conditions]
        return tuple(sorted(newest_first(under), key=lambda one: one.id not in self._prefer)[:1])

    def _most_common(self, records: Sequence[SpeedRecord]) -> str | None:
        """Return the conditions with most rows: of preferred records first, of all, an accelerator's."""
        groups: dict[str, list[SpeedRecord]] = {}
        for record in records:
            groups.setdefault(self._conditions_of(record), []).append(record)

        def weight(conditions: str) -> tuple[Any, ...]:
            group = groups[conditions]
            preferred = [record for record in group if record.id in self._prefer]
            accelerated = group[0].identity.device != "cpu"
            return _models(preferred), _models(group), accelerated, max(map(started, group))

        return max(groups, key=weight, default=None)


def complete_forms(table: str, home: Path, methods: Mapping[str, Method] = METHODS) -> list[str]:
    """Return the forms other than eager fp32 in which every timed row of a table has a time on one machine.

    Args:
        table: One of the paper's tables.
        home: Holds ``results/records``.
        methods: By registry name.
    """
    cells = [cell for row in rows(table) if (cell := row.cells.get("time")) is not None]
    asked = [(cell.row, cell.size_hw, cell.classes) for cell in cells if cell.row in methods]
    tabulated = Tabulated(methods)
    timed: dict[tuple[str, Machine], set[str]] = {}
    for one in read_records(home, "speed", strict=False):
        form = one.identity.form
        fits = any(is_time_of(one, *row, form=form, options=methods[row[0]].options) for row in asked if form)
        if fits and one in tabulated:
            timed.setdefault((form, _machine_of(one)), set()).add(one.identity.model)
    return sorted({form for (form, _), found in timed.items() if len(found) == len(cells)})


def _machine_of(record: SpeedRecord) -> Machine:
    return Machine.from_facts(record.identity.machine, record.identity.device)


def _models(records: Sequence[SpeedRecord]) -> int:
    return len({record.identity.model for record in records})
