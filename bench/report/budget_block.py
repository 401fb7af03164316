"""The budget of the study on CamVid, by its rule from the curves on record: a documentation block."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from bench.errors import NotMeasured
from bench.paper.studies import component_variant
from bench.paper.variant import variant_of
from bench.report.markdown import table
from bench.results.select import newest
from bench.results.store import read_records

STUDY = "camvid-study"
BUDGETS = (12, 24, 48)
"""Epochs of the curves, each under a whole learning-rate schedule."""

RISE_POINTS = 2.0
"""Two runs that differ in their seed alone lie about so far apart (``camvid-study.toml``)."""

_NETWORKS = {
    "BS": component_variant("bs", "mobile"),
    "CARNet-Mobile": component_variant("crp", "mobile"),
}
Scores = Mapping[str, Mapping[int, float]]
"""Last validation mIoU in percent, by network and epochs."""


def chosen_budget(scores: Scores) -> tuple[int, bool]:
    """Return the epochs that the rule chooses, and whether the networks had settled by then.

    That is the fewest epochs whose doubling raises the score of no network by `RISE_POINTS` or more; the most
    epochs, not settled, where there are none.
    """
    for epochs, doubled in pairwise(BUDGETS):
        if all(of[doubled] - of[epochs] < RISE_POINTS for of in scores.values()):
            return epochs, True
    return BUDGETS[-1], False


def recorded_scores(home: Path) -> Scores:
    """Return the scores of the six curves on record.

    Raises:
        NotMeasured: A curve is missing.
    """
    runs = [
        one
        for one in read_records(home, "training", strict=False)
        if one.identity.recipe.name == STUDY and one.identity.recipe.seed == 0 and one.valid
    ]
    scores: dict[str, dict[int, float]] = {}
    for name, variant in _NETWORKS.items():
        for epochs in BUDGETS:
            run = newest(
                one
                for one in runs
                if one.identity.recipe.epochs == epochs and variant_of(one.identity.recipe) == variant
            )
            last = None if run is None else run.values.curve[-1].val_miou
            if last is None:
                raise NotMeasured(
                    f"no curve of {name} with {epochs} epochs of {STUDY}",
                    then="docs/reproduce.md has the commands",
                )
            scores.setdefault(name, {})[epochs] = 100 * last
    return scores


def doubt_of(scores: Scores) -> str | None:
    """Return which networks had not settled at the most epochs tried; None where the rule found them so."""
    if chosen_budget(scores)[1]:
        return None
    *_, before, last = BUDGETS
    rises = {name: of[last] - of[before] for name, of in scores.items()}
    risen = (f"{name}'s by {rise:.1f} points" for name, rise in rises.items() if rise >= RISE_POINTS)
    return (
        f"From {before} to {last} epochs, the most that were tried, the validation score of one seed still "
        f"rose: {', '.join(risen)}. The networks may not have converged."
    )


def budget_block(home: Path) -> str:
    """Return the scores, what each doubling of the epochs adds, and the budget.

    Raises:
        NotMeasured: A curve is missing.
    """
    scores = recorded_scores(home)
    lines = [
        [
            name,
            *(f"{of[epochs]:.1f}" for epochs in BUDGETS),
            *(f"{of[doubled] - of[epochs]:+.1f}" for epochs, doubled in pairwise(BUDGETS)),
        ]
        for name, of in scores.items()
    ]
    heads = ["validation mIoU (%)", *(f"{epochs} epochs" for epochs in BUDGETS)]
    heads += [f"{epochs} to {doubled}" for epochs, doubled in pairwise(BUDGETS)]
    epochs, settled = chosen_budget(scores)
    doubt = "" if settled else "; the networks may not have converged"
    return "\n".join([*table(heads, lines), f"By the rule the budget is {epochs} epochs{doubt}."])
