"""The two rates over time: a function of the step alone, so that resuming needs no state."""

from __future__ import annotations

import math

import torch
from torch import nn

from bench.errors import RefusedInput
from bench.train.recipe import Recipe


def lr_scale(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the factor on both initial rates at a step (counted from 0).

    ``step``: the paper's halving (or "reduction by one-fifth") at each 100 epochs, Section IV.A. ``poly`` and
    ``cosine`` count from the first step of all, so that a warm-up only covers their beginning.
    """
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    if recipe.schedule == "step":
        return math.pow(recipe.lr_factor, step // steps_per_epoch // recipe.lr_every_epochs)
    # never negative, or the power would be a complex number
    left = max(0.0, 1 - step / (recipe.epochs * steps_per_epoch))
    if recipe.schedule == "cosine":
        return (1 - math.cos(math.pi * left)) / 2
    return math.pow(left, recipe.poly_power)


def build_optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return SGD with two groups, ``encoder`` and ``decoder`` (Section IV.A).

    Raises:
        RefusedInput: The network has no part named ``encoder`` while the two rates differ.
    """
    encoder = getattr(network, "encoder", None)
    if encoder is None and recipe.encoder_lr != recipe.decoder_lr:
        raise RefusedInput(
            f"{recipe.model} has no 'encoder', so encoder_lr = {recipe.encoder_lr} and decoder_lr = "
            f"{recipe.decoder_lr}: expected equal rates"
        )
    of_encoder = [] if encoder is None else [one for one in encoder.parameters() if one.requires_grad]
    taken = {id(parameter) for parameter in of_encoder}
    rest = [one for one in network.parameters() if one.requires_grad and id(one) not in taken]
    groups = [
        {"params": parameters, "lr": rate, "initial_lr": rate}
        for parameters, rate in ((of_encoder, recipe.encoder_lr), (rest, recipe.decoder_lr))
        if parameters
    ]
    return torch.optim.SGD(groups, momentum=recipe.momentum, weight_decay=recipe.weight_decay)


def set_rates(optimiser: torch.optim.Optimizer, scale: float) -> None:
    """Set each group's rate to its initial rate times ``scale``."""
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * scale
