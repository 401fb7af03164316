"""torch.compile: static shapes, weights frozen into the code where that is right, so laid out once."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.speed.engines.engine import DTYPES, Conditions, Prepared
from bench.speed.engines.module_copy import as_conditions, c_code_of


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Compile a copy of the network and run it once, so that no compilation falls into a sample.

    Raises:
        RefusedInput: The compiler fails, e.g. without a C++ compiler.
    """
    import torch._inductor.config as inductor  # noqa: PLC0415 - takes a second, and only this engine needs it

    dtype = DTYPES[conditions.precision]
    own = as_conditions(network, example, conditions)
    compiled = torch.compile(own, dynamic=False)

    def infer(image: Tensor) -> Tensor:
        logits: Tensor = compiled(image) if dtype == torch.float32 else compiled(image.to(dtype)).float()
        return logits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler about itself
        try:
            # not by torch.compile's own options: those come too late to lay the weights out
            with torch.inference_mode(), inductor.patch(freezing=may_freeze(own)):
                infer(example)
        except Exception as error:
            said = str(error).strip().partition("\n")[0]
            raise RefusedInput(
                f"{type(network).__name__}: torch.compile fails: {type(error).__name__}: {said}"
            ) from error
    return Prepared(infer, c_code_of(own, conditions))


def may_freeze(network: nn.Module) -> bool:
    """Return whether the compiler folds a network's batch norms rightly where it freezes the weights.

    It scales the first axis of the weight: the output channels of a convolution, but the input channels of
    a transposed one; it notices only where their numbers differ (torch 2.14,
    ``_inductor/fx_passes/binary_folding.py``).
    """
    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    return not any(
        isinstance(module, transposed) and module.in_channels == module.out_channels
        for module in network.modules()
    )
