"""A grid for its reader: the lines of a dry run and of the result, and both as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bench.data.catalogue import is_synthetic
from bench.experiments.duration import about
from bench.experiments.grid_cost import Estimates, total_s
from bench.experiments.grid_execution import Progress
from bench.experiments.grid_plan import S
from bench.experiments.grid_result import Outcome
from bench.experiments.grid_state import DONE


def plan_lines(progress: Progress[Any], estimates: Estimates) -> list[str]:
    """Return what a dry run prints: each run with its state and time, the costs, the total."""
    lines = _head(progress)
    left = _left_s(progress, estimates)
    width = max(len(run.title) for run in progress.states)
    for (run, state), seconds in zip(progress.states.items(), left, strict=True):
        time = "" if seconds == 0 else f", {about(seconds)}"
        lines.append(f"  {run.title:<{width}}  {state}{time}")
    lines += _shared_and_skipped(progress)
    if to_do := dict.fromkeys(run.subject for run in progress.states if run not in progress.of(DONE)):
        lines.append("a step of training, an evaluated image:")
        for subject in to_do:
            cost = estimates.cost(next(run for run in progress.states if run.subject == subject))
            known = cost.step_s is not None and cost.image_s is not None
            text = f"{cost.step_s:.3g} s, {cost.image_s:.3g} s, {cost.source}" if known else cost.source
            lines.append(f"  {subject.name}: {text}")
    done = len(progress.of(DONE))
    lines.append(f"{done} of {len(progress.states)} runs done; left to do: {about(total_s(left))}")
    return lines


def plan_document(progress: Progress[Any], estimates: Estimates) -> dict[str, Any]:
    """Return what ``ablate --dry-run --json`` prints; unknown seconds are null."""
    left = _left_s(progress, estimates)
    document = document_of(progress)
    for run, seconds in zip(document["runs"], left, strict=True):
        run["left_s"] = seconds
    costs = []
    for subject in progress.experiment.grid.subjects:
        cost = estimates.cost(next(run for run in progress.states if run.subject == subject))
        costs.append(
            {"name": subject.name, "step_s": cost.step_s, "image_s": cost.image_s, "source": cost.source}
        )
    return {**document, "costs": costs, "left_s": total_s(left)}


def document_of(progress: Progress[Any]) -> dict[str, Any]:
    """Return the runs of a grid with their states and records, and what was skipped."""
    experiment = progress.experiment
    recipe = experiment.recipe
    return {
        "recipe": recipe.name,
        "data": recipe.data,
        "synthetic": bool(_synthetic(recipe.data)),
        "scored": experiment.scored,
        "selection": recipe.selection,
        "epochs": recipe.epochs,
        "seeds": list(experiment.seeds),
        "finished": progress.finished,
        "not_begun": progress.unfit,
        "runs": [
            {
                "name": run.subject.name,
                "seed": run.seed,
                "places": list(experiment.grid.places(run.subject)),
                "status": state.status,
                "step": state.step,
                "steps": state.steps,
                "training_record": state.training.id if state.training else None,
                "accuracy_record": state.accuracy.id if state.accuracy else None,
                "miou": state.accuracy.values.miou if state.accuracy else None,
                "remark": state.remark,
            }
            for run, state in progress.states.items()
        ],
        "skipped": [{"place": place, "reason": why} for place, why in experiment.grid.skipped],
    }


def result_lines(
    progress: Progress[S], found: Sequence[Outcome[S]], remarks: Mapping[S, str] = MappingProxyType({})
) -> list[str]:
    """Return what a grid prints at its end: a line per subject with its remark, failed runs, what is left."""
    lines = _head(progress)
    width = max(len(one.subject.name) for one in found)
    for one in found:
        mean = "not measured" if one.mean is None else f"{100 * one.mean:.2f} %"
        spread = "" if one.std is None else f" +- {100 * one.std:.2f}"
        seeds = f", {len(one.accuracy)} {'seed' if len(one.accuracy) == 1 else 'seeds'}"
        lines.append(f"  {one.subject.name:<{width}}  {mean}{spread}{seeds}")
        remark = remarks.get(one.subject)
        lines += [f"    {line}" for line in (*_difference_lines(one), remark, one.note) if line]
    lines += _shared_and_skipped(progress)
    return [*lines, *unfinished_lines(progress)]


def unfinished_lines(progress: Progress[Any]) -> list[str]:
    """Return the runs that are not done or bear a remark, and what is left to do."""
    lines = [
        f"  {run.title}: {state}"
        for run, state in progress.states.items()
        # the head says that all are smoke runs
        if state.status != DONE or (state.remark and not run.recipe.smoke)
    ]
    if progress.unfit:
        lines.append(progress.unfit)
    if not progress.finished:
        lines.append("not finished: rerun the same command to continue")
    return lines


def _difference_lines(one: Outcome[Any]) -> list[str]:
    lines = []
    if one.difference is not None:
        found = one.difference
        low, high = 100 * found.low, 100 * found.high
        lines.append(
            f"{100 * found.mean:+.2f} points vs the first variant "
            f"({100 * found.level:.0f} % interval {low:+.2f} to {high:+.2f} over {found.covers})"
        )
    return lines


def _head(progress: Progress[Any]) -> list[str]:
    experiment = progress.experiment
    recipe = experiment.recipe
    seeds = ", ".join(map(str, experiment.seeds))
    return [
        f"{recipe.name}: {recipe.data}{_synthetic(recipe.data)}, {recipe.epochs} epochs, seeds {seeds}; "
        f"{experiment.selection}",
        *(["smoke runs, which only show that the parts fit together"] if recipe.smoke else []),
    ]


def _synthetic(data: str) -> str:
    return " (synthetic images)" if is_synthetic(data) else ""


def _shared_and_skipped(progress: Progress[Any]) -> list[str]:
    grid = progress.experiment.grid
    shared = [places for subject in grid.subjects if len(places := grid.places(subject)) > 1]
    return [
        *(f"one run: {'; '.join(places)}" for places in shared),
        *(f"skipped: {place} ({why})" for place, why in grid.skipped),
    ]


def _left_s(progress: Progress[Any], estimates: Estimates) -> list[float | None]:
    return [estimates.left_s(run, state) for run, state in progress.states.items()]
