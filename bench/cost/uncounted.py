"""What the counts of a network leave out, found in one pass on the `meta` device: said next to the counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.cost.costs import Counts
from bench.cost.counters import PRICED
from bench.cost.meta import call_hooked, sharing
from bench.cost.rules import RULES

_NAMED_FROM = 0.001
"""Share of the elements touched from which something is named."""
# what has no multiply-adds by any convention; pointwise operations are tagged by torch itself
_WITHOUT_PRODUCTS = re.compile(
    "norm|pool|upsample|pad|index|scatter|gather|select|slice|empty|full|zeros|ones|new_|_like|copy|clone|cat|"
    "stack|split|chunk|roll|flip|repeat|im2col|col2im|shuffle|sum|mean|max|min|softmax|topk|sort|view|strided|"
    "arange|linspace|where|lift|detach|bernoulli|dropout|embedding|prelu|normal_|uniform_|rand|resize|fill|eye|"
    "tri[ul]|nonzero|masked|bucketize|one_hot|std|var|any|all|alias|_record_function|scalar|item|to_dense"
)


class Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Elements read and written by operation, and which parameters are used.

    Attributes:
        touched: Elements by operation; views touch none.
        pointwise: Those of the operations that torch calls pointwise.
        outside: Elements of the priced operations that no module with a rule of thop 0.0.22 makes, by module.
        products: Elements of products that are summed afterwards, as an involution or a correlation does.
        used: Ids of the parameters that an operation has taken.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.touched: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self.pointwise: set[str] = set()
        self.products = 0
        self.used: set[int] = set()
        self.modules: list[nn.Module] = []
        self._multiplied: dict[int, tuple[Tensor, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        self.used.update(id(each) for each in given if isinstance(each, nn.Parameter))
        first = self._multiplied.get(id(given[0])) if given else None
        if func.is_view or func.name().startswith("aten::_unsafe_view"):
            if first is not None and isinstance(result, Tensor):
                self._multiplied[id(result)] = (result, first[1])
            return result
        made = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        elements = sum(each.numel() for each in (*given, *made))
        name = func.name().partition(".")[0]
        self.touched[name] += elements
        if torch.Tag.pointwise in func.tags:
            self.pointwise.add(name)
        if name in ("aten::mul", "aten::mul_"):
            self._multiplied[id(result)] = (result, elements)
        elif name in ("aten::sum", "aten::mean") and first is not None:
            self.products += first[1] + elements
        elif name in PRICED and not (self.modules and type(self.modules[-1]) in RULES):
            self.outside[type(self.modules[-1]).__name__ if self.modules else name] += elements
        return result


def watch(model: nn.Module, inputs: Sequence[Any]) -> Watched:
    """Call a model on the `meta` device and return what its operations touched."""
    found = Watched()

    def enter(module: nn.Module, _: Any) -> None:
        found.modules.append(module)

    def leave(module: nn.Module, *_: Any) -> None:
        if found.modules and found.modules[-1] is module:
            found.modules.pop()

    hooks = []
    for module in model.modules():
        if not isinstance(module, torch.jit.ScriptModule):
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    with found:
        call_hooked(model, inputs, hooks)
    return found


def left_out(found: Watched, counts: Counts) -> list[str]:
    """Return a line per count that leaves something out, each with its share of the elements touched."""
    total = max(found.touched.total(), 1)
    unpriced = Counter({"mul followed by sum": found.products})
    for name, elements in found.touched.items():
        if name not in PRICED | found.pointwise and not _WITHOUT_PRODUCTS.search(name):
            unpriced[name.removeprefix("aten::")] += elements
    of_macs = "" if counts.gmacs is None else _shares(unpriced, total)
    of_thop = "" if counts.thop0022_gops is None else _shares(found.outside, total)
    return [
        *([f"gmacs, gflops: {of_macs} not counted"] if of_macs else []),
        *([f"thop2019_gops, thop0022_gops: {of_thop} not counted"] if of_thop else []),
    ]


def _shares(missed: Counter[str], total: int) -> str:
    named = [
        f"{name} ({elements / total:.1%} of the elements touched)"
        for name, elements in missed.most_common()
        if elements >= _NAMED_FROM * total
    ]
    return ", ".join(named)


def about_parameters(model: nn.Module) -> list[str]:
    """Return a line each on frozen and complex parameters and on tensors that are not registered."""
    lines = []
    weights = {sharing(one): one for one in model.parameters() if not is_lazy(one)}.values()
    frozen = sum(one.numel() for one in weights if not one.requires_grad)
    total = sum(one.numel() for one in weights)
    if frozen:
        lines.append(
            f"params_m: {total / 1e6:.6g} M in all, {(total - frozen) / 1e6:.6g} M of them trainable, "
            f"{frozen / 1e6:.6g} M frozen"
        )
    if complex_ones := [name for name, one in model.named_parameters() if one.is_complex()]:
        number = sum(one.numel() for one in weights if one.is_complex())
        lines.append(
            f"params_m: {number / 1e6:.6g} M complex numbers count once each, as does a product of two: "
            f"{_some(complex_ones)}"
        )
    loose = {
        f"{path}.{name}".lstrip("."): tensors
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (tensors := [each for each in tree_leaves(value) if isinstance(each, Tensor)])
    }
    if loose:
        number = sum(each.numel() for tensors in loose.values() for each in tensors)
        lines.append(
            f"params_m: without {number / 1e6:.6g} M numbers in tensors that are neither parameters nor "
            f"buffers, and so not trained or stored: {_some(list(loose))}"
        )
    return lines


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
