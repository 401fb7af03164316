"""A network in another layout or precision, without touching the one that it came from."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from bench.speed.engines.engine import DTYPES, Conditions


def as_conditions(network: nn.Module, example: Tensor, conditions: Conditions) -> nn.Module:
    """Return a copy with the layout of the example and the precision of the conditions.

    The weights are ordinary tensors, whatever mode this is called in: compilers do not take those made in
    inference mode.
    """
    with torch.inference_mode(False):
        own = copy.deepcopy(network).eval().requires_grad_(False)
        return own.to(DTYPES[conditions.precision]).to(memory_format=layout_of(example))


def c_code_of(network: nn.Module, conditions: Conditions) -> dict[str, str]:
    """Return what made the C that a deployed CARNet computes with, as a version of the engine."""
    compiler = getattr(network, "c_compiler", None)
    uses_it = conditions.device.type == "cpu" and conditions.precision in ("fp32", "bf16")
    return {"carnet.fast.one_pass_pool": str(compiler)} if compiler is not None and uses_it else {}


def layout_of(image: Tensor) -> torch.memory_format:
    """Return channels_last or contiguous_format, whichever the image (b, 3, h, w) is in."""
    return torch.contiguous_format if image.is_contiguous() else torch.channels_last
