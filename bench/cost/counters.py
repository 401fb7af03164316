"""Four ways to count one forward pass of a module; on `meta` tensors none does arithmetic.

``thop2019_ops``  the paper's rule (``rules.py``)
``flop_counter_macs``  torch's ``FlopCounterMode`` halved
``aten_macs``  ptflops' ``aten`` backend, which shares no code with torch's
``ptflops_macs``  ptflops' default backend, as most people run it
"""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from bench.cost.meta import call_hooked, on_meta
from bench.cost.rules import operations

CallsAs = Mapping[tuple[str, int], str | None]
"""(module name, index of its call) -> the name of the module to which the count attributes that call.

None makes the call a functional one, which the rule does not see.
"""

_PLAIN_NAMESPACES = ("aten", "prim", "prims", "profiler")


def _each_weight_once(_: Any, weight: Any, *__: Any, out_shape: Any = None, **___: Any) -> int:
    """Return the FLOPs of an operation that uses each weight of an output channel once for each output."""
    flops: int = 2 * prod(out_shape) * prod(weight[1:])
    return flops


# (b, in_1), (out, in_1, in_2), (b, in_2) -> (b, out), and a convolution whose input is sampled elsewhere: the
# sampling is an interpolation, which has no multiply-adds here
_OWN_PRICES = ("aten::_trilinear", "torchvision::deform_conv2d")
PRICED = frozenset({*(str(operation).replace(".", "::") for operation in flop_registry), *_OWN_PRICES})
"""Names of the operations whose multiply-adds are counted."""


def _own_prices() -> Iterator[Any]:
    """Yield the operations of `_OWN_PRICES` that are loaded."""
    for name in _OWN_PRICES:
        namespace, _, operation = name.partition("::")
        if hasattr(getattr(torch.ops, namespace), operation):
            yield getattr(getattr(torch.ops, namespace), operation)


class CounterFailed(Exception):  # noqa: N818
    """A counter gave no number; the message says why."""


