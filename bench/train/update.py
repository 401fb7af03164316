"""One step: forward and backward of each part of the batch, then one update or none."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench.data.dataset import IGNORE
from bench.data.loader import Batch
from bench.data.statistics import Statistics, normalise
from bench.errors import RefusedInput
from bench.train.failures import Diverged
from bench.train.kernels import records_steps
from bench.train.ranks import agreed
from bench.train.recipe import Recipe
from bench.train.step_graph import StepGraph

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Outcome:
    """What a step came to.

    Attributes:
        loss: Total loss over all images of the step.
        empty: Whether no pixel of it has a label.
        skipped: Whether its gradients overflowed in 16-bit floats: the loss scale was lowered and nothing
            updated.
    """

    loss: float
    empty: bool
    skipped: bool


@dataclass(frozen=True)
class Update:
    """The optimiser's step on a batch.

    Attributes:
        recipe: Recipe with ``accumulate`` and ``clip_norm``.
        model, optimiser: Model and optimiser as set up by Fabric.
        criterion: Maps (training output, label) to ``total`` and its parts.
        statistics: Statistics that normalise images.
        fabric: Device, precision and strategy.
    """

    recipe: Recipe
    model: nn.Module
    optimiser: torch.optim.Optimizer
    criterion: nn.Module
    statistics: Statistics
    fabric: Fabric

    @property
    def _scaler(self) -> torch.amp.GradScaler | None:
        return getattr(self.fabric.strategy.precision, "scaler", None)

    def __call__(self, batch: Batch, step: int) -> Outcome:
        """Do one step (counted from 0) on this process's share of the batch.

        Raises:
            Diverged: Before the update that a loss or gradient that is not finite would make.
            RefusedInput: The network refuses its input, or the criterion the network's output.
        """
        labelled = int((batch.label != IGNORE).sum())
        all_labelled = agreed(self.fabric, labelled)
        self.optimiser.zero_grad()
        total = self._gradients(batch, all_labelled)
        # one wait for the device instead of two
        loss, norm = torch.stack([total, self._gradient_norm()]).tolist()
        loss = agreed(self.fabric, loss) / self.fabric.world_size
        if not math.isfinite(loss):
            raise Diverged(f"step {step}: the loss is {loss}", step)
        overflow = not math.isfinite(norm)
        if overflow and (self._scaler is None or self._scaler.get_scale() <= 1):
            raise Diverged(f"step {step}: the gradient's norm is {norm}", step)
        self.optimiser.step()
        return Outcome(loss, empty=all_labelled == 0, skipped=overflow)

    def _gradients(self, batch: Batch, all_labelled: float) -> Tensor:
        """Add up the gradients of the batch's parts, and return the loss."""
        if self._graph is not None:
            return self._graph(self._input(batch.image), batch.label.to(self.fabric.device))
        parts = self.recipe.accumulate
        size = len(batch.label) // parts
        weighed = parts * self.fabric.world_size > 1
        totals: list[Tensor] = []
        images, labels = torch.split(batch.image, size), torch.split(batch.label, size)
        for part, (image, label) in enumerate(zip(images, labels, strict=True)):
            # the gradients of several processes meet once, in the last part
            with self.fabric.no_backward_sync(self.model, enabled=part < parts - 1):  # type: ignore[arg-type]
                losses = self._losses(self._input(image), label.to(self.fabric.device))
                loss = self._weighed(losses, label, all_labelled) if weighed else losses["total"]
                self.fabric.backward(loss)
            totals.append(loss.detach())
        return totals[0] if parts == 1 else torch.stack(totals).sum()

    @functools.cached_property
    def _graph(self) -> StepGraph | None:
        return (
            StepGraph(self._of_whole_batch, self.model) if records_steps(self.recipe, self.fabric) else None
        )

    def _of_whole_batch(self, image: Tensor, label: Tensor) -> Tensor:
        total = self._losses(image, label)["total"]
        self.fabric.backward(total)
        return total.detach()

    def _input(self, image: Tensor) -> Tensor:
        image = normalise(image.to(self.fabric.device), self.statistics)
        return image.contiguous(memory_format=torch.channels_last)

    def _losses(self, image: Tensor, label: Tensor) -> Mapping[str, Tensor]:
        try:
            losses: Mapping[str, Tensor] = self.criterion(self.model(image), label)
        except ValueError as error:
            raise RefusedInput(f"{self.recipe.model}, batch {self.recipe.batch}: {error}") from error
        return losses

    def _weighed(self, losses: Mapping[str, Tensor], label: Tensor, all_labelled: float) -> Tensor:
        """Return a part's loss, weighed so that the parts' sum is the loss of the whole batch.

        A mean over labelled pixels is weighed by the part's share of those, a mean over images (SCLoss,
        Eq. 5) by its share of images. Gradients of processes are averaged, so theirs count ``ranks`` times.
        """
        ranks = self.fabric.world_size
        by_image = 1 / (self.recipe.accumulate * ranks)
        by_pixel = int((label != IGNORE).sum()) / all_labelled if all_labelled else by_image
        total = losses["total"]
        pixels = losses["pixel"] + losses.get("auxiliary", 0) if "pixel" in losses else total
        return ranks * (by_image * total + (by_pixel - by_image) * pixels)

    def _gradient_norm(self) -> Tensor:
        """Clip the gradient if the recipe bounds it, and return its norm before that."""
        if self.recipe.clip_norm:
            norm = self.fabric.clip_gradients(
                self.model, self.optimiser, max_norm=self.recipe.clip_norm, error_if_nonfinite=False
            )
            if norm is not None:
                return norm
        # without a bound it is taken all the same: it finds a gradient that is not finite before the update
        if self._scaler is not None:
            self._scaler.unscale_(getattr(self.optimiser, "optimizer", self.optimiser))
        gradients = [p.grad for g in self.optimiser.param_groups for p in g["params"] if p.grad is not None]
        return torch.nn.utils.get_total_norm(gradients)
