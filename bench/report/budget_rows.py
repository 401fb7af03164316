"""A study's networks under every budget on record, so that a verdict at one budget is read as that."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from bench.paper.variant import Variant
from bench.reproduce.study_records import AblationRecords, Comparable
from bench.results.record import AccuracyRecord
from bench.results.record_types import Pair
from bench.results.select import is_single_pass


@dataclass(frozen=True)
class Budget:
    """Runs of a study's networks that were trained alike.

    Attributes:
        recipe: Its name, or those of all runs.
        epochs: Of each run.
        crop: Height and width.
        start: Weights that the encoder starts from; None for random ones.
        scores: mIoU in percent by network and seed; a network without a run has no seed.
    """

    recipe: str
    epochs: int
    crop: Pair
    start: str | None
    scores: tuple[Mapping[int, float], ...]

    @property
    def means(self) -> list[float | None]:
        """The mean over the seeds of each network; None without one."""
        return [statistics.fmean(of.values()) if of else None for of in self.scores]

    @property
    def lead(self) -> float | None:
        """Points of the last network over the first; None where either has no run."""
        first, last = self.means[0], self.means[-1]
        return None if first is None or last is None else last - first

    @property
    def seeds(self) -> int:
        """The fewest seeds of the first and of the last network."""
        return min(len(self.scores[0]), len(self.scores[-1]))

    @property
    def cells(self) -> list[str]:
        """The mean of each network with the number of its seeds, and the lead."""
        cells = [
            "-" if mean is None else f"{mean:.1f} ({len(of)})"
            for mean, of in zip(self.means, self.scores, strict=True)
        ]
        return [*cells, "-" if self.lead is None else f"{self.lead:+.1f}"]


def budgets(records: AblationRecords, networks: list[Variant], shown: AccuracyRecord) -> list[Budget]:
    """Return every budget that a study's networks were trained under, from the fewest epochs to the most.

    Args:
        records: Below the home folder.
        networks: The study's, in its order.
        shown: A run of the study; only scores on the same images, shown once each, stand beside it.
    """
    alike = [one for one in records.every(networks) if _scored_alike(one.example, shown)]
    found = [_budget(group, networks) for group in alike]
    return sorted(found, key=lambda one: (one.epochs, one.recipe))


def _budget(group: Comparable, networks: list[Variant]) -> Budget:
    recipe = group.example.identity.run.recipe
    return Budget(
        ", ".join(sorted({run.record.identity.run.recipe.name for run in group.runs})),
        recipe.epochs,
        recipe.crop,
        None if recipe.weights == "none" else recipe.weights,
        tuple(
            {seed: 100 * one.values.miou for seed, one in group.of(network).items()} for network in networks
        ),
    )


def _scored_alike(one: AccuracyRecord, shown: AccuracyRecord) -> bool:
    return one.identity.data == shown.identity.data and is_single_pass(one) and is_single_pass(shown)
