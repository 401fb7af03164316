"""Which of the records there are stands in a table's cell: by rule, never by its score."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.paper import Table
from bench.reproduce.verdict.order import conditions_of
from bench.reproduce.verdict.ratio import PAIRS, Claim, judge_claims
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import read_records, why_not_tabulated
from bench.speed.variant import form_of

TimedRow = tuple[str, tuple[int, int] | None, int | None]
"""A row, its input size (height, width) and its classes."""

# the options that degrade a CARNet, each with the value that does not (Section IV.A)
_FULL: dict[str, Any] = {"modules": 4, "scloss": 4, "crp": True}


@dataclass(frozen=True)
class Choice:
    """The records of one cell.

    Attributes
    ----------
    records
        One a seed, in the order of the seeds; empty when nothing may be tabulated.
    refused
        Why records of this row are left out, one reason each.
    """

    records: tuple[Record, ...] = ()
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
        Which times are shown: engine and precision as `bench.speed.variant.form_of` names them.
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
        self._sources: dict[str, dict[str, str] | None] = {}
        self._accuracy = read_records(home, "accuracy")
        self._speed = read_records(home, "speed")
        self._prevailing = self._most_common_conditions(timed)

    def accuracy(self, row: str, table: Table) -> Choice:
        """Return the run nearest to the paper's protocol, with all its seeds.

        After the preferred records, nearest is, in this order: the table's data set, its split, images shown
        once before several views of each, photographs before drawn images, an encoder with ImageNet weights,
        the paper's lambda, more epochs; among equals the latest.
        """
        usable, refused = self._usable(self._accuracy, row, _is_full_version)
        return Choice(self._nearest(usable, table), refused)

    def accuracy_by_split(self, row: str, table: Table) -> dict[str, tuple[Record, ...]]:
        """Return the nearest run on each data set and split there is, by ``NAME SPLIT``."""
        usable, _ = self._usable(self._accuracy, row, _is_full_version)
        by_split: dict[str, list[Record]] = {}
        for record in usable:
            data = record.identity["data"]
            by_split.setdefault(f"{data['name']} {data['split']}", []).append(record)
        return {split: self._nearest(records, table) for split, records in sorted(by_split.items())}

    def _nearest(self, records: Sequence[Record], table: Table) -> tuple[Record, ...]:
        runs: dict[str, list[Record]] = {}
        for record in records:
            runs.setdefault(_run_key(record), []).append(record)
        if not runs:
            return ()
        return _one_a_seed(max(runs.values(), key=lambda run: max(self._nearness(one, table) for one in run)))

    def _nearness(self, record: Record, table: Table) -> tuple[Any, ...]:
        data, recipe = record.identity["data"], recipe_of(record)
        return (
            record.id in self._prefer,
            data["name"] == table.dataset,
            data["name"] == table.dataset and data["split"] == table.split,
            not has_several_views(record),
            not is_synthetic(record),
            recipe.get("weights", "none") != "none",
            recipe.get("scloss_weight") == 0.2,
            recipe.get("epochs", 0),
            _started(record),
        )

    def speed(self, row: str, size_hw: tuple[int, int] | None, classes: int | None) -> Choice:
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
            usable,
            key=lambda record: (
                record.id in self._prefer,
                conditions_of(record) == self._prevailing,
                _is_of_accelerator(record),
                _started(record),
            ),
        )
        return Choice((latest,), refused)

    def _most_common_conditions(self, timed: Sequence[TimedRow]) -> str | None:
        """Return the conditions that have timed most of some rows, those of preferred records before all."""
        by_conditions: dict[str, list[Record]] = {}
        for row, size_hw, classes in timed:
            if row in self._methods:
                for record in self._times(row, size_hw, classes)[0]:
                    by_conditions.setdefault(conditions_of(record), []).append(record)

        def weight(conditions: str) -> tuple[Any, ...]:
            records = by_conditions[conditions]
            preferred = [record for record in records if record.id in self._prefer]
            latest = max(map(_started, records))
            return _rows_of(preferred), _rows_of(records), _is_of_accelerator(records[0]), latest

        return max(by_conditions, key=weight, default=None)

    def _times(
        self, row: str, size_hw: tuple[int, int] | None, classes: int | None
    ) -> tuple[list[Record], tuple[str, ...]]:
        """Return a row's times of one image in the wanted form, and why others are left out."""

        def fits(record: Record) -> bool:
            found = record.identity
            return (
                found.get("size") == (None if size_hw is None else list(size_hw))
                and found.get("num_classes") == classes
                and found.get("batch") == 1
                and form_of(found) == self._form
                and "measured" not in found  # another quantity than the network's time
                and found.get("options") == dict(self._methods[row].options)
            )

        return self._usable(self._speed, row, fits)

    def speed_record(self, record_id: str | None) -> Record | None:
        """Return the time with this id, or None."""
        return next((record for record in self._speed if record.id == record_id), None)

    def claims(self, table: str) -> tuple[Claim, ...]:
        """Return the ratios of times that a table claims, each judged by one run."""
        rows = {row for pair in PAIRS.get(table, ()) for row in pair}
        return judge_claims(table, self._speed, {row: self._current(row) for row in rows}, self._form)

    def _usable(
        self, records: Sequence[Record], row: str, fits: Callable[[Record], bool]
    ) -> tuple[list[Record], tuple[str, ...]]:
        own = [record for record in records if record.identity.get("model") == row and fits(record)]
        reasons = {record.id: why_not_tabulated(record, self._current(row)) for record in own}
        usable = [record for record in own if reasons[record.id] is None]
        return usable, tuple(reason for reason in reasons.values() if reason is not None)

    def _current(self, row: str) -> dict[str, str] | None:
        if row not in self._sources:
            method = self._methods.get(row)
            self._sources[row] = None if method is None else current_sources(method)
        return self._sources[row]


