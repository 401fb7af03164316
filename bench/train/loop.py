"""The loop: an epoch is batches, a batch is one step, and each line is a named part of it."""

from __future__ import annotations

import itertools
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from bench.data.dataset import IGNORE, SegmentationData
from bench.data.loader import Batch, epoch_batches, steps_per_epoch
from bench.data.statistics import Statistics, normalise
from bench.data.transforms import TrainTransform
from bench.errors import Interrupted, NotMeasured, RefusedInput
from bench.train import checkpoint
from bench.train.recipe import Recipe
from bench.train.schedule import build_optimiser, lr_scale, set_rates
from bench.train.stopping import StopRequest, stop_requests
from bench.train.weight_file import fit

Validate = Callable[[nn.Module], float]
"""Network to validation mIoU (0..1)."""

Progress = Callable[[int, int, float], None]
"""Steps done, steps in all, loss of the last step."""


class Diverged(NotMeasured):
    """A loss or gradient is not finite; the last checkpoint is from before it (exit 4)."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message, then="lower the rates or set clip_norm; the run's last checkpoint is good")
        self.step = step


@dataclass
class State:
    """Where a run is; what a checkpoint holds besides weights and momentum.

    Attributes
    ----------
    step
        Optimiser steps done.
    losses
        Total loss of every step so far.
    curve
        One entry an epoch: ``epoch`` (from 1), ``step``, ``loss``, ``encoder_lr``, ``val_miou``.
    train_s
        Seconds spent in steps, validation and checkpoints aside.
    empty_batches
        Steps whose crops had no labelled pixel.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    train_s: float = 0.0
    empty_batches: int = 0


