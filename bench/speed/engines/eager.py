"""PyTorch as it is: operator by operator, in the layout of the example."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.speed.engines.engine import DTYPES, Conditions, Prepared
from bench.speed.engines.module_copy import as_conditions, c_code_of


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Return the network itself in fp32, else a copy in the precision, with the conversions around it."""
    own = as_conditions(network, example, conditions)
    dtype, versions = DTYPES[conditions.precision], c_code_of(own, conditions)
    if dtype == torch.float32:
        return Prepared(own, versions)
    return Prepared(lambda image: own(image.to(dtype)).float(), versions)
