"""Which of the records there are stands in a table's cell: by rule, never by its score."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from baselines.method import Method
from bench.paper import Table
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS
from bench.results.record import AccuracyRecord, Record
from bench.results.select import Tabulated, is_single_pass, is_synthetic, of_runs, started
from bench.results.store import read_records

R = TypeVar("R", bound=Record)

# the options that degrade a CARNet, each with the value that does not (Section IV.A)
_FULL: dict[str, Any] = {"modules": 4, "scloss": 4, "crp": True}


@dataclass(frozen=True)
class Choice(Generic[R]):
    """The records of one cell.

    Attributes:
        records: One a seed, in the order of the seeds; empty when nothing may be tabulated.
        refused: Why records of this row are left out, one reason each.
        others: Other runs that were scored on the same images in the same way, the nearest first.
    """

    records: tuple[R, ...] = ()
    refused: tuple[str, ...] = ()
    others: tuple[tuple[R, ...], ...] = ()


def nearness(
    run: Sequence[AccuracyRecord], dataset: str | None, split: str | None, seeds: tuple[int, ...]
) -> tuple[Any, ...]:
    """Return how near a run, or a study's runs, are to the paper's protocol: the one order of preference.

    First comes the paper's data set, then its split, images shown once before several views of each,
    photographs before synthetic images, enough seeds for a verdict, an encoder with ImageNet weights, the
    paper's SCLoss (Eq. 5 as printed, lambda 0.2), more epochs, the latest. A score decides nothing.

    Args:
        run: At least one record.
        dataset, split: The paper's.
        seeds: What stands for "enough seeds": more is better.
    """
    first = run[0]
    data, recipe = first.identity.data, first.identity.run.recipe
    return (
        data.name == dataset,
        data.name == dataset and data.split == split,
        is_single_pass(first),
        not is_synthetic(first),
        seeds,
        recipe.weights != "none",
        any(_has_the_papers_scloss(one) for one in run),
        recipe.epochs,
        max(map(started, run)),
    )


class Records:
    """The accuracy records below a home folder, sorted into what may be tabulated and what not.

    Args:
        home: Holds ``results/records``.
        methods: By registry name.
        prefer: Ids of records that come before all others: those that this very command has made.

    Raises:
        RefusedInput: The folder of records cannot be read.
    """

    def __init__(self, home: Path, methods: Mapping[str, Method], prefer: Collection[str] = ()) -> None:
        self._tabulated = Tabulated(methods)
        self._prefer = frozenset(prefer)
        self._accuracy = of_runs(read_records(home, "accuracy", strict=False))

    def accuracy(self, row: str, table: Table) -> Choice[AccuracyRecord]:
        """Return the preferred run, else the one nearest to the paper's protocol, with all its seeds."""
        usable, refused = self._usable(row)
        first, *rest = self._nearest(usable, table) or [()]
        alike = [run for run in rest if _scored_on(run[0]) == _scored_on(first[0])]
        return Choice(first, refused, tuple(alike))

    def accuracy_by_split(self, row: str, table: Table) -> dict[str, tuple[AccuracyRecord, ...]]:
        """Return a run on each data set and split there is, by ``NAME SPLIT``, for a plot of many methods.

        Where one recipe has trained several methods, as a comparison does, the run is that recipe's; the one
        that has trained most comes first. Otherwise it is the nearest.
        """
        by_split: dict[str, list[AccuracyRecord]] = {}
        for record in self._usable(row)[0]:
            by_split.setdefault(_split(record), []).append(record)
        return {
            split: max(self._nearest(records, table), key=self._in_company)
            for split, records in sorted(by_split.items())
        }

    def _in_company(self, run: Sequence[AccuracyRecord]) -> int:
        """Return how many methods a run's recipe has trained; 0 for one that has trained no other.

        What this very command has made does not matter: the points of a plot are those of one comparison.
        """
        methods = self._methods[_split(run[0]), run[0].identity.run.recipe.name]
        return len(methods) if len(methods) > 1 else 0

    @cached_property
    def _methods(self) -> dict[tuple[str, str], set[str]]:
        """The methods that may be tabulated by data set, split and recipe."""
        found: dict[tuple[str, str], set[str]] = {}
        for record in self._accuracy:
            if _is_full_version(record) and record in self._tabulated:
                key = _split(record), record.identity.run.recipe.name
                found.setdefault(key, set()).add(record.identity.model)
        return found

    def _nearest(self, records: Sequence[AccuracyRecord], table: Table) -> list[tuple[AccuracyRecord, ...]]:
        """Return the runs, one record per seed, the nearest first."""
        runs: dict[str, list[AccuracyRecord]] = {}
        for record in records:
            runs.setdefault(_run_key(record), []).append(record)

        def key(run: Sequence[AccuracyRecord]) -> tuple[Any, ...]:
            preferred = any(one.id in self._prefer for one in run)
            return preferred, nearness(run, table.dataset, table.split, (int(len(run) >= FEWEST_SEEDS),))

        return sorted(map(_one_per_seed, runs.values()), key=key, reverse=True)

    def _usable(self, row: str) -> tuple[list[AccuracyRecord], tuple[str, ...]]:
        return self._tabulated.sort(
            record for record in self._accuracy if record.identity.model == row and _is_full_version(record)
        )


def _split(record: AccuracyRecord) -> str:
    return f"{record.identity.data.name} {record.identity.data.split}"


def _is_full_version(record: AccuracyRecord) -> bool:
    options = record.identity.run.recipe.model_options
    return "variant" not in options and all(options.get(key, full) == full for key, full in _FULL.items())


def _has_the_papers_scloss(record: AccuracyRecord) -> bool:
    recipe = record.identity.run.recipe
    return recipe.scloss_form == "paper" and recipe.scloss_weight == 0.2


def _scored_on(record: AccuracyRecord) -> tuple[str, str, bool]:
    data = record.identity.data
    return data.name, data.split, is_single_pass(record)


def _run_key(record: AccuracyRecord) -> str:
    """Return what records of one run under several seeds have in common."""
    identity = json.loads(json.dumps(record.stored_identity))
    del identity["take"], identity["weights_sha256"], identity["run"]["initial_weights_sha256"]
    del identity["run"]["recipe"]["seed"]
    return json.dumps(identity, sort_keys=True)


def _one_per_seed(records: Sequence[AccuracyRecord]) -> tuple[AccuracyRecord, ...]:
    """Return the first take of each seed: a repetition of the same run is not another sample."""
    by_seed: dict[int, AccuracyRecord] = {}
    for record in sorted(records, key=lambda record: record.identity.take):
        by_seed.setdefault(record.identity.run.recipe.seed, record)
    return tuple(by_seed[seed] for seed in sorted(by_seed))
