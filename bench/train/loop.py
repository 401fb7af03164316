"""The loop: an epoch is batches, a batch is one step, and each line is a named part of it."""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from bench.data.dataset import SegmentationData
from bench.data.loader import Batch, epoch_batches, generator_for, steps_per_epoch
from bench.data.statistics import Statistics
from bench.data.transforms import TrainTransform
from bench.errors import Interrupted, NotMeasured, RefusedInput
from bench.train.determinism import deterministic_algorithms
from bench.train.ema import WeightsMean
from bench.train.failures import ChangedData, failures_named
from bench.train.journals import Journals, epoch_row, step_row
from bench.train.kernels import choose_kernels
from bench.train.norms import freeze_encoder, synchronised
from bench.train.origin import Made
from bench.train.ranks import agreed, require_alike
from bench.train.recipe import Recipe
from bench.train.saving import Saved, Weights
from bench.train.schedule import build_optimiser, lr_scale, set_rates
from bench.train.scloss_probe import probe_scloss
from bench.train.state import State, best_entry, has_stopped_gaining
from bench.train.stopping import StopRequest, stop_requests
from bench.train.update import Update
from bench.train.weight_file import fit

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Validate = Callable[[nn.Module], float]  # network to validation mIoU (0..1)
Progress = Callable[[int, int, float], None]  # steps done, steps in all, loss of the last step


