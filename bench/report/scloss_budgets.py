"""What SCLoss learns in the full network under each budget of the study, from the training records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.paper.studies import component_variant
from bench.paper.variant import variant_of
from bench.report.budget_block import STUDY
from bench.report.scloss_rows import by_epoch, mean
from bench.reproduce.study_result import Probed
from bench.results.store import read_records
from bench.results.value_types import CurvePoint

LITTLE = 0.05
"""Share of the gradient below which SCLoss leaves the step to the pixels' loss."""


@dataclass(frozen=True)
class SclossBudget:
    """The full network's probes under one budget: means over modules and seeds.

    Attributes:
        epochs: Of each run.
        seeds: Number of runs.
        present, absent: Predicted presence (0..1) at the last probe of the classes that occur in a crop, and
            of those that do not; None where there are none.
        share: Share of the gradient's length that SCLoss contributes at the last probe; None where there is
            no gradient.
        settled: First probed epoch from which on the share stays below `LITTLE`; None where it does not.
    """

    epochs: int
    seeds: int
    present: float | None
    absent: float | None
    share: float | None
    settled: int | None


def scloss_budgets(home: Path) -> list[SclossBudget]:
    """Return what SCLoss as printed (Eq. 5) learns under each probed budget, fewest epochs first.

    Raises:
        RefusedInput: The folder of records cannot be read.
    """
    full = component_variant("crp", "mobile")
    curves: dict[int, dict[int, tuple[CurvePoint, ...]]] = {}
    for one in read_records(home, "training", strict=False):
        recipe = one.identity.recipe
        is_probed = any(point.scloss for point in one.values.curve)
        if one.valid and is_probed and recipe.name == STUDY and variant_of(recipe) == full:
            curves.setdefault(recipe.epochs, {}).setdefault(recipe.seed, tuple(one.values.curve))
    return [_budget(epochs, curves[epochs]) for epochs in sorted(curves)]


def _budget(epochs: int, curves: Mapping[int, tuple[CurvePoint, ...]]) -> SclossBudget:
    probes = by_epoch(Probed("", "", curves))
    shares = {epoch: mean(one.scloss_share for one in of) for epoch, of in probes.items()}
    last = max(probes)
    settled = None
    for epoch in reversed(probes):
        share = shares[epoch]
        if share is None or share >= LITTLE:
            break
        settled = epoch
    return SclossBudget(
        epochs,
        len(curves),
        mean(value for one in probes[last] for value in one.present),
        mean(value for one in probes[last] for value in one.absent),
        shares[last],
        settled,
    )
