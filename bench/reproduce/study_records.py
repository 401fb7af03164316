"""The records that one study may compare: all alike but for components and seed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.errors import UsageError
from bench.evaluate.image_counts import Matrices
from bench.evaluate.neighbours import Blocks, blocks_of_split
from bench.paper.variant import Variant, variant_of
from bench.reproduce.record_choice import nearness
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS
from bench.results.record import AccuracyRecord
from bench.results.select import Tabulated, is_single_pass, of_runs, started
from bench.results.store import read_arrays, read_records

_COMPONENTS = ("modules", "crp", "scloss", "between_convs")
_VARIED = ("name", "seed", "model", "model_options", "scloss_weight", "scloss_form")
"""Keys of a recipe that may differ; the backbone and the model's other options are compared apart."""


@dataclass(frozen=True)
class MeasuredRun:
    """One accuracy record of a variant."""

    variant: Variant
    seed: int
    record: AccuracyRecord


@dataclass(frozen=True)
class Comparable:
    """Runs of several variants of one backbone under one recipe, on one data set, by one protocol.

    Attributes:
        home: Holds ``results/records``.
        runs: At least one; at most one of each variant and seed.
    """

    home: Path
    runs: tuple[MeasuredRun, ...]

    def of(self, variant: Variant) -> dict[int, AccuracyRecord]:
        """Return the records of a variant by seed, in the order of the seeds."""
        found = {run.seed: run.record for run in self.runs if run.variant == variant.canonical()}
        return dict(sorted(found.items()))

    def matrices(self, record: AccuracyRecord) -> Matrices:
        """Return the record's confusion matrix of each image."""
        return read_arrays(record, self.home)

    @property
    def example(self) -> AccuracyRecord:
        """A record, for what all have in common."""
        return self.runs[0].record

    @cached_property
    def blocks(self) -> Blocks:
        """The block of neighbours that each image is in."""
        data = self.example.identity.data
        return blocks_of_split(data.name, data.split, self.example.values.images)


class AblationRecords:
    """The accuracy records of CARNets below a home folder, sorted into what may be compared and what not.

    Args:
        home: Holds ``results/records``.
        methods: By registry name.

    Raises:
        RefusedInput: The folder of records cannot be read.
    """

    def __init__(self, home: Path, methods: Mapping[str, Method]) -> None:
        self._home = home
        self._alike: dict[str, list[MeasuredRun]] = {}
        self._refused: list[tuple[Variant, str]] = []
        tabulated = Tabulated(methods)
        for record in of_runs(read_records(home, "accuracy", strict=False)):
            run = _run(record)
            if run is None:
                continue
            reason = tabulated.why_not(record)
            if reason is None and record.sidecar is None:
                reason = "no confusion matrices of its images"
            if reason is None:
                self._alike.setdefault(_likeness(run), []).append(run)
            else:
                self._refused.append((run.variant, reason))

    def every(self, variants: Collection[Variant]) -> list[Comparable]:
        """Return all runs of some variants, those of each group comparable."""
        wanted = {variant.canonical() for variant in variants}
        kept = [
            _one_per_seed([run for run in runs if run.variant in wanted]) for runs in self._alike.values()
        ]
        return [Comparable(self._home, runs) for runs in kept if runs]

    def of_study(
        self, variants: Collection[Variant], dataset: str | None, split: str | None
    ) -> Comparable | None:
        """Return the comparable runs that tell most of a study, or None when there is no run of it.

        The order is that of `nearness`, where enough seeds are most variants of three seeds, then most runs,
        of each variant no more than three: more seeds of one variant tell no more of a study.

        Args:
            variants: Variants of the study.
            dataset, split: The paper's.
        """
        wanted = {variant.canonical() for variant in variants}

        def key(one: Comparable) -> tuple[Any, ...]:
            seeds = [min(len(one.of(variant)), FEWEST_SEEDS) for variant in wanted]
            enough = seeds.count(FEWEST_SEEDS), sum(seeds)
            return nearness([run.record for run in one.runs], dataset, split, enough)

        return max(self.every(wanted), key=key, default=None)

    def others(self, variant: Variant, shown: Comparable) -> list[tuple[AccuracyRecord, ...]]:
        """Return the other runs of a variant that were scored on the same images in the same way."""
        data, single = shown.example.identity.data, is_single_pass(shown.example)
        kept = {run.record.id for run in shown.runs}
        runs = [
            tuple(
                run.record
                for run in _one_per_seed([run for run in group if run.variant == variant.canonical()])
                if run.record.id not in kept
                and run.record.identity.data == data
                and is_single_pass(run.record) == single
            )
            for group in self._alike.values()
        ]
        return [run for run in runs if run]

    def alike(self, variant: Variant, shown: Comparable) -> tuple[MeasuredRun, ...]:
        """Return the runs of a variant that may be compared with those shown, be it of their study or not."""
        group = self._alike[_likeness(shown.runs[0])]
        return _one_per_seed([run for run in group if run.variant == variant.canonical()])

    def refused(self, variant: Variant) -> tuple[str, ...]:
        """Return why records of a variant are left out, each reason once."""
        reasons = [reason for other, reason in self._refused if other == variant.canonical()]
        return tuple(dict.fromkeys(reasons))


def _run(record: AccuracyRecord) -> MeasuredRun | None:
    recipe = record.identity.run.recipe
    try:
        variant = variant_of(recipe)
    except UsageError:  # a network that no longer exists
        return None
    return None if variant is None else MeasuredRun(variant, recipe.seed, record)


def _likeness(run: MeasuredRun) -> str:
    """Return what comparable runs have in common, as text."""
    identity = run.record.stored_identity
    recipe = identity["run"]["recipe"]
    options = recipe["model_options"]
    common = ("data", "protocol", "selection", "num_classes", "precision")
    return json.dumps(
        {
            "backbone": run.variant.backbone,
            "options": {key: options[key] for key in options if key not in _COMPONENTS},
            "recipe": {key: recipe[key] for key in recipe if key not in _VARIED},
            "trained on": identity["run"]["data"],
            **{key: identity.get(key) for key in common},
        },
        sort_keys=True,
    )


def _one_per_seed(runs: Sequence[MeasuredRun]) -> tuple[MeasuredRun, ...]:
    """Return the first take of each variant and seed: a repetition of a run is not another sample."""
    kept: dict[tuple[Variant, int], MeasuredRun] = {}
    for run in sorted(runs, key=lambda run: (run.record.identity.take, started(run.record), run.record.id)):
        kept.setdefault((run.variant, run.seed), run)
    return tuple(kept[key] for key in sorted(kept))