class Trainer:
    """Trains one network by one recipe and can be stopped and resumed at any step.

    Parameters
    ----------
    recipe, network, criterion
        What is trained; the criterion maps (training output, label) to a dict with ``total``.
    data, statistics
        The training split and what its images are normalised by.
    fabric
        Device and precision.
    folder
        Of the checkpoints.
    run_key
        The run's identity; a checkpoint of another run is never resumed.
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
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.statistics = statistics
        self.fabric = fabric
        self.folder = folder
        self.run_key = run_key
        self.criterion = criterion
        self.network = network.to(memory_format=torch.channels_last)
        if recipe.freeze_encoder_bn:
            _batch_norms_trained(self.network, trained=False)
        optimiser = build_optimiser(self.network, recipe)
        self.model, self.optimiser = fabric.setup(self.network, optimiser)
        self.transform = TrainTransform(recipe.crop, recipe.scale, recipe.flip, fill=statistics.mean_colour())
        self.epoch_steps = steps_per_epoch(len(data), recipe.batch)
        self.state = State()
        self._stop_request = StopRequest()

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * self.epoch_steps

    def train(self, validate: Validate | None, progress: Progress = lambda *_: None) -> State:
        """Train from where the run is to its end.

        Raises
        ------
        Diverged
            Before the update that a loss or gradient that is not finite would make.
        Interrupted
            After SIGINT or SIGTERM: the step is finished and a checkpoint written.
        RefusedInput
            Bad data, or a disk that refuses.
        """
        with stop_requests() as self._stop_request:
            while len(self.state.curve) < self.recipe.epochs:
                # a run stopped at an epoch's last step has that epoch's end still before it
                if len(self.state.curve) == self.state.step // self.epoch_steps:
                    self._epoch(progress)
                self._end_epoch(validate)
                self.save()
        return self.state

    def time_steps(self, count: int) -> list[float]:
        """Return the seconds of the run's first steps; the trainer is of no further use after them."""
        self._training_mode()
        recipe = self.recipe
        epochs = (
            epoch_batches(self.data, self.transform, recipe.batch, seed=recipe.seed, epoch=epoch)
            for epoch in itertools.count()
        )
        seconds = []
        for batch in itertools.islice(itertools.chain.from_iterable(epochs), count):
            started = time.perf_counter()
            self._step(batch)
            seconds.append(time.perf_counter() - started)
        return seconds

    def _epoch(self, progress: Progress) -> None:
        epoch, done = divmod(self.state.step, self.epoch_steps)
        self._training_mode()
        saved_at = time.monotonic()
        recipe = self.recipe
        batches = epoch_batches(
            self.data, self.transform, recipe.batch, seed=recipe.seed, epoch=epoch, start_step=done
        )
        for batch in batches:
            started = time.perf_counter()
            loss = self._step(batch)
            self.state.train_s += time.perf_counter() - started
            self.state.step += 1
            self.state.losses.append(loss)
            progress(self.state.step, self.total_steps, loss)
            if self._stop_request.number is not None:
                self._stop(self._stop_request.number)
            is_last = self.state.step % self.epoch_steps == 0
            if not is_last and time.monotonic() - saved_at > recipe.checkpoint_every_s:
                self.save()
                saved_at = time.monotonic()

    def _step(self, batch: Batch) -> float:
        set_rates(self.optimiser, lr_scale(self.recipe, self.state.step, self.epoch_steps))
        image, label = self._to_device(batch)
        try:
            output = self.model(image)
        except ValueError as error:  # how a network refuses its input
            raise RefusedInput(f"{self.recipe.model}, batch {self.recipe.batch}: {error}") from error
        losses = self.criterion(output, label)
        total = self._finite(losses["total"])
        self.optimiser.zero_grad()
        self.fabric.backward(losses["total"])
        self._clip()
        self.optimiser.step()
        self.state.empty_batches += int(bool((batch.label == IGNORE).all()))
        return total

    def _to_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        image = normalise(batch.image.to(self.fabric.device), self.statistics)
        return image.contiguous(memory_format=torch.channels_last), batch.label.to(self.fabric.device)

    def _finite(self, loss: Tensor) -> float:
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Diverged(f"step {self.state.step}: the loss is {value}", self.state.step)
        return value

    def _clip(self) -> None:
        # without a bound the norm is still taken: it finds a gradient that is not finite before the update
        bound = self.recipe.clip_norm or math.inf
        norm = self.fabric.clip_gradients(
            self.model, self.optimiser, max_norm=bound, error_if_nonfinite=False
        )
        if norm is not None and not math.isfinite(float(norm)):
            raise Diverged(f"step {self.state.step}: the gradient's norm is {float(norm)}", self.state.step)

    def _end_epoch(self, validate: Validate | None) -> None:
        epoch = self.state.step // self.epoch_steps
        every = self.recipe.validate_every
        due = every > 0 and (epoch % every == 0 or epoch == self.recipe.epochs)
        miou = validate(self.network) if validate is not None and due else None
        losses = self.state.losses[-self.epoch_steps :]
        self.state.curve.append(
            {
                "epoch": epoch,
                "step": self.state.step,
                "loss": sum(losses) / len(losses),
                "encoder_lr": self.optimiser.param_groups[0]["lr"],
                "val_miou": miou,
            }
        )

    def _training_mode(self) -> None:
        self.model.train()
        if self.recipe.freeze_encoder_bn:
            _batch_norms_trained(self.network, trained=False)

    def save(self) -> Path | None:
        """Write a checkpoint of this step; None when there is one already."""
        path = self.folder / f"step-{self.state.step:08d}.ckpt"
        if path in checkpoint.checkpoints(self.folder) and checkpoint.latest(self.folder) == path:
            return None
        state = {
            "run_key": self.run_key,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "state": dict(vars(self.state)),
        }
        return checkpoint.save(self.folder, self.state.step, state)

    def resume(self) -> int:
        """Continue from the newest good checkpoint, if there is one, and return the step.

        Raises
        ------
        RefusedInput
            A checkpoint of another run, or one in which something is missing.
        """
        checkpoint.sweep(self.folder)
        path = checkpoint.latest(self.folder)
        if path is None:
            return 0
        saved = checkpoint.load(path)
        missing = {"run_key", "network", "optimiser", "rng", "state"} - set(saved)
        if missing:
            raise RefusedInput(f"{path}: no {', '.join(sorted(missing))} in the checkpoint")
        if saved["run_key"] != self.run_key:
            raise RefusedInput(f"{path}: of run {saved['run_key'][:12]}, this is run {self.run_key[:12]}")
        fit(self.network, saved["network"], path)
        self.optimiser.load_state_dict(saved["optimiser"])
        torch.set_rng_state(saved["rng"])
        self.state = State(**saved["state"])
        return self.state.step

    def _stop(self, number: int) -> None:
        self.save()
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} after step {self.state.step}; checkpoint written",
            number,
            then="the same command resumes the run",
        )


def _batch_norms_trained(network: nn.Module, trained: bool) -> None:
    """Freeze the encoder's batch norms: running statistics in the forward pass, no gradient."""
    encoder = network.get_submodule("encoder")
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(trained)
            for parameter in module.parameters():
                parameter.requires_grad_(trained)
