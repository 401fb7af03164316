"""A network's last enlargement, left undone: networks enlarge their logits themselves, as their last step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from bench.evaluate.enlargement import Enlargement

# what is known of an enlargement without doing it
_METADATA = frozenset(
    {
        Tensor.shape.__get__,  # type: ignore[attr-defined]
        Tensor.dtype.__get__,  # type: ignore[attr-defined]
        Tensor.device.__get__,
        Tensor.ndim.__get__,  # type: ignore[attr-defined]
        Tensor.size,
        Tensor.dim,
        Tensor.numel,
    }
)


class Deferred(Tensor):
    """A tensor of the enlarged size that holds the small one, and enlarges it when anything is done to it.

    A network that continues from its enlargement gets what it would have got; one that ends with it returns
    this very tensor.
    """

    enlargement: Enlargement
    done: Tensor | None

    @staticmethod
    def __new__(cls, enlargement: Enlargement) -> Deferred:
        """Make a tensor without memory."""
        small = enlargement.small
        made: Deferred = Tensor._make_wrapper_subclass(
            cls, (*small.shape[:2], *enlargement.size_hw), dtype=small.dtype, device=small.device
        )
        made.enlargement = enlargement
        made.done = None
        return made

    def plain(self) -> Tensor:
        """Return the enlarged tensor; the same one each time, so that what is done in place stays done."""
        if self.done is None:
            self.done = self.enlargement.whole()
        return self.done

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call torch's function with the enlarged tensors, unless it asks for no more than a size."""
        if func in _METADATA:
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]
        return func(*_plain(args), **_plain(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do the same for what reaches torch around its Python functions."""
        return func(*_plain(args), **_plain(kwargs or {}))


class Deferring(TorchFunctionMode):
    """While it is entered, bilinear enlargements of one map per class on the CPU are deferred.

    Args:
        classes: Only maps of so many channels can be logits.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Defer an enlargement, pass everything else on."""
        kwargs = kwargs or {}
        if func is F.interpolate:
            enlargement = self._enlargement(*_plain(args), **_plain(kwargs))
            if enlargement is not None:
                return Deferred(enlargement)
        return func(*args, **kwargs)

    def _enlargement(  # noqa: PLR0917 - as torch has them
        self,
        input: Tensor,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> Enlargement | None:
        logits = input.ndim == 4 and tuple(input.shape[:2]) == (1, self.classes)
        on_cpu = input.device.type == "cpu" and input.dtype == torch.float32
        if mode != "bilinear" or antialias or recompute_scale_factor or not (logits and on_cpu):
            return None
        height, width = input.shape[-2:]
        factors = None
        if size is not None:
            both = (size, size) if isinstance(size, int) else size
            goal = (int(both[0]), int(both[1]))
        else:
            pair = (scale_factor, scale_factor) if isinstance(scale_factor, int | float) else scale_factor
            factors = (float(pair[0]), float(pair[1]))
            goal = (int(height * factors[0]), int(width * factors[1]))
        if goal[0] < height or goal[1] < width or goal == (height, width):
            return None
        # a copy: the network may go on to write into its map
        return Enlargement(input.clone(), goal, bool(align_corners), factors)


def logits_of(network: Callable[[Tensor], Any], image: Tensor, classes: int) -> Any:
    """Return what the network returns; an `Enlargement` where enlarging was the last that it did.

    Whatever else the network does to an enlarged map is done as ever: nothing is computed in another order.
    """
    with Deferring(classes):
        found = network(image)
    if not isinstance(found, Deferred):
        return found
    return found.enlargement if found.done is None else found.done


def _plain(arguments: Any) -> Any:
    return tree_map(lambda each: each.plain() if isinstance(each, Deferred) else each, arguments)
