"""Which of the records there are stands in a table's cell: by rule, never by its score."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from baselines.method import Method
from bench.paper import Table
from bench.results.record import AccuracyRecord, Record
from bench.results.select import Tabulated, is_single_pass, is_synthetic, started
from bench.results.store import read_records

R = TypeVar("R", bound=Record)

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
    """The accuracy records below a home folder, sorted into what may be tabulated and what not.

    Parameters
    ----------
    home
        Holds ``results/records``.
    methods
        By registry name.
    prefer
        Ids of records that come before all others: those that this very command has made.

    Raises
    ------
    RefusedInput
        A record is damaged; the message names its file.
    """

    def __init__(self, home: Path, methods: Mapping[str, Method], prefer: Collection[str] = ()) -> None:
        self._tabulated = Tabulated(methods)
        self._prefer = frozenset(prefer)
        self._accuracy = read_records(home, "accuracy")

    def accuracy(self, row: str, table: Table) -> Choice[AccuracyRecord]:
        """Return the run nearest to the paper's protocol, with all its seeds.

        After the preferred records, nearest is, in this order: the table's data set, its split, images shown
        once before several views of each, photographs before drawn images, an encoder with ImageNet weights,
        the paper's lambda, more epochs; among equals the latest.
        """
        usable, refused = self._usable(row)
        return Choice(self._nearest(usable, table), refused)

    def accuracy_by_split(self, row: str, table: Table) -> dict[str, tuple[AccuracyRecord, ...]]:
        """Return the nearest run on each data set and split there is, by ``NAME SPLIT``."""
        usable, _ = self._usable(row)
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

    def _usable(self, row: str) -> tuple[list[AccuracyRecord], tuple[str, ...]]:
        return self._tabulated.sort(
            record for record in self._accuracy if record.identity.model == row and _is_full_version(record)
        )


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
