"""Which of the records there are stands in a table's cell: by rule, never by its score."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from baselines.method import Method
from bench.paper import Table
from bench.reproduce.verdict.order import conditions_of
from bench.reproduce.verdict.ratio import Claim, judge_claims
from bench.results.record import AccuracyRecord, Record, SpeedRecord
from bench.results.select import Tabulated, is_single_pass, is_synthetic, is_time_of, newest_first, started
from bench.results.store import read_records

R = TypeVar("R", bound=Record)
TimedRow = tuple[str, tuple[int, int] | None, int | None]
"""A row, its input size (height, width) and its classes."""

# the options that degrade a CARNet, each with the value that does not (Section IV.A)
_FULL: dict[str, Any] = {"modules": 4, "scloss": 4, "crp": True}


@dataclass(frozen=True)
class Choice(Generic[R]):
    """The records of one cell.

    Attributes
    ----------
    records
        One a seed, in the order of the seeds; empty when nothing may be tabulated.
    refused
        Why records of this row are left out, one reason each.
    """

    records: tuple[R, ...] = ()
    refused: tuple[str, ...] = ()


class Records:
    """The accuracy and speed records below a home folder, sorted into what may be tabulated and what not.

    Parameters
    ----------
    home
        Holds ``results/records``.
    methods
        By registry name.
    prefer
        Ids of records that come before all others: those that this very command has made.
    form
        Which times are shown: engine and precision as `SpeedIdentity.form` names them.
        Empty is eager in the device's own layout, fp32, not deployed.
    timed
        Rows whose times are shown together, each with its input size and classes: they are to be of one
        machine as far as one has timed them.

    Raises
    ------
    RefusedInput
        A record is damaged; the message names its file.
    """

    def __init__(
        self,
        home: Path,
        methods: Mapping[str, Method],
        prefer: Collection[str] = (),
        form: str = "",
        timed: Sequence[TimedRow] = (),
    ) -> None:
        self._methods = methods
        self._form = form
        self._prefer = frozenset(prefer)
        self._tabulated = Tabulated(methods)
        self._accuracy = read_records(home, "accuracy")
        self._speed = read_records(home, "speed")
        self._prevailing = self._most_common_conditions(timed)

    def accuracy(self, row: str, table: Table) -> Choice[AccuracyRecord]:
        """Return the run nearest to the paper's protocol, with all its seeds.

        After the preferred records, nearest is, in this order: the table's data set, its split, images shown
        once before several views of each, photographs before drawn images, an encoder with ImageNet weights,
        the paper's lambda, more epochs; among equals the latest.
        """
        usable, refused = self._usable(self._accuracy, row, _is_full_version)
        return Choice(self._nearest(usable, table), refused)

    def accuracy_by_split(self, row: str, table: Table) -> dict[str, tuple[AccuracyRecord, ...]]:
        """Return the nearest run on each data set and split there is, by ``NAME SPLIT``."""
        usable, _ = self._usable(self._accuracy, row, _is_full_version)
        by_split: dict[str, list[AccuracyRecord]] = {}
        for record in usable:
            data = record.identity.data
            by_split.setdefault(f"{data.name} {data.split}", []).append(record)
        return {split: self._nearest(records, table) for split, records in sorted(by_split.items())}

    def _nearest(self, records: Sequence[AccuracyRecord], table: Table) -> tuple[AccuracyRecord, ...]:
        runs: dict[str, list[AccuracyRecord]] = {}
        for record in records:
            runs.setdefault(_run_key(record), []).append(record)
        if not runs:
            return ()
        return _one_a_seed(max(runs.values(), key=lambda run: max(self._nearness(one, table) for one in run)))

    def _nearness(self, record: AccuracyRecord, table: Table) -> tuple[Any, ...]:
        data, recipe = record.identity.data, record.identity.run.recipe
        return (
            record.id in self._prefer,
            data.name == table.dataset,
            data.name == table.dataset and data.split == table.split,
            is_single_pass(record),
            not is_synthetic(record),
            recipe.weights != "none",
            recipe.scloss_weight == 0.2,
            recipe.epochs,
            started(record),
        )

    def speed(self, row: str, size_hw: tuple[int, int] | None, classes: int | None) -> Choice[SpeedRecord]:
        """Return the latest time of one image at the table's size.

        Preferred records come first, then those of the machine and conditions that have timed most of the
        rows (an accelerator's when another has as many), then those of any accelerator. Only times of the
        wanted engine and precision are there: one cell must not stand for eager and the next for another
        engine because somebody tried it.
        """
        usable, refused = self._times(row, size_hw, classes)
        if not usable:
            return Choice(refused=refused)
        latest = max(
            newest_first(usable),
            key=lambda record: (
                record.id in self._prefer,
                conditions_of(record) == self._prevailing,
                _is_of_accelerator(record),
            ),
        )
        return Choice((latest,), refused)

    def _most_common_conditions(self, timed: Sequence[TimedRow]) -> str | None:
        """Return the conditions that have timed most of some rows, those of preferred records before all."""
        by_conditions: dict[str, list[SpeedRecord]] = {}
        for row, size_hw, classes in timed:
            if row in self._methods:
                for record in self._times(row, size_hw, classes)[0]:
                    by_conditions.setdefault(conditions_of(record), []).append(record)

        def weight(conditions: str) -> tuple[Any, ...]:
            records = by_conditions[conditions]
            preferred = [record for record in records if record.id in self._prefer]
            latest = max(map(started, records))
            return _rows_of(preferred), _rows_of(records), _is_of_accelerator(records[0]), latest

        return max(by_conditions, key=weight, default=None)

    def _times(
        self, row: str, size_hw: tuple[int, int] | None, classes: int | None
    ) -> tuple[list[SpeedRecord], tuple[str, ...]]:
        """Return a row's times of one image in the wanted form, and why others are left out."""

        def fits(record: SpeedRecord) -> bool:
            options = self._methods[row].options
            return is_time_of(record, row, size_hw, classes, form=self._form, options=options)

        return self._usable(self._speed, row, fits)

    def speed_record(self, record_id: str | None) -> SpeedRecord | None:
        """Return the time with this id, or None."""
        return next((record for record in self._speed if record.id == record_id), None)

    def claims(self, table: str) -> tuple[Claim, ...]:
        """Return the ratios of times that a table claims, each judged by one run."""
        return judge_claims(table, self._speed, self._tabulated, self._form)

    def _usable(
        self, records: Sequence[R], row: str, fits: Callable[[R], bool]
    ) -> tuple[list[R], tuple[str, ...]]:
        own = [record for record in records if record.identity.model == row and fits(record)]
        reasons = {record.id: self._tabulated.why_not(record) for record in own}
        usable = [record for record in own if reasons[record.id] is None]
        return usable, tuple(reason for reason in reasons.values() if reason is not None)


def _rows_of(records: Sequence[Record]) -> int:
    return len({record.identity.model for record in records})


def _is_of_accelerator(record: SpeedRecord) -> bool:
    return record.identity.device != "cpu"


def _is_full_version(record: AccuracyRecord) -> bool:
    options = record.identity.run.recipe.model_options
    return "variant" not in options and all(options.get(key, full) == full for key, full in _FULL.items())


def _run_key(record: AccuracyRecord) -> str:
    """Return what records of one run under several seeds have in common."""
    identity = json.loads(json.dumps(record.stored["identity"]))
    del identity["take"], identity["weights_sha256"], identity["run"]["initial_weights_sha256"]
    del identity["run"]["recipe"]["seed"]
    return json.dumps(identity, sort_keys=True)


def _one_a_seed(records: Sequence[AccuracyRecord]) -> tuple[AccuracyRecord, ...]:
    """Return the first take of each seed: a repetition of the same run is not another sample."""
    by_seed: dict[int, AccuracyRecord] = {}
    for record in sorted(records, key=lambda record: record.identity.take):
        by_seed.setdefault(record.identity.run.recipe.seed, record)
    return tuple(by_seed[seed] for seed in sorted(by_seed))
