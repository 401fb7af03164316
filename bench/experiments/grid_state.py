"""Which runs of a grid are done: by the records first, then by the runs' folders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from baselines.method import Method
from baselines.registry import METHODS
from bench.data.catalogue import entry
from bench.data.dataset import manifest_digest
from bench.data.loader import steps_per_epoch
from bench.errors import RefusedInput
from bench.experiments.grid_plan import GridRun
from bench.fabric import launch_fabric
from bench.mirror import fetch_records, fetch_runs, fetch_source
from bench.results.provenance import without_folders
from bench.results.record import AccuracyRecord, TrainingRecord
from bench.results.select import Tabulated, is_single_pass, newest, of_runs
from bench.results.store import read_records
from bench.train.checkpoint import checkpoints, marker_of, step_of
from bench.train.recipe import Recipe
from bench.train.settings import Settings
from bench.train.splits import open_split

DONE, TRAINED, PARTLY, FAILED, TO_DO = "done", "trained", "partly", "failed", "to do"
LOCKED = "locked"


@dataclass(frozen=True)
class State:
    """State of a run.

    Attributes:
        status: ``done`` (trained and scored), ``trained``, ``partly``, ``failed`` (diverged, and would again)
            or ``to do``; ``locked`` when another process worked on it.
        step, steps: Step of the newest checkpoint, and steps of the whole run; None where unknown.
        training, accuracy: The records, or None.
        remark: What a reader must know of the records, e.g. that they are of a smoke run; or None.
    """

    status: str
    step: int | None = None
    steps: int | None = None
    training: TrainingRecord | None = None
    accuracy: AccuracyRecord | None = None
    remark: str | None = None

    def __str__(self) -> str:
        """Return the state for a list of runs."""
        text = self.status
        if self.status == PARTLY:
            text = f"partly, step {self.step} of {'?' if self.steps is None else self.steps}"
        elif self.status == TRAINED:
            text = "trained, to be scored"
        return f"{text} ({self.remark})" if self.remark else text


class Ledger:
    """The records and run folders of a project, searched for the runs of a grid.

    A run is recognised by everything that defines it except the digest of its initial weights, which follow
    from recipe, seed and code; so no network is built, and the records alone are enough. The digest of the
    data is compared where the data is found. A stale record (the code has changed since) does not count.

    Args:
        settings: Home, data root, device and threads. A run that is done with others counts, too, unless
            these are given (a device other than ``auto``, any number of threads).
        scored: Split whose accuracy records count.
        methods: By name; with a user's own ones where the grid has any.
    """

    def __init__(self, settings: Settings, scored: str, methods: Mapping[str, Method] = METHODS) -> None:
        self.settings = settings
        self.scored = scored
        self._anywhere = settings.device == "auto", settings.threads is None
        self.device = launch_fabric(settings.device).device.type
        self.threads = settings.threads or torch.get_num_threads()
        self.tabulated = Tabulated(methods)
        fetch_runs(settings.home)
        self._manifests: dict[str, str | None] = {}
        self._lengths: dict[tuple[str, str], int | None] = {}

    @cached_property
    def training(self) -> list[TrainingRecord]:
        """Every training record."""
        return read_records(self.settings.home, "training", strict=False)

    @cached_property
    def accuracy(self) -> list[AccuracyRecord]:
        """Every accuracy record of a run."""
        return of_runs(read_records(self.settings.home, "accuracy", strict=False))

    def reread(self) -> None:
        """Forget the records, so that they are read anew when next needed; a stored home's are fetched."""
        fetch_records(self.settings.home)
        for name in ("training", "accuracy"):
            self.__dict__.pop(name, None)

    def state(self, run: GridRun[Any]) -> State:
        """Return the state of a run."""
        trained = [one for one in self.training if self._is_of(one.stored_identity, run.recipe)]
        scored = [one for one in self.accuracy if self._is_score_of(one, run.recipe)]
        stale = [one for one in [*scored, *trained] if self.tabulated.is_stale(one)]
        training = newest([one for one in trained if one.valid and one not in stale])
        accuracy = newest([one for one in scored if one.valid and one not in stale])
        steps = self.steps(run.recipe)
        if accuracy is not None:
            remark = self.tabulated.why_not(accuracy)
            return State(DONE, steps, steps, training, accuracy, remark)
        if (found := self._done_elsewhere(run.recipe, steps)) is not None:
            return found
        if training is not None and self.weights(run, training) is not None:
            return State(TRAINED, steps, steps, training)
        remark = "a record is stale: the code has changed" if stale else None
        failed = newest([one for one in trained if not one.valid and one not in stale])
        if failed is not None and failed.reasons[0].startswith("diverged"):
            return State(FAILED, failed.values.steps, steps, failed, remark=failed.reasons[0])
        folder = self.folder(run.recipe)
        step = newest_step(folder) if folder else None
        if step:
            return State(PARTLY, step, steps, remark=remark)
        return State(TO_DO, 0, steps, remark=remark or self._elsewhere(run.recipe))

    def _done_elsewhere(self, recipe: Recipe, steps: int | None) -> State | None:
        """Return the state of a run that is done on another device or with other threads."""
        of_recipe = [
            one
            for one in self.accuracy
            if one.valid
            and self._is_score_of(one, recipe, anywhere=True)
            and self.tabulated.why_not(one) is None
        ]
        accuracy = newest(of_recipe)
        if accuracy is None:
            return None
        run = accuracy.identity.run
        training = newest(
            [
                one
                for one in self.training
                if one.valid and one.values.final_weights_sha256 == accuracy.identity.weights_sha256
            ]
        )
        remark = f"with --device {run.device} --threads {run.threads}"
        return State(DONE, steps, steps, training, accuracy, remark)

    def weights(self, run: GridRun[Any], training: TrainingRecord) -> Path | None:
        """Return the file of a run's final weights, in its folder or published; None when it is missing."""
        folder = self.folder(run.recipe)
        published = f"{training.identity.model}-{training.id[:12]}.safetensors"
        places = [
            *([folder / "final.safetensors"] if folder else []),
            self.settings.home / "results" / "weights" / published,
        ]
        return next((place for place in places if place.is_file()), None)

    def folder(self, recipe: Recipe) -> Path | None:
        """Return the folder of a run that was started here, or None."""
        for path in sorted((self.settings.home / "runs").glob(f"{recipe.name}-*/run.json")):
            try:
                found = self._is_of(json.loads(path.read_text(encoding="utf-8")), recipe)
            except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
                continue  # not of a run; training this very run reports it
            if found:
                fetch_source(path.parent)
                return path.parent
        return None

    def steps(self, recipe: Recipe) -> int | None:
        """Return the steps of a whole run; None where the number of images is unknown."""
        length = self.length(recipe, "train")
        if length is None:
            return None
        return recipe.epochs * steps_per_epoch(length, recipe.batch * recipe.accumulate)

    def length(self, recipe: Recipe, split: str) -> int | None:
        """Return the number of images of a split: as found here, else as published, else None."""
        key = (recipe.data, split)
        if key not in self._lengths:
            try:
                found = len(open_split(recipe, split, self.settings.data_root, self.settings.home))
                self._lengths[key] = found
            except RefusedInput:
                self._lengths[key] = (entry(recipe.data).expected or {}).get(split)
        return self._lengths[key]

    def has_data(self, recipe: Recipe) -> bool:
        """Return whether the training images are found here."""
        return self._manifest(recipe) is not None

    def _is_score_of(self, record: AccuracyRecord, recipe: Recipe, *, anywhere: bool = False) -> bool:
        # a smoke run is scored on whatever split a sample has
        split = recipe.smoke or record.identity.data.split == self.scored
        run = record.stored_identity["run"]
        return is_single_pass(record) and split and self._is_of(run, recipe, anywhere=anywhere)

    def _is_of(self, identity: Mapping[str, Any], recipe: Recipe, *, anywhere: bool = False) -> bool:
        """Whether an identity is of this recipe, data, device and number of threads.

        ``anywhere`` leaves out those of the last two that were not given.
        """
        here: dict[str, Any] = {"engine": "eager"}
        any_device, any_threads = self._anywhere if anywhere else (False, False)
        here |= {} if any_device else {"device": self.device}
        here |= {} if any_threads else {"threads": self.threads}
        if not self._is_of_recipe(identity, recipe):
            return False
        if any(identity.get(key) != value for key, value in here.items()) or identity.get("devices"):
            return False
        manifest = self._manifest(recipe)
        return manifest is None or identity["data"]["manifest_sha256"] == manifest

    @staticmethod
    def _is_of_recipe(identity: Mapping[str, Any], recipe: Recipe) -> bool:
        # a network of the user's own is named by its file, never by where that lies
        return bool(identity.get("recipe") == {**recipe.identity(), "model": without_folders(recipe.model)})

    def _manifest(self, recipe: Recipe) -> str | None:
        if recipe.data not in self._manifests:
            try:
                data = open_split(recipe, "train", self.settings.data_root, self.settings.home)
                self._manifests[recipe.data] = manifest_digest(data)
            except RefusedInput:
                self._manifests[recipe.data] = None
        return self._manifests[recipe.data]

    def _elsewhere(self, recipe: Recipe) -> str | None:
        """Name the options with which a run is on record, if on another device or with other threads."""
        for record in self.training:
            if record.valid and self._is_of_recipe(record.stored_identity, recipe):
                device, threads = record.identity.device, record.identity.threads
                if (device, threads) != (self.device, self.threads):
                    return f"on record with --device {device} --threads {threads}"
        return None


def newest_step(folder: Path) -> int:
    """Return the step of a run's newest complete checkpoint; 0 without one."""
    complete = [path for path in checkpoints(folder / "checkpoints") if marker_of(path).exists()]
    return step_of(complete[-1]) if complete else 0
