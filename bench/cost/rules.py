"""The counting rule of the paper's "FLOPs": thop (pytorch-OpCounter) 0.0.22, April to July 2019.

The rule counts neither multiply-adds nor twice that. It is kept with its faults, since the printed costs of
CARNet, RefineNet and Light-Weight RefineNet all follow it: a convolution's bias is multiplied by the input
channels, a max-pool of kernel k costs k and not k*k, functional calls cost nothing.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from torch import Tensor, nn

Rule = Callable[[Any, Tensor, Tensor], int]
"""From (module, its first input, its output) to operations."""


def _conv(module: nn.Conv2d, _: Tensor, output: Tensor) -> int:
    per_channel = prod(module.kernel_size) + (module.bias is not None)
    return module.in_channels * output.numel() * per_channel // module.groups


def _transposed_conv(module: nn.ConvTranspose2d, _: Tensor, output: Tensor) -> int:
    weights = module.in_channels * prod(module.kernel_size) // module.groups
    return output.numel() * (weights + (module.bias is not None))


def _linear(module: nn.Linear, _: Tensor, output: Tensor) -> int:
    return output.numel() * (2 * module.in_features - 1)


def _batch_norm(_: nn.Module, first: Tensor, __: Tensor) -> int:
    return 4 * first.numel()


def _activation(_: nn.Module, first: Tensor, __: Tensor) -> int:
    return first.numel()


def _kernel_operations(module: nn.MaxPool2d | nn.AvgPool2d) -> int:
    """Return k for an int kernel k, and the product of a tuple: the release did not square."""
    kernel = module.kernel_size
    return kernel if isinstance(kernel, int) else prod(kernel)


def _max_pool(module: nn.MaxPool2d, _: Tensor, output: Tensor) -> int:
    return _kernel_operations(module) * output.numel()


def _avg_pool(module: nn.AvgPool2d, _: Tensor, output: Tensor) -> int:
    return (_kernel_operations(module) + 1) * output.numel()


def _adaptive_avg_pool(_: nn.Module, first: Tensor, output: Tensor) -> int:
    window = prod(size // out for size, out in zip(first.shape[2:], output.shape[2:], strict=True))
    return output.numel() * (window + 1)


RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _transposed_conv,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: _activation,
    nn.ReLU6: _activation,
    nn.LeakyReLU: _activation,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.AdaptiveAvgPool2d: _adaptive_avg_pool,
}
"""By exact class; every other module counts 0, also a subclass of one of these."""


def operations(module: nn.Module, first: Tensor, output: Tensor) -> int:
    """Return the operations of one call of a leaf module.

    Args:
        first: The call's first input; only its shape is read.
        output: The call's output; only its shape is read.
    """
    rule = RULES.get(type(module))
    return 0 if rule is None else rule(module, first, output)
