"""How long a grid will take: from recorded step times of this machine, else from a few steps measured now."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from bench.data.catalogue import entry
from bench.errors import BenchError
from bench.experiments.grid_plan import GridRun
from bench.experiments.grid_state import PARTLY, TO_DO, TRAINED, Ledger, State
from bench.experiments.train_budget import StepCost, measure_step
from bench.paper.variant import TrainsVariant, variant_of
from bench.results.provenance import machine, without_folders
from bench.results.record import AccuracyRecord, Record, TrainingRecord
from bench.results.record_types import Machine, Run
from bench.results.select import is_single_pass, started
from bench.train.recipe import Recipe
from bench.train.run import prepare
from bench.train.scloss_probe import PROBED_BATCHES
from bench.train.splits import open_split, scored_split

R = TypeVar("R", bound=Record)
_DECIDES_STEP = (
    "crop",
    "batch",
    "precision",
    "accumulate",
    "ema_decay",
    "freeze_encoder_bn",
    "ohem_threshold",
)
"""Keys of a recipe that change the cost of a step, besides the network."""

MEASURED, SYNTHETIC, RECORDED = "measured now", "measured now on synthetic images", "on record here"


@dataclass(frozen=True)
class Cost:
    """Cost of a training step and of an evaluated image of a network on this machine.

    Attributes:
        step_s, image_s: Seconds; None where they are not on record and could not be measured.
        source: `MEASURED`, `SYNTHETIC`, `RECORDED`, or the reason that there are none.
    """

    step_s: float | None
    image_s: float | None
    source: str


class Estimates:
    """Costs of the subjects of a grid, each found once.

    Args:
        ledger: The records, and the settings of the training.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._settings = ledger.settings
        self._measured: dict[Hashable, Cost] = {}

    def measure(
        self, runs: Iterable[GridRun[Any]], progress: Callable[[int, int], None] = lambda *_: None
    ) -> None:
        """Measure a few steps of each network that has no step time on record here; nothing is written.

        Args:
            runs: Runs to do.
            progress: Called with the networks done and their number.
        """
        wanted = {_network(run.recipe): run.recipe for run in runs if self._recorded(run.recipe) is None}
        for count, (network, recipe) in enumerate(wanted.items(), start=1):
            if network not in self._measured:
                self._measured[network] = self._measure(recipe)
            progress(count, len(wanted))

    def cost(self, run: GridRun[Any]) -> Cost:
        """Return what a network costs here."""
        recorded = self._recorded(run.recipe)
        if recorded is not None:
            return recorded
        return self._measured.get(_network(run.recipe), Cost(None, None, "not measured"))

    def left_s(self, run: GridRun[Any], state: State) -> float | None:
        """Return the seconds that a run still needs; None where its cost is unknown."""
        if state.status not in (TO_DO, PARTLY, TRAINED):
            return 0.0
        cost = self.cost(run)
        if cost.step_s is None or cost.image_s is None or state.steps is None:
            return None
        trained_s = 0.0
        if state.status != TRAINED:
            left = 1 - (state.step or 0) / state.steps
            validated = _validations(run.recipe)
            images = validated * self._images(run.recipe, "val") if validated else 0
            steps = state.steps + _probe_steps(run.recipe)
            trained_s = left * (cost.step_s * steps + cost.image_s * images)
        return trained_s + cost.image_s * self._images(run.recipe, self._ledger.scored)

    def _measure(self, recipe: Recipe) -> Cost:
        # initial weights do not change the cost of a step, so none are downloaded
        probe, settings, source = replace(recipe, weights="none"), self._settings, MEASURED
        if not self._ledger.has_data(recipe):
            size_hw = (entry(recipe.data).sizes_hw or (recipe.crop,))[0]
            probe = replace(probe, data="scenes", data_options={"size_hw": list(size_hw)})
            settings, source = replace(settings, data_root=None), SYNTHETIC
        try:
            scored = open_split(probe, scored_split(probe), settings.data_root, settings.home)
            found: StepCost = measure_step(prepare(probe, settings), scored)
        except BenchError as error:
            return Cost(None, None, f"could not be measured: {error}")
        return Cost(found.step_s, found.image_s, source)

    def _recorded(self, recipe: Recipe) -> Cost | None:
        step_s = _latest(self._ledger.training, lambda one: self._step_s(one, recipe))
        image_s = _latest(self._ledger.accuracy, lambda one: self._image_s(one, recipe))
        return None if step_s is None or image_s is None else Cost(step_s, image_s, RECORDED)

    def _step_s(self, record: TrainingRecord, recipe: Recipe) -> float | None:
        seconds = record.values.mean_step_s
        return seconds if seconds and self._costs_alike(record, record.identity, recipe) else None

    def _image_s(self, record: AccuracyRecord, recipe: Recipe) -> float | None:
        if not is_single_pass(record) or not self._costs_alike(record, record.identity.run, recipe):
            return None
        return record.values.wall_s / record.values.images

    def _costs_alike(self, record: Record, run: Run, recipe: Recipe) -> bool:
        """Whether a record is of the same network, size and batch on this very machine."""
        identity = record.stored_identity
        there, here = identity.get("run", identity)["recipe"], recipe.identity()
        if there["data"] != here["data"]:
            return False
        same = all(there.get(key) == here.get(key) for key in _DECIDES_STEP)
        return (
            same
            and run.device == self._ledger.device
            and run.threads == self._ledger.threads
            and record.provenance.machine == Machine(**machine())
            and _network(run.recipe) == _network(recipe)
        )

    def _images(self, recipe: Recipe, split: str) -> int:
        return self._ledger.length(recipe, split) or 0


def total_s(left: Sequence[float | None]) -> float | None:
    """Return the sum; None when the seconds of a run are unknown."""
    known = [seconds for seconds in left if seconds is not None]
    return sum(known) if len(known) == len(left) else None


def _network(recipe: TrainsVariant) -> Hashable:
    """Return what all networks share whose steps cost the same: SCLoss's weight and form have no effect."""
    variant = variant_of(recipe)
    if variant is None:
        return without_folders(recipe.model), json.dumps(recipe.model_options, sort_keys=True)
    return replace(variant, scloss_weight=0.2, scloss_form="paper") if variant.scloss else variant


def _validations(recipe: Recipe) -> int:
    """Return how often a run validates."""
    return -(-recipe.epochs // recipe.validate_every) if recipe.validate_every else 0


def _probe_steps(recipe: Recipe) -> int:
    """Return how many steps the probes of SCLoss cost: two forward and backward passes per batch."""
    return recipe.epochs // recipe.probe_every * 2 * PROBED_BATCHES if recipe.probe_every else 0


def _latest(records: Iterable[R], seconds_of: Callable[[R], float | None]) -> float | None:
    found = [
        (started(record), seconds)
        for record in records
        if record.valid and (seconds := seconds_of(record)) is not None
    ]
    return max(found)[1] if found else None
