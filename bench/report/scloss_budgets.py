"""What SCLoss learns in the full network under each budget of the study, from the training records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.paper.studies import scloss_forms
from bench.paper.variant import variant_of
from bench.report.budget_block import STUDY
from bench.report.scloss_rows import at_end, mean, settled_epoch, shares
from bench.reproduce.study_result import Probed
from bench.results.store import read_records
from bench.results.value_types import CurvePoint


@dataclass(frozen=True)
class SclossBudget:
    """The full network's probes under one budget: means over modules and seeds.

    Attributes:
        form: Label of the form of SCLoss.
        epochs: Of each run.
        seeds: Number of runs.
        present, absent: Predicted presence (0..1) at the last probe of the classes that occur in a crop, and
            of those that do not; None where there are none.
        share: Share of the gradient's length that SCLoss contributes at the last probe; None where there is
            no gradient.
        settled: First probed epoch from which on the share stays below `LITTLE`; None where it does not.
    """

    form: str
    epochs: int
    seeds: int
    present: float | None
    absent: float | None
    share: float | None
    settled: int | None


def scloss_budgets(home: Path) -> list[SclossBudget]:
    """Return what each form of SCLoss learns under each probed budget, fewest epochs first.

    Eq. 5 as printed comes before the form with a term for absent classes.

    Raises:
        RefusedInput: The folder of records cannot be read.
    """
    forms = {variant: label for label, variant in scloss_forms("mobile")}
    curves: dict[str, dict[int, dict[int, tuple[CurvePoint, ...]]]] = {form: {} for form in forms.values()}
    for one in read_records(home, "training", strict=False):
        recipe = one.identity.recipe
        if not one.valid or recipe.name != STUDY or not any(point.scloss for point in one.values.curve):
            continue
        variant = variant_of(recipe)
        if variant in forms:
            of_form = curves[forms[variant]]
            of_form.setdefault(recipe.epochs, {}).setdefault(recipe.seed, tuple(one.values.curve))
    return [
        _budget(form, epochs, of_form[epochs])
        for form, of_form in curves.items()
        for epochs in sorted(of_form)
    ]


def _budget(form: str, epochs: int, curves: Mapping[int, tuple[CurvePoint, ...]]) -> SclossBudget:
    probed = Probed(form, "", curves)
    last = at_end(probed)
    return SclossBudget(
        form,
        epochs,
        len(curves),
        mean(value for one in last for value in one.present),
        mean(value for one in last for value in one.absent),
        mean(one.scloss_share for one in last),
        settled_epoch(shares(probed)),
    )
