"""Other forms of CARNet's operations, exactly equal, which a processor computes sooner, in torch.

CRP's 5x5 max-pool as a 5x1 and a 1x5 in a row, the mean of an enlarged map from the small one, and the 3x3
classifier by its nine taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from carnet.modules import WIDTH


def separable_pool(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return the maxima of 5x5 neighbourhoods as those of 1x5 ones over those of 5x1 ones."""
    columns = F.max_pool2d(x, (5, 1), stride=1, padding=(2, 0))
    return F.max_pool2d(columns, (1, 5), stride=1, padding=(0, 2))


def shares_in_mean(
    before_hw: tuple[int, int], after_hw: tuple[int, int], *, align_corners: bool
) -> Float[Tensor, "h w"]:
    """Return by how much each pixel of a map counts in the mean of the map enlarged bilinearly; the sum is 1.

    An enlargement is linear along either side, so a pixel counts by what all enlarged ones take of it.
    """
    rows, columns = (
        F.interpolate(
            torch.eye(before, dtype=torch.float64)[None],
            size=after,
            mode="linear",
            align_corners=align_corners,
        ).mean(2)[0]
        for before, after in zip(before_hw, after_hw, strict=True)
    )
    return rows[:, None] * columns


def sum_of_classifiers(
    convs: Sequence[nn.Conv2d], inputs: Sequence[Float[Tensor, "b 256 h w"]]
) -> Float[Tensor, "b c h w"]:
    """Return the sum of 3x3 convolutions to few channels, the first with a bias.

    Under a compiler it is computed by taps, which fuse into one pass there: C channels fill a processor's
    vectors badly, 9*C better. An exported graph keeps the convolutions, for which engines have code.
    """
    is_compiled = torch.compiler.is_compiling() and not torch.compiler.is_exporting()
    if is_compiled and 9 * convs[0].out_channels < WIDTH:
        return sum_by_taps(convs, inputs)
    total: Tensor = convs[0](inputs[0])
    for conv, x in zip(convs[1:], inputs[1:], strict=True):
        total += conv(x)
    return total


def sum_by_taps(
    convs: Sequence[nn.Conv2d], inputs: Sequence[Float[Tensor, "b 256 h w"]]
) -> Float[Tensor, "b c h w"]:
    """Return what 3x3 convolutions padded with zeros add up to, as one 1x1 convolution each to 9*C channels.

    The C channels of a tap are what its weight makes of every pixel; moved by its offset they are added.
    """
    classes, (height, width) = convs[0].out_channels, inputs[0].shape[-2:]
    weights = [
        conv.weight.permute(2, 3, 0, 1).flatten(0, 2)[:, :, None, None] for conv in convs
    ]  # (9c, i, 1, 1)
    taps = F.conv2d(inputs[0], weights[0])
    for weight, x in zip(weights[1:], inputs[1:], strict=True):
        taps = taps + F.conv2d(x, weight)
    padded = F.pad(taps, (1, 1, 1, 1))
    total = cast("Tensor", convs[0].bias)[:, None, None]
    for tap in range(9):
        top, left = divmod(tap, 3)
        channels = slice(tap * classes, (tap + 1) * classes)
        total = total + padded[:, channels, top : top + height, left : left + width]
    return cast("Tensor", written_out(total))


@torch.library.custom_op("carnet::written_out", mutates_args=(), schema="(Tensor x) -> Tensor")
def written_out(x: Tensor) -> Tensor:
    """Return a copy, which a compiler must have written before it continues.

    It would otherwise add up the taps anew for every pixel that the enlargement reads: 14 ms, not 7.
    """
    return x.clone()


@written_out.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)
