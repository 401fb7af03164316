"""A run: recipe in, run folder with checkpoints, final weights and a training record out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import nn

from baselines.method import Method
from bench.data.dataset import SegmentationData, data_notes, manifest_digest, require_disjoint, require_labels
from bench.data.loader import require_batch
from bench.data.statistics import Statistics
from bench.errors import Interrupted, UsageError
from bench.fabric import launch_fabric, number_of_processes
from bench.files import write_atomic
from bench.models import resolve
from bench.own.guard import user_code
from bench.results.provenance import gather, without_folders
from bench.results.record import TrainingRecord, record_id
from bench.results.store import add_record, read_takes
from bench.train.criterion import build_criterion
from bench.train.failures import ChangedData, Diverged, FailedRun, memory_named
from bench.train.initial import Initial, build_initial
from bench.train.journals import require_journals
from bench.train.kernels import records_steps
from bench.train.lock import run_lock
from bench.train.loop import Trainer, Validate
from bench.train.origin import FilesAsFound, Made, origin_of
from bench.train.peers import Peers
from bench.train.ranks import agreed, by_first, require_same_run
from bench.train.recipe import Recipe
from bench.train.run_folder import describe, finished, journal_of, same_start
from bench.train.settings import Settings
from bench.train.splits import open_split
from bench.train.trained import FINAL, metadata_of
from bench.train.training_record import losses_csv, record_of
from bench.train.validation import validation_on
from bench.train.weight_file import fit, load_weights, save_weights

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Watch = Callable[[str, int, int, float], None]
"""Called with the stage ("train", "val"), units done, units in all, last loss."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        identity: What defines it; its digest names the folder and the records.
        folder: Folder of ``run.json``, ``checkpoints/``, ``losses.csv``, ``tensorboard/`` and
            ``final.safetensors``.
        network: Network with the weights that the recipe's rule keeps.
        statistics: Statistics that normalise its input.
        record: The training record.
        notes: Remarks that every record made of this run repeats.
    """

    identity: dict[str, Any]
    folder: Path
    network: nn.Module
    statistics: Statistics
    record: TrainingRecord
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

    Raises:
        UsageError, RefusedInput: Bad names, options, data or weights.
    """
    require_journals(settings.log)
    ranks = number_of_processes(settings.devices)
    if ranks > 0 and recipe.batch % ranks:
        raise UsageError(
            f"batch {recipe.batch} on {ranks} devices; expected a batch of equal shares",
            then=f"set batch to a multiple of {ranks}, or devices to a divisor of {recipe.batch}",
        )
    fabric = launch_fabric(settings.device, recipe.precision, settings.devices, settings.strategy)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    method = resolve(recipe.model)
    data = open_split(recipe, "train", settings.data_root, settings.home)
    require_labels(data)
    require_batch(data, recipe.batch * recipe.accumulate)
    initial = build_initial(recipe, method, data, settings.weights_file)
    return Prepared(recipe, settings, fabric, method, data, initial)


def trainer_of(prepared: Prepared, folder: Path, run_key: str, made: Made | None = None) -> Trainer:
    """Return a trainer of the prepared network that keeps its checkpoints in ``folder``."""
    with user_code("setting up the training", prepared.method):
        return Trainer(
            recipe=prepared.recipe,
            network=prepared.initial.network,
            criterion=build_criterion(prepared.recipe, prepared.method),
            data=prepared.data,
            statistics=prepared.initial.statistics,
            fabric=prepared.fabric,
            folder=folder,
            run_key=run_key,
            workers=prepared.settings.workers,
            made=made,
        )


