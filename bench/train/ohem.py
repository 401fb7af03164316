"""Online hard example mining: only the pixels that are not yet learned count in the pixels' loss.

L = mean of -log p over {pixels with p < threshold}, p the probability of the pixel's true class; never over
fewer than the ``min_kept`` pixels of least p (Shrivastava et al., CVPR 2016; over pixels as Wu et al.,
arXiv:1605.06885).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from bench.data.dataset import IGNORE


class HardPixels(nn.Module):
    """Another criterion with its part ``pixel`` taken over the hard pixels of the first output only.

    Auxiliary outputs keep every pixel.

    Args:
        criterion: Criterion whose losses hold ``total`` and ``pixel``.
        threshold: Largest probability of a hard pixel's true class, 0 < threshold < 1.
        min_kept: Fewest pixels that count per forward pass (all its images on one device).
    """

    def __init__(self, criterion: nn.Module, threshold: float, min_kept: int) -> None:
        super().__init__()
        self.criterion = criterion
        self.threshold = threshold
        self.min_kept = min_kept

    def forward(self, output: object, label: Integer[Tensor, "b h w"]) -> Mapping[str, Float[Tensor, ""]]:
        """Return the criterion's losses with ``pixel`` and ``total`` over the hard pixels.

        Raises:
            ValueError: The criterion has no part ``pixel``.
        """
        losses: dict[str, Tensor] = dict(self.criterion(output, label))
        if "pixel" not in losses:
            have = ", ".join(losses)
            raise ValueError(f"ohem_threshold needs a loss with the part 'pixel'; found {have}")
        logits = first_logits(output)
        hard = hard_pixel_loss(logits, label_at(label, logits), self.threshold, self.min_kept)
        # the plain part cancels: its gradient is that of x - x, exactly 0
        return {**losses, "total": losses["total"] - losses["pixel"] + hard, "pixel": hard}


def hard_pixel_loss(
    logits: Float[Tensor, "b c h w"], label: Integer[Tensor, "b h w"], threshold: float, min_kept: int
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of the hard pixels; 0 with gradient 0 when no pixel has a label."""
    costs = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="none")[label != IGNORE]
    hard = costs[costs > -math.log(threshold)]
    if hard.numel() < min_kept:
        hard = torch.topk(costs, min(min_kept, costs.numel())).values
    return hard.sum() / max(1, hard.numel())


def first_logits(output: object) -> Tensor:
    """Return the main logits of a training output: itself, its first, or its field ``logits``."""
    found = getattr(output, "logits", output[0] if isinstance(output, tuple) else output)
    if not isinstance(found, Tensor):
        raise ValueError(f"in training mode the network returned a {type(output).__name__} without logits")
    return found


def label_at(label: Integer[Tensor, "b H W"], logits: Float[Tensor, "b c h w"]) -> Integer[Tensor, "b h w"]:
    """Return the label at the logits' own resolution, by nearest neighbour."""
    if logits.shape[-2:] == label.shape[-2:]:
        return label
    label = F.interpolate(label[:, None].float(), size=logits.shape[-2:], mode="nearest-exact")[:, 0]
    return label.to(torch.int64)
