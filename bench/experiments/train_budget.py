"""What fits a time budget: measure a step, choose the epochs, train, evaluate."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from bench.data.catalogue import open_data
from bench.data.dataset import SegmentationData
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.evaluate import predictions
from bench.files import write_atomic
from bench.results.record import AccuracyRecord
from bench.train import recipe as recipes
from bench.train.recipe import Recipe
from bench.train.run import Prepared, Settings, Watch, prepare, train, trainer_of
from bench.train.score import evaluate_run

_PROBED_STEPS = 4
_VALIDATIONS = 4
_IN_HAND = 0.9
"""Share of the time left that is planned; the rest is for start-up, checkpoints and a machine that slows."""


@dataclass(frozen=True)
class StepCost:
    """Measured on this machine: seconds of one training step and of one evaluated image."""

    step_s: float
    image_s: float


def run_within_budget(
    data_name: str,
    budget_s: float,
    settings: Settings,
    watch: Watch = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> AccuracyRecord:
    """Train the data set's quick recipe for the epochs that fit, and evaluate it on the test split.

    A plan is kept beside the runs until the run is finished, so that the same command resumes an interrupted
    run although its step would be measured a little differently now.

    Parameters
    ----------
    data_name
        The recipe is ``DATA-quick``.
    budget_s
        For everything done here, in seconds.
    settings, watch
        As for training.
    log
        Is told what was planned.

    Returns
    -------
    The accuracy record.

    Raises
    ------
    NotMeasured
        Not one epoch fits; the message says what one needs.
    """
    started = time.monotonic()
    recipe = recipes.load(f"{data_name}-quick")
    plan = settings.home / "runs" / f"plan-{recipe.name}-{round(budget_s)}s.json"
    epochs = _planned(plan)
    if epochs is None:
        prepared = prepare(recipe, settings)
        test = open_data(recipe.data, "test", settings.data_root, home=settings.home, **recipe.data_options)
        val = open_data(recipe.data, "val", settings.data_root, home=settings.home, **recipe.data_options)
        cost = measure_step(prepared, test)
        left_s = _IN_HAND * (budget_s - (time.monotonic() - started))
        scored_s = cost.image_s * (len(test) + _VALIDATIONS * len(val))
        epoch_s = cost.step_s * (len(prepared.data) // recipe.batch)
        epochs = int((left_s - scored_s) // epoch_s)
        if epochs < 1:
            raise NotMeasured(
                f"budget {budget_s:.0f} s: one epoch of {recipe.name} needs {epoch_s:.0f} s here and "
                f"scoring {scored_s:.0f} s",
                then=f"give --budget {round((epoch_s + scored_s) / _IN_HAND) + 30}s",
            )
        log(f"{recipe.name}: {cost.step_s:.2f} s a step, {epochs} epochs fit the budget")
        write_atomic(plan, json.dumps({"epochs": epochs}))
    run = train(_with_epochs(recipe, epochs), settings, watch)
    record, _ = evaluate_run(run.folder, "test", settings, lambda done, n: watch("test", done, n, 0.0))
    plan.unlink()
    return record


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


def _with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    return replace(recipe, epochs=epochs, validate_every=max(1, -(-epochs // _VALIDATIONS)))


def _planned(plan: Path) -> int | None:
    if not plan.is_file():
        return None
    try:
        return int(json.loads(plan.read_text(encoding="utf-8"))["epochs"])
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedInput(f"{plan}: not a plan ({error})", then="remove it") from error