@memory_named("training")
def train(
    recipe: Recipe,
    settings: Settings,
    watch: Watch = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train a recipe to its end, resuming where it was interrupted, and write the training record.

    A finished run is not retrained; its record is returned. With several devices only
    the first process returns; the others end here.

    Args:
        recipe, settings: What is trained, and where.
        watch: Called with the progress.
        log: Called with what the reader must know: from where the run resumes, or why it starts anew.

    Raises:
        UsageError, RefusedInput: Bad names, options, data or weights; another process works on this run; a
            checkpoint of other code.
        Diverged, OutOfMemory: The loss left the finite numbers, or a step did not fit; a record marked not
            valid is kept.
        LostProcess: Another process of the run has ended.
        Interrupted: After a checkpoint; the same call resumes.
    """
    prepared = prepare(recipe, settings)
    fabric = prepared.fabric
    identity = run_identity(prepared)
    folder = run_folder(identity, settings)
    peers = Peers(fabric)
    with peers.named(), ExitStack() as held:
        require_same_run(fabric, record_id(identity))
        by_first(fabric, lambda: held.enter_context(run_lock(folder)))
        by_first(fabric, lambda: describe(folder, identity, log))
        takes = by_first(fabric, lambda: read_takes(settings.home, TrainingRecord, identity)) or []
        val = _validation_split(prepared)
        origin = origin_of(prepared.method, None if val is None else manifest_digest(val))
        provenance = gather(settings.command, prepared.method)
        watched = FilesAsFound(prepared.data, *([] if val is None else [val]))
        made = Made(origin, provenance, watched)
        trainer = trainer_of(prepared, folder / "checkpoints", record_id(identity), made)
        resumed_at = trainer.resume()
        record = by_first(fabric, lambda: finished(takes, folder, trainer, log))
        if agreed(fabric, float(record is not None), "max"):
            peers.leave()
            if record is None:
                raise SystemExit(0)
            if trainer.state.step:  # a journal that failed before is filled now
                journal_of(trainer, folder, identity, settings.log).close()
            network = trainer.evaluated
            fit(network, load_weights(folder / FINAL, record.values.final_weights_sha256))
            return Run(identity, folder, network, prepared.initial.statistics, record, tuple(record.notes))
        validate = None if val is None else _validation(prepared, val, trainer, watch)
        if not fabric.is_global_zero:
            _follow(prepared, peers, trainer, validate)
        notes = run_notes(prepared)
        same = same_start(folder, identity, log)
        trainer.journal = held.enter_context(journal_of(trainer, folder, identity, settings.log))
        try:
            with user_code("training", prepared.method), peers.named():
                state = trainer.train(validate, functools.partial(watch, "train"))
        except FailedRun as error:
            failed = record_of(trainer, identity, notes)
            add_record(failed.revised(valid=False, reasons=[f"{error.status}: {error}"]), settings.home)
            raise
        peers.leave()
        network = trainer.final_network()
        metadata = metadata_of(identity, prepared.initial.statistics, prepared.data, notes)
        weights_sha256 = save_weights(folder / FINAL, network.state_dict(), metadata)
        write_atomic(folder / "losses.csv", losses_csv(state))
        record = next((one for one in takes if one.values.final_weights_sha256 == weights_sha256), None)
        if record is None:
            # not in the weights' own description: what lies next to a run must not change its weights' digest
            record = record_of(trainer, identity, (*notes, *same))
            record = record.revised(
                values={"final_weights_sha256": weights_sha256}, provenance={"resumed_at_step": resumed_at}
            )
            record, _ = add_record(record, settings.home)
        return Run(identity, folder, network, prepared.initial.statistics, record, notes)


def _follow(prepared: Prepared, peers: Peers, trainer: Trainer, validate: Validate | None) -> NoReturn:
    """Train along with the first process, which alone writes and reports; then end this one."""
    # what all processes decide alike is the first one's to tell; any other error ends them all
    alike = (Diverged, ChangedData, Interrupted)
    with suppress(*alike), user_code("training", prepared.method), peers.named():
        trainer.train(validate)
    peers.leave()
    raise SystemExit(0)


def run_identity(prepared: Prepared) -> dict[str, Any]:
    """Return what defines a run: recipe with seed, initial weights, data, engine, precision, threads."""
    recipe, data = prepared.recipe, prepared.data
    ranks = prepared.fabric.world_size
    return {
        "model": prepared.method.name,
        "num_classes": len(data.classes),
        # a network of the user's own is named by its file, never by where that lies
        "recipe": {**recipe.identity(), "model": without_folders(recipe.model)},
        "initial_weights_sha256": prepared.initial.digest,
        "data": {"name": data.name, "split": data.split, "manifest_sha256": manifest_digest(data)},
        "engine": "eager",
        "device": prepared.fabric.device.type,
        "precision": recipe.precision,
        "batch": recipe.batch,
        "size": list(recipe.crop),
        "threads": torch.get_num_threads(),
        **({"devices": ranks, "strategy": "ddp"} if ranks > 1 else {}),
    }


def run_folder(identity: Mapping[str, Any], settings: Settings) -> Path:
    """Return the folder of a run, which may not exist yet."""
    return settings.home / "runs" / f"{identity['recipe']['name']}-{record_id(identity)[:12]}"


def run_notes(prepared: Prepared) -> tuple[str, ...]:
    """Return what every record of the run repeats."""
    ranks = prepared.fabric.world_size
    notes = (*prepared.initial.notes, *data_notes(prepared.data))
    if ranks > 1 and not prepared.recipe.sync_bn:
        share = prepared.recipe.batch // ranks
        notes += (f"batch-norm over the {share} images of each of {ranks} devices",)
    recorded = records_steps(prepared.recipe, prepared.fabric)
    return (*notes, "steps replayed from a CUDA graph") if recorded else notes


def _validation_split(prepared: Prepared) -> SegmentationData | None:
    recipe, settings = prepared.recipe, prepared.settings
    if recipe.validate_every == 0:
        return None
    data = open_split(recipe, "val", settings.data_root, settings.home)
    require_labels(data)
    if not recipe.smoke:
        require_disjoint(prepared.data, data)
    return data


def _validation(prepared: Prepared, data: SegmentationData, trainer: Trainer, watch: Watch) -> Validate:
    def shown(done: int, total: int) -> None:
        if prepared.fabric.is_global_zero:
            watch("val", done, total, 0.0)
        # of several processes one alone must not leave
        if prepared.fabric.world_size == 1:
            trainer.stop_if_asked()

    return validation_on(data, prepared.initial.statistics, prepared.fabric, prepared.method.sizes, shown)
