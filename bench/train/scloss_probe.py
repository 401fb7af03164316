"""What SCLoss (Eq. 5) has learnt at an epoch's end, and how much of the gradient it takes."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from bench.data.dataset import IGNORE
from bench.data.loader import epoch_batches
from bench.data.statistics import normalise
from carnet.loss import CARNetLoss, classes_present, semantic_context_loss
from carnet.model import TrainingOutput

if TYPE_CHECKING:
    from bench.data.loader import Batch
    from bench.train.loop import Trainer

PROBED_BATCHES = 2
"""Batches of one probe; each costs two forward and two backward passes."""


def probe_scloss(trainer: Trainer) -> dict[str, Any] | None:
    """Return the probe of a trainer's network as its record holds it; None without an SCLoss term.

    A copy of the network in training mode sees the first batches of the epoch after the recipe's last: crops
    that the run never trains on, the same at every probe. The run's own weights, statistics and chance are
    not touched, so a run with probes ends in the same bits as one without.
    """
    recipe = trainer.recipe
    batches = epoch_batches(
        trainer.data,
        trainer.transform,
        trainer.recipe.batch,
        seed=recipe.seed,
        epoch=recipe.epochs,
        device=trainer.fabric.device,
    )
    probed = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # for the copy's dropout
        for batch in itertools.islice(batches, PROBED_BATCHES):
            found = _probe(copy.deepcopy(trainer.network), batch, trainer)
            if found is None:
                return None
            probed.append(found)
    return {key: _mean([one[key] for one in probed]) for key in probed[0]}


def _probe(network: nn.Module, batch: Batch, trainer: Trainer) -> dict[str, Any] | None:
    recipe, device = trainer.recipe, trainer.fabric.device
    network.train()
    image = normalise(batch.image.to(device), trainer.update.statistics)
    image = image.contiguous(memory_format=torch.channels_last)
    label = batch.label.to(device)
    output = network(image)
    if not isinstance(output, TrainingOutput) or not output.semantics:
        return None
    loss = CARNetLoss(recipe.scloss_weight, recipe.scloss_form)
    parameters = [one for one in network.parameters() if one.requires_grad]
    pixel = _gradient(loss(output, label)["pixel"], parameters)
    # a second forward pass: the fast form's operations run backward once
    output = network(image)
    semantic = _gradient(recipe.scloss_weight * loss(output, label)["semantic"], parameters)
    total = pixel + semantic
    norm = total.norm()
    present = classes_present(label, output.logits.shape[1])
    labelled = (label != IGNORE).flatten(1).any(dim=1)
    sigma = [logits.detach().sigmoid() for logits in output.semantics]
    return {
        "semantic_loss": [
            semantic_context_loss(logits.detach(), present, recipe.scloss_form).item()
            for logits in output.semantics
        ],
        "present": [_mean_where(one, (present == 1) & labelled[:, None]) for one in sigma],
        "absent": [_mean_where(one, (present == 0) & labelled[:, None]) for one in sigma],
        "pixel_gradient_norm": pixel.norm().item(),
        "scloss_gradient_norm": semantic.norm().item(),
        "scloss_share": (semantic @ total / norm**2).item() if norm > 0 else None,
        "clip_factor": min(1.0, recipe.clip_norm / norm.item()) if recipe.clip_norm and norm > 0 else 1.0,
    }


def _gradient(loss: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    """Return the gradient as one vector in double precision, 0 for what the loss does not reach."""
    if not loss.requires_grad:
        return torch.zeros(sum(one.numel() for one in parameters), dtype=torch.float64, device=loss.device)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    parts = [
        (torch.zeros_like(one) if gradient is None else gradient).flatten().double()
        for one, gradient in zip(parameters, found, strict=True)
    ]
    return torch.cat(parts)


def _mean_where(values: Tensor, where: Tensor) -> float | None:
    return values[where].mean().item() if where.any() else None


def _mean(values: list[Any]) -> Any:
    """Return the mean over the batches, of lists place by place; None where no batch has a value."""
    if isinstance(values[0], list):
        return [_mean(list(one)) for one in zip(*values, strict=True)]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
