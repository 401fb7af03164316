"""A run: recipe in, run folder with checkpoints, final weights and a training record out."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from baselines.registry import Method, import_named
from bench.data.catalogue import open_data
from bench.data.dataset import SegmentationData, manifest_digest, require_disjoint
from bench.data.statistics import Statistics
from bench.errors import RefusedInput, UsageError
from bench.evaluate.evaluate import evaluate
from bench.fabric import launch_fabric
from bench.files import write_atomic
from bench.models import resolve
from bench.results.provenance import gather
from bench.results.record import Record, make_record, record_id
from bench.results.store import add_record, takes_of
from bench.train.initial import Initial, build_initial
from bench.train.loop import Diverged, Progress, State, Trainer
from bench.train.recipe import Recipe
from bench.train.weight_file import save_weights

Watch = Callable[[str, int, int, float], None]
"""What is going on ("train", "val"), units done, units in all, last loss."""


@dataclass(frozen=True)
class Settings:
    """Where a run happens; none of it changes what is measured but the threads and the device.

    Attributes
    ----------
    home
        Folder of ``results/`` and ``runs/``.
    data_root
        The data set's own folder; None looks in ``CARNET_DATA``.
    weights_file
        A local file of the encoder's weights; None looks in ``CARNET_DATA/weights``.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    threads
        Of torch on the CPU; None leaves torch's own choice.
    command
        For the record.
    """

    home: Path = Path()
    data_root: Path | None = None
    weights_file: Path | None = None
    device: str = "auto"
    threads: int | None = None
    command: tuple[str, ...] = tuple(sys.argv)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    identity
        What defines it; its digest names the folder and the records.
    folder
        Holds ``run.json``, ``checkpoints/``, ``losses.csv`` and ``final.safetensors``.
    network
        With its final weights.
    statistics
        What its input is normalised by.
    record
        The training record.
    notes
        Remarks that every record made of this run repeats.
    """

    identity: dict[str, Any]
    folder: Path
    network: nn.Module
    statistics: Statistics
    record: Record
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A recipe with everything it names in hand: ready to build a trainer."""

    recipe: Recipe
    settings: Settings
    fabric: Fabric
    method: Method
    data: SegmentationData
    initial: Initial


def prepare(recipe: Recipe, settings: Settings) -> Prepared:
    """Open the data, build the network and load its weights.

    Raises
    ------
    UsageError, RefusedInput
        Bad names, options, data or weights.
    """
    fabric = launch_fabric(settings.device, recipe.precision)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    method = resolve(recipe.model)
    data = open_data(recipe.data, "train", settings.data_root, home=settings.home, **recipe.data_options)
    initial = build_initial(recipe, method, data, settings.weights_file)
    return Prepared(recipe, settings, fabric, method, data, initial)


def trainer_of(prepared: Prepared, folder: Path, run_key: str) -> Trainer:
    """Return a trainer of the prepared network that keeps its checkpoints in ``folder``."""
    return Trainer(
        recipe=prepared.recipe,
        network=prepared.initial.network,
        criterion=_criterion(prepared.recipe, prepared.method),
        data=prepared.data,
        statistics=prepared.initial.statistics,
        fabric=prepared.fabric,
        folder=folder,
        run_key=run_key,
    )


def train(recipe: Recipe, settings: Settings, watch: Watch = lambda *_: None) -> Run:
    """Train a recipe to its end, resuming what is there, and write the training record.

    A run that is finished already is not trained again; its record is returned.

    Raises
    ------
    UsageError, RefusedInput
        Bad names, options, data or weights.
    Diverged
        The loss left the finite numbers; a record marked not valid is kept.
    Interrupted
        After a checkpoint; the same call resumes.
    """
    prepared = prepare(recipe, settings)
    initial = prepared.initial
    identity = run_identity(prepared)
    folder = _folder(settings.home, recipe, identity)
    provenance = gather(settings.command, prepared.method)
    trainer = trainer_of(prepared, folder / "checkpoints", record_id(identity))
    resumed_at = trainer.resume()
    try:
        state = trainer.train(_validation(prepared, watch), _progress(watch))
    except Diverged as error:
        failed = _record_of(trainer, identity, provenance, initial)
        add_record(replace(failed, valid=False, reasons=[f"diverged: {error}"]), settings.home)
        raise
    weights_sha256 = _write_weights(folder, trainer.network, identity, initial)
    write_atomic(folder / "losses.csv", _losses_csv(state))
    record = _recorded(identity, weights_sha256, settings.home)
    if record is None:
        record = _record_of(trainer, identity, {**provenance, "resumed_at_step": resumed_at}, initial)
        record = replace(record, values={**record.values, "final_weights_sha256": weights_sha256})
        record, _ = add_record(record, settings.home)
    return Run(identity, folder, trainer.network, initial.statistics, record, initial.notes)


def run_identity(prepared: Prepared) -> dict[str, Any]:
    """Return what defines a run: recipe with seed, initial weights, data, engine, precision, threads."""
    recipe, data = prepared.recipe, prepared.data
    return {
        "model": recipe.model,
        "num_classes": len(data.classes),
        "recipe": recipe.identity(),
        "initial_weights_sha256": prepared.initial.digest,
        "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
        "engine": "eager",
        "device": prepared.fabric.device.type,
        "precision": recipe.precision,
        "batch": recipe.batch,
        "size": list(recipe.crop),
        "threads": torch.get_num_threads(),
    }


def _folder(home: Path, recipe: Recipe, identity: dict[str, Any]) -> Path:
    """Return the run's folder; what defines the run is written there when it is new."""
    folder = home / "runs" / f"{recipe.name}-{record_id(identity)[:12]}"
    text = json.dumps(identity, indent=2, sort_keys=True, allow_nan=False) + "\n"
    path = folder / "run.json"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise RefusedInput(f"{path}: describes another run", then=f"remove {folder} to start again")
    write_atomic(path, text)
    return folder


