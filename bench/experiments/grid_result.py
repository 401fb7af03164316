"""What a grid found: mean and spread over the seeds, and each variant's difference to the first."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.errors import NotMeasured
from bench.evaluate.differences import Difference, compare
from bench.evaluate.neighbours import blocks_of_split
from bench.experiments.grid import name_of
from bench.experiments.grid_execution import Progress
from bench.experiments.grid_state import State
from bench.paper import rows
from bench.paper.studies import table5_variants
from bench.paper.variant import Variant
from bench.reproduce.verdict import words as v
from bench.results.record import AccuracyRecord
from bench.results.store import read_arrays


@dataclass(frozen=True)
class Outcome:
    """One variant of a grid.

    Attributes
    ----------
    variant
        Which.
    places
        The places of the grid that it stands for.
    accuracy
        {seed: accuracy record}, of the seeds that are done.
    difference
        To the first variant; None for the first itself, or where there is nothing to compare.
    printed
        The paper's difference in points of percent; None where it prints none.
    verdict
        On the sign of the paper's difference; None where it prints none.
    note
        What the verdict leaves unsaid, or why there is no difference; or None.
    """

    variant: Variant
    places: tuple[str, ...]
    accuracy: dict[int, AccuracyRecord]
    difference: Difference | None = None
    printed: Decimal | None = None
    verdict: str | None = None
    note: str | None = None

    @property
    def mious(self) -> list[float]:
        """Of each seed, as fractions."""
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
        """Return the variant as ``ablate --json`` prints it; mIoU as fractions, the printed in percent."""
        found = self.difference
        return {
            "name": name_of(self.variant),
            "places": list(self.places),
            "seeds": list(self.accuracy),
            "records": [record.id for record in self.accuracy.values()],
            "miou_mean": self.mean,
            "miou_std": self.std,
            "difference": None
            if found is None
            else {
                "mean": found.mean,
                "low": found.low,
                "high": found.high,
                "level": found.level,
                "covers": found.covers,
                "paired": found.paired,
            },
            "printed_difference_percent": None if self.printed is None else float(self.printed),
            "verdict": self.verdict,
            "note": self.note,
        }


def outcomes(progress: Progress, home: Path) -> list[Outcome]:
    """Return what is known of each variant so far; the first is what the others are compared with."""
    grid = progress.experiment.grid
    found = [
        Outcome(variant, grid.places(variant), _accuracy(variant, progress.states))
        for variant in grid.variants
    ]
    return [found[0], *(_compared(found[0], other, home) for other in found[1:])]


def printed_difference(first: Variant, second: Variant) -> Decimal | None:
    """Return by how many points of percent Table 5 prints the second above the first; None where not."""
    printed = _printed(first.backbone) if first.backbone == second.backbone else {}
    if first not in printed or second not in printed:
        return None
    return printed[second] - printed[first]


def _printed(backbone: str) -> dict[Variant, Decimal]:
    found = [row.cells["miou"] for row in rows("table5") if row.name.endswith(f"-{backbone}")]
    cells = [cell for cell in found if cell is not None]
    labelled = table5_variants(backbone) if cells else []
    return {variant: Decimal(cell.value) for (_, variant), cell in zip(labelled, cells, strict=True)}


def _accuracy(variant: Variant, states: dict[Any, State]) -> dict[int, AccuracyRecord]:
    return {
        run.seed: state.accuracy
        for run, state in states.items()
        if run.variant == variant and state.accuracy is not None
    }


def _compared(first: Outcome, other: Outcome, home: Path) -> Outcome:
    printed = printed_difference(first.variant, other.variant)
    difference, note, verdict = None, None, None
    if not first.accuracy or not other.accuracy:
        note = "nothing to compare yet"
    else:
        try:
            difference = _difference(first, other, home)
        except NotMeasured as error:
            note = str(error)
    if printed is not None:
        judged = v.Verdict(v.NOT_MEASURED) if difference is None else v.judge_difference(difference, printed)
        verdict, note = judged.verdict, note or judged.note
    return Outcome(other.variant, other.places, other.accuracy, difference, printed, verdict, note)


def _difference(first: Outcome, other: Outcome, home: Path) -> Difference:
    """Return the difference, seed by seed where two seeds or more are done in both."""
    shared = [seed for seed in first.accuracy if seed in other.accuracy]
    paired = len(shared) > 1 or list(first.accuracy) == list(other.accuracy)
    before, after = (
        [read_arrays(record, home) for seed, record in one.accuracy.items() if not paired or seed in shared]
        for one in (first, other)
    )
    record = next(iter(first.accuracy.values()))
    data = record.identity.data
    blocks = blocks_of_split(data.name, data.split, record.values.images)
    return compare(before, after, blocks, paired=paired)