class Trainer:
    """Trains one network by one recipe and can be stopped and resumed at any step.

    Args:
        recipe, network, criterion: What is trained; the criterion maps (training output, label) to a dict
            with ``total``.
        data, statistics: The training split and what its images are normalised by.
        fabric: Device, precision and strategy.
        folder: Folder of the checkpoints.
        run_key: The run's identity; a checkpoint of another run is never resumed.
        workers: Data-loading processes (results do not depend on it).
        made: What the run is made of besides; a checkpoint of other code is never resumed either.

    Attributes:
        network: The trained network, without Fabric's wrapper.
        state: Progress of the run.
        journal: Called with every step and epoch; may be set until the run starts.
        c_compiler: Compiler of CARNet's fast form; None where torch computes everything.
    """

    def __init__(
        self,
        *,
        recipe: Recipe,
        network: nn.Module,
        criterion: nn.Module,
        data: SegmentationData,
        statistics: Statistics,
        fabric: Fabric,
        folder: Path,
        run_key: str,
        workers: int = 0,
        made: Made | None = None,
    ) -> None:
        self.recipe, self.data, self.fabric, self.workers = recipe, data, fabric, workers
        if recipe.sync_bn:
            network = synchronised(network, fabric.world_size, fabric.device.type)
        self.network = network.to(memory_format=torch.channels_last)
        self.c_compiler = choose_kernels(self.network, criterion, fabric.device.type, recipe.precision)
        if recipe.freeze_encoder_bn:
            freeze_encoder(self.network)
        self.model, self.optimiser = fabric.setup(self.network, build_optimiser(self.network, recipe))
        self.mean = WeightsMean(self.network, recipe.ema_decay) if recipe.ema_decay else None
        self.update = Update(recipe, self.model, self.optimiser, criterion, statistics, fabric)
        fill, least = statistics.mean_colour(), recipe.short_side_least
        self.transform = TrainTransform(recipe.crop, recipe.scale, recipe.flip, fill, least)
        self.step_images = recipe.batch * recipe.accumulate
        self.epoch_steps = steps_per_epoch(len(data), self.step_images)
        self.state = State()
        self.best: Weights | None = None
        made = made or Made()
        self.watched, by = made.watched, made.by(self.c_compiler)
        self.saved = Saved(folder, run_key, recipe, fabric, self.network, self.optimiser, self.mean, *by)
        self.journal, self._stop_request = Journals(), StopRequest()

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated: with the mean of the weights, where the recipe keeps one."""
        return self.network if self.mean is None else self.mean.network

    @property
    def finished(self) -> bool:
        """Whether every epoch is done, or the validations stopped gaining."""
        curve = self.state.curve
        return len(curve) >= self.recipe.epochs or has_stopped_gaining(curve, self.recipe.stop_after)

    def train(self, validate: Validate | None, progress: Progress = lambda *_: None) -> State:
        """Train from the run's current step to its end.

        Raises:
            Diverged: Before the update that a loss or gradient that is not finite would make.
            OutOfMemory: A step does not fit.
            Interrupted: After SIGINT or SIGTERM: the step is finished and a checkpoint written.
            NotMeasured: A validation whose score is no number.
            RefusedInput: Bad data, an epoch without a labelled pixel, a disk that refuses, or an operation
                that cannot be repeated though the recipe asks.
        """
        if self.state.step == 0:
            # dropout is a function of (seed, rank), whatever ran in this process before
            rank = self.fabric.global_rank
            torch.manual_seed(generator_for("train", self.recipe.seed, rank).initial_seed())
        with stop_requests() as self._stop_request:
            while not self.finished:
                # a run stopped at an epoch's last step has that epoch's end still before it
                if len(self.state.curve) == self.state.step // self.epoch_steps:
                    with deterministic_algorithms(self.recipe.deterministic):
                        self._epoch(progress)
                self._end_epoch(validate)
                self.save()
                self.stop_if_asked()
        return self.state

    def time_steps(self, count: int) -> list[float]:
        """Return the seconds of the run's first steps; the trainer is of no further use after them."""
        self._training_mode()
        epochs = (self._batches(epoch, 0) for epoch in itertools.count())
        seconds = []
        for batch in itertools.islice(itertools.chain.from_iterable(epochs), count):
            started = time.perf_counter()
            self.one_step(batch)
            seconds.append(time.perf_counter() - started)
        return seconds

    def one_step(self, batch: Batch) -> float:
        """Do the run's next step on this process's share of a batch, and return its loss."""
        started = time.perf_counter()
        state, recipe = self.state, self.recipe
        set_rates(self.optimiser, lr_scale(recipe, state.step, self.epoch_steps))
        with failures_named(recipe, state.step):
            outcome = self.update(batch, state.step)
            if self.mean is not None and not outcome.skipped:
                self.mean.update(self.network)
        state.train_s += time.perf_counter() - started
        state.step += 1
        state.losses.append(outcome.loss)
        state.empty_batches += outcome.empty
        state.skipped_updates += outcome.skipped
        self.journal.write(*step_row(recipe, state.step, outcome.loss, self.epoch_steps))
        return outcome.loss

    def save(self) -> Path | None:
        """Write a checkpoint of this step; None when it exists already.

        Raises:
            ChangedData: The data's files were written meanwhile; the checkpoint says so.
        """
        changed = self.watched.changed()
        if self.state.changed is None and agreed(self.fabric, float(bool(changed)), "max"):
            self.state.changed = ", ".join(path.name for path in changed[:3]) + ", ..." * (len(changed) > 3)
        written = self.saved.write(self.state, self.best)
        self.journal.flush()  # after it: a journal that fails costs no step
        self._require_unchanged()
        return written

    def stop_if_asked(self) -> None:
        """End the run after a checkpoint when a signal has requested it.

        Raises:
            Interrupted: It has.
        """
        number = int(agreed(self.fabric, float(self._stop_request.number or 0), "max"))
        if number:
            self.save()
            raise Interrupted(
                f"stopped by {signal.Signals(number).name} after step {self.state.step}; checkpoint written",
                number,
                then="the same command resumes the run",
            )

    def resume(self) -> int:
        """Continue from the newest good checkpoint, if any, and return the step; see `Saved.read`.

        Raises:
            RefusedInput: The processes of the run do not find the same checkpoint.
        """
        found = self.saved.read()
        step = 0 if found is None else found[0].step
        message = f"the processes of this run find different checkpoints, {self.saved.folder} has step {step}"
        require_alike(self.fabric, step, message, then="set --home to a folder that all nodes share")
        if found is not None:
            self.state, self.best = found
            self._require_unchanged()
        return self.state.step

    def final_network(self) -> nn.Module:
        """Return the network with the weights that the recipe's rule keeps; the trainer is done after it."""
        if self.best is not None:
            fit(self.evaluated, self.best, "the best weights")
        return self.evaluated

    def _require_unchanged(self) -> None:
        if self.state.changed is not None:
            raise ChangedData(self.state.changed, self.state.step, self.saved.folder.parent)

    def _epoch(self, progress: Progress) -> None:
        epoch, done = divmod(self.state.step, self.epoch_steps)
        empty = self.state.empty_batches
        self._training_mode()
        saved_at = time.monotonic()
        for batch in self._batches(epoch, done):
            loss = self.one_step(batch)
            progress(self.state.step, self.recipe.epochs * self.epoch_steps, loss)
            self.stop_if_asked()
            is_last = self.state.step % self.epoch_steps == 0
            is_due = float(time.monotonic() - saved_at > self.recipe.checkpoint_every_s)
            # every process takes part in a checkpoint, and their clocks differ
            if not is_last and agreed(self.fabric, is_due, "max") > 0:
                self.save()
                saved_at = time.monotonic()
        found = self.state.empty_batches
        if found == self.state.step or (done == 0 and found - empty == self.epoch_steps):
            name = self.data.name
            where = f"{name} {self.data.split}: no crop of epoch {epoch + 1} has a labelled pixel"
            raise RefusedInput(f"{where}, so nothing was learnt", then=f"carnet-bench data check {name}")

    def _batches(self, epoch: int, start_step: int) -> Iterator[Batch]:
        with self._kept_on_failure():
            yield from epoch_batches(
                self.data,
                self.transform,
                self.step_images,
                seed=self.recipe.seed,
                epoch=epoch,
                start_step=start_step,
                workers=self.workers,
                part=(self.fabric.global_rank, self.fabric.world_size),
                device=self.fabric.device,
            )

    @contextmanager
    def _kept_on_failure(self) -> Iterator[None]:
        """Write a checkpoint of the steps done when reading or validation fails.

        Not when a step fails, whose forward pass may have spoiled the batch norms; nor with several
        processes, as the others would not take part.
        """
        try:
            yield
        except Exception:
            if self.state.step and self.fabric.world_size == 1:
                self.save()
            raise

    def _end_epoch(self, validate: Validate | None) -> None:
        state, recipe = self.state, self.recipe
        epoch, every = state.step // self.epoch_steps, recipe.validate_every
        due = every > 0 and (epoch % every == 0 or epoch == recipe.epochs)
        miou = None
        if validate is not None and due:
            with self._kept_on_failure():
                miou = validate(self.evaluated)
            # a NaN is above or below the best score by the order of asking
            if not math.isfinite(miou):
                raise NotMeasured(f"epoch {epoch}: the validation mIoU is {miou}")
        losses = state.losses[-self.epoch_steps :]
        entry = {
            "epoch": epoch,
            "step": state.step,
            "loss": sum(losses) / len(losses),
            "encoder_lr": self.optimiser.param_groups[0]["lr"],
            "val_miou": miou,
        }
        if recipe.probe_every and epoch % recipe.probe_every == 0:
            probe = probe_scloss(self)
            entry |= {} if probe is None else {"scloss": probe}
        state.curve.append(entry)
        if recipe.selection == "best" and best_entry(state.curve) is entry:
            weights = self.evaluated.state_dict()
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        self.journal.write(*epoch_row(entry))

    def _training_mode(self) -> None:
        self.model.train()
        if self.recipe.freeze_encoder_bn:
            freeze_encoder(self.network)