def _criterion(recipe: Recipe, method: Method) -> nn.Module:
    if method.loss is None:
        raise UsageError(f"{method.name} has no training loss yet; trainable are the CARNets")
    criterion: nn.Module = import_named(method.loss)(recipe.scloss_weight, recipe.scloss_form)
    return criterion


def _validation(prepared: Prepared, watch: Watch) -> Callable[[nn.Module], float] | None:
    recipe, settings = prepared.recipe, prepared.settings
    if recipe.validate_every == 0:
        return None
    data = open_data(recipe.data, "val", settings.data_root, home=settings.home, **recipe.data_options)
    if not recipe.smoke:
        require_disjoint(prepared.data, data)

    def validate(network: nn.Module) -> float:
        outcome = evaluate(
            network,
            data,
            prepared.initial.statistics,
            prepared.fabric.device,
            lambda done: watch("val", done, len(data), 0.0),
        )
        miou: float = outcome.values(data.classes)["miou"]
        return miou

    return validate


def _progress(watch: Watch) -> Progress:
    return lambda done, total, loss: watch("train", done, total, loss)


def _write_weights(folder: Path, network: nn.Module, identity: dict[str, Any], initial: Initial) -> str:
    metadata = {
        "identity": identity,
        "statistics": {"mean": list(initial.statistics.mean), "std": list(initial.statistics.std)},
        "notes": list(initial.notes),
    }
    return save_weights(folder / "final.safetensors", network.state_dict(), metadata)


def _losses_csv(state: State) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["step", "loss"])
    writer.writerows((step, repr(loss)) for step, loss in enumerate(state.losses, start=1))
    return stream.getvalue()


def _record_of(
    trainer: Trainer, identity: dict[str, Any], provenance: dict[str, Any], initial: Initial
) -> Record:
    """Return the training record as far as the run has come; whoever asks adds what is known at its end."""
    state = trainer.state
    values = {
        "steps": state.step,
        "epochs": len(state.curve),
        "train_s": state.train_s,
        "mean_step_s": state.train_s / state.step if state.step else None,
        "empty_batches": state.empty_batches,
        "curve": state.curve,
        "final_weights_sha256": None,
    }
    return make_record(
        "training", identity, values, provenance, smoke=trainer.recipe.smoke, notes=initial.notes
    )


def _recorded(identity: dict[str, Any], weights_sha256: str, home: Path) -> Record | None:
    """Return the valid training record of this very run with these very weights, if there is one."""
    for record in takes_of(home, "training", identity):
        if record.values.get("final_weights_sha256") == weights_sha256:
            return record
    return None
