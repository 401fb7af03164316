"""Whether the C of this folder computes here what torch does: each function once, on small maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

_IMAGES, _HEIGHT, _WIDTH, _CHANNELS = 2, 7, 6, 37
_PIXELS = _HEIGHT * _WIDTH
_BOUNDS = (-0.6, 0.7)

Call = Callable[..., bool]
"""Called with a function's name and its arguments."""


def computes_as_torch(call: Call) -> bool:
    """Say whether forward and backward of norm, fusion and pool are torch's."""
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
        return _norms(call) and _fuses(call) and _pools(call)


def _norms(call: Call) -> bool:
    x, gradient = _waves(7.0, _IMAGES * _PIXELS, _CHANNELS), _waves(11.0, _IMAGES * _PIXELS, _CHANNELS)
    weight, bias, mean, var = (_waves(n, _CHANNELS) + 1.5 for n in (3.0, 5.0, 9.0, 13.0))
    inputs = [one.double().requires_grad_() for one in (x, weight, bias)]
    wanted_mean, wanted_var = mean.double(), var.double()
    wide, wide_weight, wide_bias = inputs
    y = F.batch_norm(wide, wanted_mean, wanted_var, wide_weight, wide_bias, True, 0.1, 0.3).clamp(*_BOUNDS)
    wanted = (y, *torch.autograd.grad(y, inputs, gradient.double()), wanted_mean, wanted_var)
    out, of_x, inverse, kept = (
        torch.empty_like(one) for one in (x, x, bias.double(), _waves(1.0, 3, _CHANNELS))
    )
    of_weight, of_bias = torch.empty_like(weight), torch.empty_like(bias)
    sizes = (*_BOUNDS, *x.shape)
    return (
        call("carnet_norm", x, weight, bias, mean, var, 0.1, 0.3, out, inverse, kept, *sizes)
        and call("carnet_norm_backward", x, gradient, inverse, kept, of_x, of_weight, of_bias, *sizes)
        and _are_near((out, of_x, of_weight, of_bias, mean, var), wanted)
    )


def _fuses(call: Call) -> bool:
    low, high, gradient = (_waves(n, _IMAGES, _PIXELS, _CHANNELS) for n in (7.0, 11.0, 3.0))
    sigma, of_mean_low, of_mean_high = (_waves(n, _IMAGES, _CHANNELS) for n in (5.0, 9.0, 13.0))
    inputs = [one.double().requires_grad_() for one in (low, high, sigma)]
    y = (inputs[1] + inputs[2][:, None] * inputs[0]).clamp(*_BOUNDS)
    of_low, of_high, of_sigma = torch.autograd.grad(y, inputs, gradient.double())
    wanted = (y, of_sigma, of_low + of_mean_low[:, None], of_high + of_mean_high[:, None])
    found = [torch.empty_like(one) for one in (low, sigma.double(), low, high)]
    sizes = (*_BOUNDS, *low.shape)
    means = (of_mean_low, of_mean_high)
    return (
        call("carnet_fusion", low, high, sigma, found[0], *sizes)
        and call("carnet_fusion_sums", gradient, found[0], low, found[1], *sizes)
        and call("carnet_fusion_backward", gradient, found[0], sigma, *means, *found[2:], *sizes)
        and _are_near(found, wanted)
    )


def _pools(call: Call) -> bool:
    x, gradient, beside = (_waves(n, _IMAGES, _HEIGHT, _WIDTH, _CHANNELS) for n in (7.0, 11.0, 3.0))
    x[1, 3, 2, 5] = math.nan
    wide = x.permute(0, 3, 1, 2).double().requires_grad_()
    y = F.max_pool2d(wide, 5, stride=1, padding=2)
    (of_x,) = torch.autograd.grad(y, wide, gradient.permute(0, 3, 1, 2).double())
    out, total = torch.empty_like(x), torch.empty_like(x)
    rows, columns = (torch.empty(x.shape, dtype=torch.uint8, device="cpu") for _ in range(2))
    return (
        call("carnet_pool", x, out, rows, columns, *x.shape)
        and call("carnet_pool_backward", gradient, rows, columns, beside, total, *x.shape)
        and _are_near((out, total), (y.permute(0, 2, 3, 1), of_x.permute(0, 2, 3, 1) + beside))
    )


def _waves(rate: float, *shape: int) -> Tensor:
    """Return numbers of -1 to 1 without a random state: none of theirs lies near a bound by chance."""
    count = torch.arange(math.prod(shape), dtype=torch.float64, device="cpu")
    return torch.sin(rate * count).float().view(shape)


def _are_near(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> bool:
    pairs = zip(found, wanted, strict=True)
    return all(
        torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-4, equal_nan=True)
        for one, other in pairs
    )
