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
    by_form = {
        label: {run.seed: run.record for run in records.alike(variant, runs)} for label, variant in forms
    }
    matrices = {
        label: {seed: runs.matrices(record) for seed, record in found.items()}
        for label, found in by_form.items()
    }
    printed = matrices[forms[0][0]]
    scored = []
    for label, found in by_form.items():
        own, change = matrices[label], None
        if printed and own and own is not printed:
            change, _ = compare_seeds(printed, own, runs.blocks)
        scores = tuple(100 * record.values.miou for record in found.values())
        scored.append(ScoredForm(label, scores, change))
    return scored
