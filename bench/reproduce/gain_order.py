"""Which of two gains of a study is the larger one: a component that is said to add most."""

from __future__ import annotations

from bench.errors import NotMeasured
from bench.evaluate.differences import Difference, compare_gains
from bench.paper.studies import PANELS, STUDIES
from bench.reproduce.study_records import AblationRecords


def gain_over_gain(name: str, backbone: str, gain: int, other: int, records: AblationRecords) -> Difference:
    """Return by how much one gain of a study exceeds another, from the seeds that all its rows have.

    Args:
        name: A study in which each row improves on the one before, a key of `STUDIES`.
        backbone: A part of the study.
        gain, other: Numbers of the gains, 1 for that of the second row over the first.
        records: Below the home folder.

    Raises:
        NotMeasured: A row has no run under the study's recipe, or the rows have no seed in common.
    """
    study = STUDIES[name]
    variants = study.variants(backbone)
    runs = records.of_study([one for _, one in variants], study.dataset, study.split)
    if runs is None:
        raise NotMeasured(f"{study.heading}: no run of the {PANELS[backbone]}")
    rows = [runs.of(variants[number][1]) for number in (gain - 1, gain, other - 1, other)]
    seeds = [seed for seed in rows[0] if all(seed in row for row in rows)]
    if not seeds:
        raise NotMeasured(f"{study.heading}: no seed that all rows of the {PANELS[backbone]} have")
    before, after, start, end = ([runs.matrices(row[seed]) for seed in seeds] for row in rows)
    return compare_gains((before, after), (start, end), runs.blocks)