def thop2019_ops(model: nn.Module, inputs: Sequence[Any], calls_as: CallsAs | None = None) -> int:
    """Return the operations of ``model(*inputs)`` after the rule of thop 0.0.22.

    Only leaf modules are seen. The hook of that release assigns: of a module called several times, the last
    call alone counts.

    Args:
        calls_as: Calls to attribute to another module than the one that made them, for a network whose
            authors shared modules where ours does not.
    """
    _require_modules(model)
    attribution = calls_as or {}
    counted: dict[str, int] = {}
    calls: Counter[str] = Counter()

    def hook_for(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            counted_as = attribution.get((name, calls[name]), name)
            calls[name] += 1
            first = args[0] if args else next(iter(kwargs.values()), None)
            if counted_as is not None and isinstance(output, Tensor) and isinstance(first, Tensor):
                counted[counted_as] = operations(module, first, output)

        return hook

    handles = [
        module.register_forward_hook(hook_for(name), with_kwargs=True)
        for name, module in model.named_modules()
        if next(module.children(), None) is None
    ]
    call_hooked(model, inputs, handles)
    return sum(counted.values())


def _require_modules(model: nn.Module) -> None:
    """Refuse what hides its modules.

    Raises:
        CounterFailed: Naming the first of them.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise CounterFailed(
                f"{name or type(module).__name__} is scripted or traced: thop and ptflops count modules, and "
                "see none in it; build the network without torch.jit"
            )


def flop_counter_macs(model: nn.Module, inputs: Sequence[Any]) -> Counter[str]:
    """Return the multiply-adds by operation (``aten.convolution``, ...) after torch's ``FlopCounterMode``.

    Raises:
        CounterFailed: The forward pass runs an operation outside torch's own, whose multiply-adds nobody
            knows.
    """
    foreign = _ForeignOperations()
    counter = FlopCounterMode(display=False, custom_mapping=dict.fromkeys(_own_prices(), _each_weight_once))
    with on_meta(), counter, foreign:
        model(*inputs)
    if foreign.names:
        raise CounterFailed(f"no counter has a price for {', '.join(sorted(foreign.names))}")
    by_operation = counter.get_flop_counts().get("Global", {})
    return Counter({str(operation): flops // 2 for operation, flops in by_operation.items()})


def aten_macs(model: nn.Module, inputs: Sequence[Any]) -> Counter[str]:
    """Return the multiply-adds by operation after ptflops' ``aten`` backend, without the adds of biases.

    Its table lacks the products with a vector and ``baddbmm``; they are added here, so that a network made of
    them shows up as a difference to torch's counter.

    Raises:
        CounterFailed: ptflops could not finish.
    """
    # ptflops imports timm: a second that a thop count alone need not spend
    from ptflops import get_model_complexity_info  # noqa: PLC0415
    from ptflops.aten_ops import ATEN_OPS_MAPPING  # noqa: PLC0415

    tally: Counter[str] = Counter()

    def recording(operation: Any, price: Callable[[Any, Any], int]) -> Callable[[Any, Any], int]:
        def hook(args: Any, outputs: Any) -> int:
            macs = price(args, outputs)
            tally[str(operation)] += macs
            return macs

        return hook

    prices = {**{op: _without_bias(op, price) for op, price in ATEN_OPS_MAPPING.items()}, **_VECTOR_PRODUCTS}
    prices |= dict.fromkeys(_own_prices(), lambda args, out: out[0].numel() * prod(args[1].shape[1:]))
    hooks = {op: recording(op, price) for op, price in prices.items()}
    # the call is wrapped without registering the model: this backend leaves hooks on registered children
    _run_ptflops(get_model_complexity_info, _Call(model, inputs, register=False), "aten", hooks)
    return tally


def ptflops_macs(model: nn.Module, inputs: Sequence[Any]) -> int:
    """Return what ptflops' default backend counts, in its "MACs": elementwise operations and pools included.

    It counts 0 for ``@``, einsum, ``F.linear``, ``F.conv2d`` and attention, and a module that is registered
    under two parents twice, so the number never stands alone.

    Raises:
        CounterFailed: ptflops could not finish.
    """
    _require_modules(model)
    from ptflops import get_model_complexity_info  # noqa: PLC0415 - as above

    with _OnlyCallsOfTheModel():  # type: ignore[no-untyped-call]
        return _run_ptflops(get_model_complexity_info, _Call(model, inputs, register=True), "pytorch", {})


class _Call(nn.Module):
    """A module of one dummy input that makes one fixed call, which is the form ptflops can run."""

    def __init__(self, model: nn.Module, inputs: Sequence[Any], *, register: bool) -> None:
        super().__init__()
        self.call = (model, tuple(inputs))
        if register:
            self.model = model

    def forward(self, _: Tensor) -> Any:
        model, inputs = self.call
        return model(*inputs)


def _run_ptflops(info: Callable[..., Any], call: nn.Module, backend: str, hooks: dict[Any, Any]) -> int:
    said = io.StringIO()
    # ptflops prints its warnings, and an exception's traceback, and then returns None
    with on_meta(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        macs, _ = info(
            call,
            (1,),
            print_per_layer_stat=False,
            as_strings=False,
            input_constructor=lambda _: torch.empty(1, device="meta"),
            custom_modules_hooks=hooks,
            backend=backend,
        )
    if macs is None:
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        raise CounterFailed(f"ptflops ({backend}): {lines[-1] if lines else 'no reason given'}")
    return int(macs)


def _without_bias(operation: Any, price: Callable[[Any, Any], int]) -> Callable[[Any, Any], int]:
    if operation in (torch.ops.aten.convolution, torch.ops.aten._convolution):
        # convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups);
        # _convolution has four flags more, which the price does not take
        return lambda args, outputs: price((*args[:2], None, *args[3:9]), outputs)
    if operation is torch.ops.aten.addmm:
        return lambda args, outputs: price((None, *args[1:3]), outputs)
    return price


# (operation's arguments, outputs) -> multiply-adds
_VECTOR_PRODUCTS: dict[Any, Callable[[Any, Any], int]] = {
    torch.ops.aten.mv: lambda args, _: args[0].numel(),
    torch.ops.aten.addmv: lambda args, _: args[1].numel(),
    torch.ops.aten.dot: lambda args, _: args[0].numel(),
    torch.ops.aten.vdot: lambda args, _: args[0].numel(),
    torch.ops.aten.baddbmm: lambda args, _: prod(args[1].shape) * args[2].shape[-1],
    torch.ops.aten.addbmm: lambda args, _: prod(args[1].shape) * args[2].shape[-1],
}


class _ForeignOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the names of operations that no counter can price."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        if func.namespace not in _PLAIN_NAMESPACES and name not in _OWN_PRICES:
            self.names.add(name)
        return func(*args, **(kwargs or {}))


class _OnlyCallsOfTheModel(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Drops what ptflops counts inside an operation.

    For some operations, upsampling among them, torch computes a `meta` result with Python code of its own,
    which calls ``torch.mul``. ptflops has replaced that function and would count those calls, which do not
    happen on a real device (CARNet-Mobile without this: 49 G for 17.4 G).
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with _lengths_kept(
            [getattr(wrapped, "collector", None) for wrapped in (torch.mul, torch.nn.functional.relu)]
        ):
            return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def _lengths_kept(collectors: Sequence[list[Any] | None]) -> Iterator[None]:
    lengths = [None if collector is None else len(collector) for collector in collectors]
    yield
    for collector, length in zip(collectors, lengths, strict=True):
        if collector is not None:
            del collector[length:]
