"""Networks on the `meta` device, where a tensor is a shape: no weights, no arithmetic."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from baselines.method import Method
from bench.errors import BenchError, RefusedInput
from bench.own.guard import user_code


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Make new tensors `meta` tensors, and build no graph of gradients."""
    # not torch.device("meta"): under it torch enters a functional layer twice, and ptflops counts both
    with torch.no_grad(), _inference_mode_ignored(), _ShapesOnly():  # type: ignore[no-untyped-call]
        yield


@contextlib.contextmanager
def _inference_mode_ignored() -> Iterator[None]:
    """Let a network enter inference mode to no effect: ptflops sees no operation in it."""
    real = torch.inference_mode.__enter__, torch.inference_mode.__exit__
    torch.inference_mode.__enter__ = lambda _: None  # type: ignore[method-assign]
    torch.inference_mode.__exit__ = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.inference_mode.__enter__, torch.inference_mode.__exit__ = real  # type: ignore[method-assign]


@contextlib.contextmanager
def without_gradients(model: nn.Module) -> Iterator[None]:
    """Make no parameter need a gradient: torch's counter looks for the history of what modules are given."""
    learning = [one for one in model.parameters() if not is_lazy(one) and one.requires_grad]
    for one in learning:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in learning:
            one.requires_grad_(True)


def call_hooked(model: nn.Module, inputs: Sequence[Any], hooks: Sequence[RemovableHandle]) -> None:
    """Call a model on the `meta` device; its hooks are removed afterwards, whatever happens in the call."""
    try:
        with on_meta():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()


def build_on_meta(method: Method, num_classes: int) -> tuple[nn.Module, list[str]]:
    """Build a method in eval mode on the `meta` device; return it and notes on how it was built.

    A builder that needs real numbers (it reads a tensor) is run on the CPU, and its network moved.

    Raises:
        RefusedInput: The builder fails there too, or does not return a module.
    """
    notes: list[str] = []
    try:
        with torch.device("meta"), _ShapesOnly():  # type: ignore[no-untyped-call]
            model = build_checked(method, num_classes)
    except RefusedInput as first:
        model = build_checked(method, num_classes)
        notes.append(f"built on the CPU: {type(first.__cause__ or first).__name__} on the meta device")
    while isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model.module  # they divide a batch over devices, and compute nothing
    _refuse_quantised(model, method.name)
    with user_code("moving it to the meta device", method):
        try:
            model.eval()
        except NotImplementedError as error:  # what torch.export returns
            raise RefusedInput(
                f"{method.name}: a {type(model).__name__} that has no evaluation mode ({error})",
                then="return the network itself, not what torch.export made of it",
            ) from error
        _move_to_meta(model)
    return model, notes


def sharing(weight: Tensor) -> tuple[int, int, int]:
    """Return what two tensors have in common when they are the same numbers in memory."""
    return weight.untyped_storage()._cdata, int(weight.storage_offset()), weight.numel()


def _move_to_meta(model: nn.Module) -> None:
    """Move parameters and buffers in place; what several modules share stays shared, unlike by ``to``."""
    moved: dict[tuple[int, int, int], Tensor] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, each in held.items():
                if each is None or each.is_meta or is_lazy(each):
                    continue
                if isinstance(module, torch.jit.ScriptModule):
                    module.to("meta")
                    break
                shared = moved.get(sharing(each))
                if shared is None or shared.shape != each.shape:
                    there = each.detach().to("meta")
                    is_weight = isinstance(each, nn.Parameter)
                    shared = nn.Parameter(there, each.requires_grad) if is_weight else there
                    moved[sharing(each)] = shared
                held[name] = shared  # type: ignore[assignment]


def _refuse_quantised(model: nn.Module, name: str) -> None:
    kinds = [type(one) for one in model.modules()]
    found = sorted(
        {
            one.__name__
            for one in kinds
            if one.__module__.startswith("torch.") and ".quantized" in one.__module__
        }
    )
    if found:
        raise RefusedInput(
            f"{name}: quantised modules ({', '.join(found)}) cannot be counted: they need real numbers",
            then="count the network before it is quantised",
        )


def build_checked(method: Method, num_classes: int) -> nn.Module:
    """Build a method on the device in force.

    Raises:
        RefusedInput: The builder fails, or does not return a module.
    """
    try:
        with user_code("its builder", method):
            model: Any = method.build(num_classes)
    except BenchError:
        raise
    except Exception as error:
        raise RefusedInput(
            f"{method.name}: its builder failed for num_classes={num_classes}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, nn.Module):
        raise RefusedInput(
            f"{method.name}: its builder returned a {type(model).__name__}, not a torch module"
        )
    return model


class _ShapesOnly(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Puts new tensors on the `meta` device, and gives the result of a few operations at once.

    For these torch has Python code of its own, which imports torch's compiler: that takes longer than all the
    counts of Table 1.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from wrapping ``__torch_dispatch__`` in a function that imports its compiler."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        first = args[0] if args else None
        if func is _ATEN.lift_fresh.default:  # torch.tensor(...)
            return func(torch.empty_like(args[0], device="meta"))
        shortcut = _SHORTCUTS.get(func)
        if shortcut is not None and isinstance(first, Tensor) and first.is_meta and not kwargs:
            return shortcut(args)
        if "device" in kwargs or (not isinstance(first, Tensor) and _takes_device(func)):
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)


@cache
def _takes_device(func: Any) -> bool:
    return any(argument.name == "device" for argument in func._schema.arguments)


def _same(args: tuple[Any, ...]) -> Tensor:
    return args[0]  # type: ignore[no-any-return]


def _batch_norm(args: tuple[Any, ...]) -> tuple[Tensor, Tensor, Tensor]:
    x = args[0]
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def _upsample(args: tuple[Any, ...]) -> Tensor:
    x, output_size = args[:2]
    return x.new_empty((*x.shape[:2], *output_size))  # type: ignore[no-any-return]


_ATEN = torch.ops.aten
_SHORTCUTS: dict[Any, Callable[[tuple[Any, ...]], Any]] = {
    _ATEN.normal_.default: _same,
    _ATEN.uniform_.default: _same,
    _ATEN.hardtanh_.default: _same,
    _ATEN.native_batch_norm.default: _batch_norm,
    _ATEN._native_batch_norm_legit_no_training.default: _batch_norm,
    _ATEN.upsample_bilinear2d.default: _upsample,
}
