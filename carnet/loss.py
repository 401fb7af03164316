"""The losses: Eq. 3 (total), Eq. 4 (pixels), Eq. 5 (semantic context)."""

from typing import Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from carnet.model import TrainingOutput

IGNORE = 255
SCLossForm = Literal["paper", "bce"]


class CARNetLoss(nn.Module):
    """l_total = l_p + lambda * sum_n l_s^n, Eq. 3.

    Args:
        scloss_weight: lambda; the paper uses 0.2.
        scloss_form: ``paper``: -sum_i v_i log sigma_i as printed in Eq. 5, which has no term for absent
            classes and so is smallest when every class is predicted present. ``bce``: both terms of the
            binary cross-entropy.
    """

    def __init__(self, scloss_weight: float = 0.2, scloss_form: SCLossForm = "paper") -> None:
        super().__init__()
        if scloss_form not in ("paper", "bce"):
            raise ValueError(f"scloss_form is '{scloss_form}'; have paper, bce")
        self.scloss_weight = scloss_weight
        self.scloss_form = scloss_form

    def forward(
        self, output: TrainingOutput, label: Integer[Tensor, "b h w"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return ``total`` and its parts ``pixel`` and ``semantic`` (the sum over modules, before lambda)."""
        pixel = pixel_loss(output.logits, label)
        semantic = pixel.new_zeros(())
        if output.semantics:
            present = classes_present(label, output.logits.shape[1])
            for logits in output.semantics:
                semantic = semantic + semantic_context_loss(logits, present, self.scloss_form)
        total = pixel + self.scloss_weight * semantic if self.scloss_weight else pixel
        return {"total": total, "pixel": pixel, "semantic": semantic}


def pixel_loss(logits: Float[Tensor, "b c h w"], label: Integer[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Return the cross-entropy of Eq. 4 as a mean over labelled pixels.

    Eq. 4 prints a sum, next to which lambda = 0.2 would weigh nothing. A batch without a labelled pixel has
    loss 0 and gradient 0, where the plain mean would be NaN.
    """
    total = F.cross_entropy(logits, label, ignore_index=IGNORE, reduction="sum")
    return total / (label != IGNORE).sum().clamp(min=1)


def semantic_context_loss(
    semantics: Float[Tensor, "b c"], present: Float[Tensor, "b c"], form: SCLossForm = "paper"
) -> Float[Tensor, ""]:
    """Return Eq. 5 of one CARModule: a sum over classes, averaged over the batch."""
    loss = -present * F.logsigmoid(semantics)
    if form == "bce":
        loss = loss - (1 - present) * F.logsigmoid(-semantics)
    return loss.sum(dim=1).mean()


def classes_present(label: Integer[Tensor, "b h w"], num_classes: int) -> Float[Tensor, "b c"]:
    """Return v of Eq. 5: 1 where the class occurs in the crop, 255 never counted."""
    present = torch.zeros(label.shape[0], 256, device=label.device)
    present.scatter_(1, label.flatten(1), 1.0)
    return present[:, :num_classes]
