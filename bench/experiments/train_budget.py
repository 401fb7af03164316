"""Training within a time budget: measure a step, choose the epochs, train, evaluate."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from bench.data.dataset import SegmentationData
from bench.data.loader import steps_per_epoch
from bench.errors import NotMeasured, RefusedInput, unknown
from bench.evaluate.evaluate import predictions
from bench.experiments.duration import budget_for
from bench.files import remove, write_atomic
from bench.mirror import fetch_runs
from bench.results.record import AccuracyRecord
from bench.train import recipe as recipes
from bench.train.recipe import Recipe
from bench.train.run import Prepared, Watch, prepare, run_folder, run_identity, train, trainer_of
from bench.train.score import evaluate_run
from bench.train.settings import Settings
from bench.train.splits import open_split

_PROBED_STEPS = 4
_VALIDATIONS = 4
_PLANNED = 0.9
"""Share of the time left that is planned; the rest is for start-up, checkpoints and a machine that slows."""
_ADVISED = 1.1
"""Advised budget over the least one, as the next measurement of a step will differ a little."""


@dataclass(frozen=True)
class Shares:
    """How a command divides its budget.

    Attributes:
        table_s: Seconds reserved for the table; at most a fifth of the budget.
        timed: Share of the rest that timing gets; training gets what remains.
    """

    table_s: float
    timed: float

    def reserved_s(self, budget_s: float) -> float:
        """Return the seconds for the table."""
        return min(self.table_s, 0.2 * budget_s)

    def timed_s(self, budget_s: float) -> float:
        """Return the seconds for timing."""
        return self.timed * (budget_s - self.reserved_s(budget_s))

    def trained_s(self, budget_s: float) -> float:
        """Return the seconds for training and scoring."""
        return budget_s - self.reserved_s(budget_s) - self.timed_s(budget_s)

    def advice(self, trained_s: float) -> str:
        """Return the ``--budget``, as typed, that leaves these seconds for training, with a margin."""
        return budget_for(_ADVISED * trained_s / (1 - self.timed) + self.table_s)


ALL = Shares(0.0, 0.0)
"""The whole budget is for training and scoring."""


@dataclass(frozen=True)
class StepCost:
    """Measured on this machine: seconds of one training step and of one evaluated image."""

    step_s: float
    image_s: float


def run_within_budget(
    data_name: str,
    budget_s: float,
    shares: Shares,
    settings: Settings,
    watch: Watch = lambda *_: None,
    *,
    log: Callable[[str], None] = lambda _: None,
) -> AccuracyRecord:
    """Train the data set's quick recipe for the epochs that fit, and evaluate it on the test split.

    The number of epochs is kept, next to the runs until the run is finished and in its folder after that, so
    that the same command resumes an interrupted run, or finds the finished one, although its step would now
    be measured a little differently. With other data, threads, device or code the epochs are chosen anew.

    Args:
        data_name: The recipe is ``DATA-quick``.
        budget_s: Seconds for the whole command.
        shares: How much of them is for training.
        settings, watch: As for training.
        log: Called with what is planned.

    Returns:
        The accuracy record.

    Raises:
        UsageError: No quick recipe of this data set.
        NotMeasured: Not one epoch fits; the message names a budget that is enough.
    """
    quick = [name.removesuffix("-quick") for name in recipes.names() if name.endswith("-quick")]
    if data_name not in quick:
        raise unknown("data set with a quick recipe", data_name, quick)
    recipe = recipes.load(f"{data_name}-quick")
    recipe, plan = recipe_within(recipe, budget_s, shares, settings, scored="test", log=log)
    run = train(recipe, settings, watch, log)
    record, _ = evaluate_run(run.folder, "test", settings, lambda done, n: watch("test", done, n, 0.0))
    keep_plan(plan, run.folder)
    return record


def recipe_within(
    recipe: Recipe,
    budget_s: float,
    shares: Shares,
    settings: Settings,
    *,
    scored: str | None,
    log: Callable[[str], None] = lambda _: None,
) -> tuple[Recipe, Path]:
    """Return the recipe with the number of epochs that fits the budget.

    The number is kept, see `run_within_budget`.

    Args:
        recipe: Its epochs are chosen, and it is validated at most four times.
        budget_s, shares: As for `run_within_budget`.
        settings: As for training.
        scored: Split that is scored afterwards, within the budget; None scores none.
        log: Called with what is planned.

    Returns:
        The recipe, and the file that keeps the number: give it to `keep_plan` when the run is finished.

    Raises:
        NotMeasured: Not one epoch fits; the message names a budget that is enough.
        UsageError, RefusedInput: As for `prepare`.
    """
    started = time.monotonic()
    mine_s = shares.trained_s(budget_s)
    plan = settings.home / "runs" / f"plan-{recipe.name}-{round(mine_s)}s.json"
    fetch_runs(settings.home)
    prepared = prepare(recipe, settings)
    epochs = _chosen_before(prepared, plan)
    if epochs is None:
        test = None if scored is None else open_split(recipe, scored, settings.data_root, settings.home)
        validated = (
            open_split(recipe, "val", settings.data_root, settings.home) if recipe.validate_every else ()
        )
        cost = measure_step(prepared, test if test is not None and len(test) > 1 else prepared.data)
        probed_s = time.monotonic() - started
        left_s = _PLANNED * (mine_s - probed_s)
        scored_s = cost.image_s * (len(test or ()) + _VALIDATIONS * len(validated))
        epoch_s = cost.step_s * steps_per_epoch(len(prepared.data), recipe.batch * recipe.accumulate)
        epochs = int((left_s - scored_s) // epoch_s)
        if epochs < 1:
            raise NotMeasured(
                f"budget {budget_s:.0f} s, of which {mine_s:.0f} s for training: one epoch of {recipe.name} "
                f"needs {epoch_s:.0f} s here and scoring {scored_s:.0f} s",
                then=f"give --budget {shares.advice(probed_s + (epoch_s + scored_s) / _PLANNED)}",
            )
        log(f"{recipe.name}: {cost.step_s:.2f} s per step, {epochs} epochs fit the budget")
        write_atomic(plan, json.dumps({"epochs": epochs}))
    return _fitted(recipe, epochs), plan


def keep_plan(plan: Path, folder: Path) -> None:
    """Move the file that keeps a number of epochs into the folder of the finished run."""
    if plan.is_file():
        write_atomic(folder / plan.name, plan.read_bytes())
        remove(plan)


def measure_step(prepared: Prepared, scored: SegmentationData) -> StepCost:
    """Measure one training step and one evaluated image; the prepared network is used up."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(prepared, Path(folder), "probe")
        # the first step pays for memory and kernels
        step_s = median(trainer.time_steps(_PROBED_STEPS)[1:])
        images = predictions(
            trainer.network,
            scored,
            prepared.initial.statistics,
            torch.device(prepared.fabric.device),
            prepared.method.sizes,
        )
        next(images)
        started = time.perf_counter()
        next(images)
        return StepCost(step_s, time.perf_counter() - started)


def _fitted(recipe: Recipe, epochs: int) -> Recipe:
    every = max(1, -(-epochs // _VALIDATIONS)) if recipe.validate_every else 0
    return replace(recipe, epochs=epochs, validate_every=every)


def _chosen_before(prepared: Prepared, plan: Path) -> int | None:
    """Return the epochs that an earlier call with this budget chose for a run that would be the same now."""
    recipe = prepared.recipe
    for path in [plan, *sorted(plan.parent.glob(f"{recipe.name}-*/{plan.name}"))]:
        epochs = _planned(path)
        if epochs is not None:
            same = replace(prepared, recipe=_fitted(recipe, epochs))
            if run_folder(run_identity(same), prepared.settings).is_dir():
                return epochs
    return None


def _planned(plan: Path) -> int | None:
    if not plan.is_file():
        return None
    try:
        epochs = json.loads(plan.read_text(encoding="utf-8"))["epochs"]
        if type(epochs) is not int or epochs < 1:
            raise ValueError(f"epochs {epochs!r}")
        return epochs
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedInput(f"{plan}: not a plan ({error})", then="remove it") from error