def _rows_of(records: Sequence[Record]) -> int:
    return len({record.identity["model"] for record in records})


def _is_of_accelerator(record: Record) -> bool:
    return record.identity.get("device") != "cpu"


def is_synthetic(record: Record) -> bool:
    """Say whether a record was measured on drawn images."""
    return record.identity["data"]["name"] == "scenes" or "synthetic data" in record.notes


def has_several_views(record: Record) -> bool:
    """Say whether scales, mirror images or windows were averaged: another protocol than a single pass."""
    return "averaged" in record.identity.get("protocol", {})


def recipe_of(record: Record) -> dict[str, Any]:
    """Return the recipe of the run behind an accuracy record; empty when it names none."""
    run = record.identity.get("run") or {}
    return dict(run.get("recipe") or {})


def _is_full_version(record: Record) -> bool:
    options = recipe_of(record).get("model_options") or {}
    return "variant" not in options and all(options.get(key, full) == full for key, full in _FULL.items())


def _run_key(record: Record) -> str:
    """Return what records of one run under several seeds have in common."""
    identity = json.loads(json.dumps(record.identity))
    identity.pop("take", None)
    identity.pop("weights_sha256", None)
    run = identity.get("run") or {}
    run.pop("initial_weights_sha256", None)
    (run.get("recipe") or {}).pop("seed", None)
    return json.dumps(identity, sort_keys=True)


def _one_a_seed(records: Sequence[Record]) -> tuple[Record, ...]:
    """Return the first take of each seed: a repetition of the same run is not another sample."""
    by_seed: dict[int, Record] = {}
    for record in sorted(records, key=lambda record: record.identity.get("take", 0)):
        by_seed.setdefault(recipe_of(record).get("seed", 0), record)
    return tuple(by_seed[seed] for seed in sorted(by_seed))


def _started(record: Record) -> str:
    return str(record.provenance.get("started_utc", ""))
