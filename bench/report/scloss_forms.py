"""The full network's scores by form of SCLoss, each form against Eq. 5 as printed."""

from __future__ import annotations

from dataclasses import dataclass

from bench.evaluate.differences import Difference, compare_seeds
from bench.paper.studies import scloss_forms
from bench.paper.variant import Variant
from bench.reproduce.study_records import AblationRecords, Comparable


@dataclass(frozen=True)
class ScoredForm:
    """The runs of one form.

    Attributes:
        label: What the form is.
        scores: mIoU in percent of each seed; none where nothing was run.
        change: mIoU less that of Eq. 5 as printed, as a fraction; None for that form itself, and where one of
            the two has no run.
    """

    label: str
    scores: tuple[float, ...]
    change: Difference | None = None


def scored_forms(records: AblationRecords, runs: Comparable, backbone: str) -> list[ScoredForm]:
    """Return Eq. 5 as printed, the form with a term for absent classes, and the network without SCLoss.

    Args:
        records: All that may be compared.
        runs: Those shown; the forms' runs are like them.
        backbone: A key of `bench.paper.studies.PANELS`.

    Raises:
        RefusedInput: The confusion matrices of a record cannot be read.
    """
    forms = [*scloss_forms(backbone), ("without SCLoss", Variant(backbone, scloss=0))]
    found = {label: records.alike(variant, runs) for label, variant in forms}
    matrices = {
        label: {run.seed: runs.matrices(run.record) for run in of_form} for label, of_form in found.items()
    }
    as_printed, *_ = found
    scored = []
    for label, of_form in found.items():
        change = None
        if label != as_printed and matrices[as_printed] and of_form:
            change, _ = compare_seeds(matrices[as_printed], matrices[label], runs.blocks)
        scores = tuple(100 * run.record.values.miou for run in of_form)
        scored.append(ScoredForm(label, scores, change))
    return scored
