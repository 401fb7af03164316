"""Which of the records there are stands in a table's cell: by rule, never by its score."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.paper import Table
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import read_records, why_not_tabulated

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


class Usable:
    """Sorts records into those that may be tabulated and the reasons why the others may not.

    Parameters
    ----------
    methods
        By registry name.
    """

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods
        self._sources: dict[str, dict[str, str] | None] = {}

    def __call__(self, records: Iterable[Record]) -> tuple[list[Record], tuple[str, ...]]:
        """Return the usable records, and the reasons of the others."""
        reasons = [
            (one, why_not_tabulated(one, self.sources(str(one.identity.get("model"))))) for one in records
        ]
        usable = [record for record, reason in reasons if reason is None]
        return usable, tuple(reason for _, reason in reasons if reason is not None)

    def sources(self, model: str) -> dict[str, str] | None:
        """Return the digests of a method's code as it is now; None for a method that no longer exists."""
        if model not in self._sources:
            method = self._methods.get(model)
            self._sources[model] = None if method is None else current_sources(method)
        return self._sources[model]


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
        self._usable = Usable(methods)
        self._prefer = frozenset(prefer)
        self._accuracy = read_records(home, "accuracy")

    def accuracy(self, row: str, table: Table) -> Choice:
        """Return the run nearest to the paper's protocol, with all its seeds.

        After the preferred records, nearest is, in this order: the table's data set, its split, images shown
        once before several views of each, photographs before drawn images, an encoder with ImageNet weights,
        the paper's lambda, more epochs; among equals the latest.
        """
        usable, refused = self._usable_of(row)
        return Choice(self._nearest(usable, table), refused)

    def accuracy_by_split(self, row: str, table: Table) -> dict[str, tuple[Record, ...]]:
        """Return the nearest run on each data set and split there is, by ``NAME SPLIT``."""
        usable, _ = self._usable_of(row)
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
            started(record),
        )

    def _usable_of(self, row: str) -> tuple[list[Record], tuple[str, ...]]:
        return self._usable(
            record
            for record in self._accuracy
            if record.identity.get("model") == row and _is_full_version(record)
        )


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


def started(record: Record) -> str:
    """Return when a measurement started, as text that sorts by time."""
    return str(record.provenance.get("started_utc", ""))
