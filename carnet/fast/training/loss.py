"""The losses of Eq. 3 from logits in channels last, which torch's cross-entropy would first lay out anew."""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from carnet.fast.training.library import computes_in_c
from carnet.loss import IGNORE, CARNetLoss, classes_present, semantic_context_loss
from carnet.model import TrainingOutput


class FastCARNetLoss(CARNetLoss):
    """A `CARNetLoss` that takes the pixels of channels-last logits as rows of one matrix.

    It needs no C, but is for the same maps, so that without a compiler all is torch's to the last bit.
    """

    def forward(
        self, output: TrainingOutput, label: Integer[Tensor, "b h w"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return what `CARNetLoss` does."""
        logits = output.logits
        if not computes_in_c(logits):
            return super().forward(output, label)
        pixel = pixel_loss_of_rows(logits.permute(0, 2, 3, 1).flatten(0, 2), label.flatten())
        semantic = pixel.new_zeros(())
        if output.semantics:
            present = classes_present(label, logits.shape[1])
            losses = [semantic_context_loss(one, present, self.scloss_form) for one in output.semantics]
            semantic = torch.stack(losses).sum()
        total = pixel + self.scloss_weight * semantic if self.scloss_weight else pixel
        return {"total": total, "pixel": pixel, "semantic": semantic}


def pixel_loss_of_rows(
    logits: Float[Tensor, "pixels c"], label: Integer[Tensor, " pixels"]
) -> Float[Tensor, ""]:
    """Return what `carnet.loss.pixel_loss` does."""
    total = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="sum")
    return total / (label != IGNORE).sum().clamp(min=1)
