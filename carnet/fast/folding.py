"""Exact folds: what is linear in a row becomes one convolution."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from carnet.encoder import InvertedResidual, MobileNetV2
from carnet.modules import Adjustment, GlobalBranch


def folded(conv: nn.Conv2d, bn: nn.BatchNorm2d) -> nn.Conv2d:
    """Return one convolution for a bias-free one and the BN after it, with the running statistics."""
    mean, variance = cast("Tensor", bn.running_mean).double(), cast("Tensor", bn.running_var).double()
    scale = (variance + bn.eps).rsqrt() * bn.weight.double()
    bias = bn.bias.double() - mean * scale
    return convolution(conv.weight.double() * scale[:, None, None, None], bias, conv)


def in_a_row(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """Return one convolution for a 1x1 one and the one after it.

    If the second pads with zeros, the first must have no bias: its output outside of the map is 0 then too.
    """
    before, after = first.weight.flatten(1).double(), second.weight.double()
    bias = None if second.bias is None else second.bias.double()
    if first.bias is not None:
        through = after.sum((2, 3)) @ first.bias.double()
        bias = through if bias is None else bias + through
    return convolution(torch.einsum("omhw,mi->oihw", after, before), bias, second)


def convolution(weight: Tensor, bias: Tensor | None, like: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution with these weights, the geometry and the number type of another."""
    out_channels, width_of_group = weight.shape[:2]
    conv = nn.Conv2d(
        width_of_group * like.groups,
        out_channels,
        like.kernel_size,  # type: ignore[arg-type]
        like.stride,  # type: ignore[arg-type]
        like.padding,  # type: ignore[arg-type]
        groups=like.groups,
        bias=bias is not None,
        device="meta",  # no start to compute: the weights follow
    )
    conv.weight = nn.Parameter(weight.to(like.weight.dtype))
    if bias is not None:
        conv.bias = nn.Parameter(bias.to(like.weight.dtype))
    return conv


def folded_encoder(encoder: nn.Module) -> nn.Module:
    """Return a copy whose every BN is in the convolution before it: the two are registered in that order."""
    copied = copy.deepcopy(encoder)
    for module in list(copied.modules()):
        before: tuple[str, nn.Module] | None = None
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d) and before is not None and isinstance(before[1], nn.Conv2d):
                setattr(module, before[0], folded(before[1], child))
                setattr(module, name, nn.Identity())
            before = name, child
    return copied


def folded_paths(adjustment: Adjustment) -> list[nn.Module]:
    """Return an adjustment's paths, two convolutions in a row as one; with a ReLU between they stay two."""
    paths = []
    for path in adjustment.convs:
        children = list(path.children())
        is_cascade = len(children) == 2
        paths.append(in_a_row(*cast("list[nn.Conv2d]", children)) if is_cascade else copy.deepcopy(path))
    return paths


def folded_global(branch: GlobalBranch) -> nn.Module:
    """Return the global branch after its mean: one convolution, or two where that is cheaper."""
    squeeze, expand = folded(branch.squeeze, branch.squeeze_bn), folded(branch.expand, branch.expand_bn)
    one = in_a_row(squeeze, expand)
    is_cheaper = one.weight.numel() <= squeeze.weight.numel() + expand.weight.numel()
    return one if is_cheaper else nn.Sequential(squeeze, expand)


def compose_last_projection(encoder: MobileNetV2, paths: list[nn.Module]) -> None:
    """Compose the last block's projection, which is linear, has no shortcut and no other use, with its path.

    The encoder's last map is the adjusted one then.
    """
    block = cast("InvertedResidual", cast("nn.Sequential", encoder.blocks[-1])[-1])
    block.conv_pwl = in_a_row(block.conv_pwl, cast("nn.Conv2d", paths[-1]))
    paths[-1] = nn.Identity()
