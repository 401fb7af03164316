"""The two numbers by which a list of methods is read, counted quickly: parameters and multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - the name that torch's own documentation uses
from torch.overrides import TorchFunctionMode

from baselines.method import Method
from bench.cost.count import params
from bench.cost.counters import CounterFailed, flop_counter_macs
from bench.cost.meta import build_on_meta, without_gradients
from bench.errors import BenchError
from bench.own.guard import user_code
from bench.torch_settings import settings_kept


@dataclass(frozen=True)
class Brief:
    """Parameters and multiply-adds of a method at its own size and classes; None is "not counted".

    Attributes:
        params_m: Learnable numbers, with the parts that run in training only, in 1e6.
        gmacs: Multiply-adds of convolutions and matrix products, in 1e9.
        note: Why a number is missing.
    """

    params_m: float | None
    gmacs: float | None
    note: str | None = None


def brief(method: Method) -> Brief:
    """Count a method in one pass on the `meta` device; it never fails, so that a list is whole.

    One counter is asked where ``count_costs`` wants two that agree: they do for every method of the registry
    (tested), and the list takes half the time.
    """
    with settings_kept([]):
        return _brief(method)


def _brief(method: Method) -> Brief:
    try:
        network, _ = build_on_meta(method, method.num_classes)
    except BenchError as error:
        return Brief(None, None, str(error))
    try:
        with user_code("counting", method), _NoBatchNorm(), without_gradients(network):
            macs = flop_counter_macs(network, (torch.empty(1, 3, *method.size_hw, device="meta"),)).total()
    # a user's network may raise anything
    except Exception as error:
        known = isinstance(error, CounterFailed | BenchError)
        said = str(error) if known else f"{type(error).__name__}: {error}"
        height, width = method.size_hw
        note = f"{method.name}: not counted at {height}x{width}, {said}"
        return Brief(params([network]) / 1e6, None, note)
    return Brief(params([network]) / 1e6, macs / 1e9)


class _NoBatchNorm(TorchFunctionMode):
    """Leaves batch norms out, which have no multiply-adds here: half of the counter's time goes to them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.batch_norm:
            return args[0] if args else kwargs["input"]
        return func(*args, **(kwargs or {}))
