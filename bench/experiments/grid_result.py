"""Results of a grid: mean and spread over the seeds, and each subject's difference from the first."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

from bench.errors import NotMeasured
from bench.evaluate.differences import Difference, compare_seeds
from bench.evaluate.neighbours import blocks_of_split
from bench.experiments.grid_execution import Progress
from bench.experiments.grid_plan import S
from bench.results.record import AccuracyRecord
from bench.results.store import read_arrays


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """One subject of a grid.

    Attributes:
        subject: What was trained.
        places: Places of the grid that it stands for.
        accuracy: {seed: accuracy record} of the finished seeds.
        difference: Difference from the first subject; None for the first itself, or where nothing can be
            compared.
        note: Why there is no difference, or None.
    """

    subject: S
    places: tuple[str, ...]
    accuracy: dict[int, AccuracyRecord]
    difference: Difference | None = None
    note: str | None = None

    @property
    def mious(self) -> list[float]:
        """MIoU of each seed, as fractions."""
        return [record.values.miou for record in self.accuracy.values()]

    @property
    def mean(self) -> float | None:
        """Mean mIoU over the seeds; None is "not measured"."""
        return statistics.fmean(self.mious) if self.accuracy else None

    @property
    def std(self) -> float | None:
        """Standard deviation between the seeds; None below two."""
        return statistics.stdev(self.mious) if len(self.accuracy) > 1 else None

    def as_json(self) -> dict[str, Any]:
        """Return the subject as ``ablate --json`` prints it; mIoU as fractions."""
        found, shown = self.difference, ("mean", "low", "high", "level", "covers", "paired")
        return {
            "name": self.subject.name,
            "places": list(self.places),
            "seeds": list(self.accuracy),
            "records": [record.id for record in self.accuracy.values()],
            "miou_mean": self.mean,
            "miou_std": self.std,
            "difference": None if found is None else {key: getattr(found, key) for key in shown},
            "note": self.note,
        }


def outcomes(progress: Progress[S], home: Path) -> list[Outcome[S]]:
    """Return the results so far; every subject is compared with the first."""
    grid = progress.experiment.grid
    found = [
        Outcome(subject, grid.places(subject), scores_of(progress, subject)) for subject in grid.subjects
    ]
    return [found[0], *(_compared(found[0], other, home) for other in found[1:])]


def scores_of(progress: Progress[S], subject: S) -> dict[int, AccuracyRecord]:
    """Return the accuracy record of each finished seed of a subject."""
    return {
        run.seed: state.accuracy
        for run, state in progress.states.items()
        if run.subject == subject and state.accuracy is not None
    }


def _compared(first: Outcome[S], other: Outcome[S], home: Path) -> Outcome[S]:
    if not first.accuracy or not other.accuracy:
        return replace(other, note="nothing to compare yet")
    try:
        return replace(other, difference=_difference(first, other, home))
    except NotMeasured as error:
        return replace(other, note=str(error))


def _difference(first: Outcome[S], other: Outcome[S], home: Path) -> Difference:
    """Return the difference, seed by seed where two seeds or more are done in both."""
    record = next(iter(first.accuracy.values()))
    data = record.identity.data
    blocks = blocks_of_split(data.name, data.split, record.values.images)
    before, after = (
        {seed: read_arrays(record, home) for seed, record in one.accuracy.items()} for one in (first, other)
    )
    return compare_seeds(before, after, blocks)[0]
