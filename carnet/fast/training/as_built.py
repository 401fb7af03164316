"""Whether a module of CARNet is as CARNet builds it, so that it may be a part of a larger operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules import module as every

from carnet.fast.training.pointwise import FastPointwise
from carnet.modules import CARModule

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_ALL = tuple(f"_global{name}" for name in _HOOKS)


def is_as_built(*modules: nn.Module | None, side: int = 1) -> bool:
    """Say whether calling these modules does what their class says and nothing else.

    It does more with a hook, with a ``forward`` of its own, in another class or with other options.

    Args:
        modules: Modules of CARNet; None stands for one that is left out.
        side: Height and width of the kernels of convolutions; those of 3x3 have a bias, those of 1x1 none.
    """
    return not any(getattr(every, name) for name in _HOOKS_OF_ALL) and all(
        module is None
        or (
            _HAS_OPTIONS.get(type(module), _never)(module, side)
            and "forward" not in module.__dict__
            and not any(getattr(module, name) for name in _HOOKS)
        )
        for module in modules
    )


def is_attention_as_built(module: CARModule) -> bool:
    """Say the same of a CARModule and all that Eq. 1 and 2 need of it."""
    parts = [part for name, part in module.named_children() if name not in {"w3", "w3_bn", "w4"}]
    # autograd runs inside the operation and around it: the hook of a parameter would fire twice
    parameters = (parameter for part in parts for parameter in part.parameters())
    return is_as_built(module, *parts) and not any(one._backward_hooks for one in parameters)


def _is_plain(conv: nn.Conv2d, side: int) -> bool:
    size = (conv.kernel_size, conv.padding, conv.bias is None)
    options = (conv.stride, conv.dilation, conv.groups, conv.padding_mode)
    wanted = ((side, side), (side // 2, side // 2), side == 1)
    return size == wanted and options == ((1, 1), (1, 1), 1, "zeros")


def _keeps_size(pool: nn.MaxPool2d, _side: int) -> bool:
    options = (pool.stride, pool.padding, pool.dilation, pool.return_indices, pool.ceil_mode)
    return (pool.kernel_size, *options) == (5, 1, 2, 1, False, False)


def _is_global(pool: nn.AdaptiveAvgPool2d, _side: int) -> bool:
    return pool.output_size == 1


def _always(_module: nn.Module, _side: int) -> bool:
    return True


def _never(_module: nn.Module, _side: int) -> bool:
    return False


_HAS_OPTIONS: dict[type, Callable[[Any, int], bool]] = {
    nn.AdaptiveAvgPool2d: _is_global,
    nn.BatchNorm2d: _always,
    nn.Conv2d: _is_plain,
    FastPointwise: _is_plain,
    nn.MaxPool2d: _keeps_size,
    nn.ReLU: _always,
    nn.ReLU6: _always,
    nn.Sigmoid: _always,
    CARModule: _always,
}
