"""The label at the resolution of an output."""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def label_at(label: Integer[Tensor, "b H W"], logits: Float[Tensor, "b c h w"]) -> Integer[Tensor, "b h w"]:
    """Return the label at the logits' own resolution, by nearest neighbour."""
    if logits.shape[-2:] == label.shape[-2:]:
        return label
    label = F.interpolate(label[:, None].float(), size=logits.shape[-2:], mode="nearest-exact")[:, 0]
    return label.to(torch.int64)
