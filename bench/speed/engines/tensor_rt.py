"""TensorRT, through torch_tensorrt; a package of its own that the extra ``engines`` does not bring."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.extras import import_extra
from bench.speed.engines.engine import DTYPES, Conditions, Prepared
from bench.speed.engines.module_copy import as_conditions


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Compile a copy of the network for the example's shape.

    Raises:
        UsageError: torch_tensorrt is not installed.
        RefusedInput: TensorRT does not take the network.
    """
    tensorrt = import_extra("torch_tensorrt", None)
    dtype = DTYPES[conditions.precision]
    own = as_conditions(network, example, conditions)
    try:
        with torch.inference_mode(False), torch.no_grad():
            # an image made in inference mode cannot be traced
            compiled = tensorrt.compile(
                own, ir="dynamo", inputs=[example.clone().to(dtype)], enabled_precisions={dtype}
            )
    except Exception as error:
        raise RefusedInput(f"{type(network).__name__}: TensorRT does not take it: {error}") from error
    return Prepared(
        lambda image: compiled(image.to(dtype)).float(), {"torch_tensorrt": str(tensorrt.__version__)}
    )
