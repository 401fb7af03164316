"""The classes of a bilinear enlargement of logits on a CPU, in C: the enlarged logits are never written."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float, Int32, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from carnet.fast.compiled_c import CompiledC, compiled_c

MOST_CLASSES = 256
"""A label is a byte."""

_SOURCE = Path(__file__).with_suffix(".c")
_FUNCTION = "carnet_enlarged_labels"


@functools.cache
def code() -> CompiledC | None:
    """Return the compiled C; None where it cannot be had."""
    return compiled_c((_SOURCE,), ((_FUNCTION, "b pp llll ppp ppp i"),), _is_right)


def enlarged_labels(
    logits: Float[Tensor, "b c h w"], size_hw: tuple[int, int], *, align_corners: bool
) -> UInt8[Tensor, "b H W"]:
    """Return ``interpolate(logits, size_hw, mode="bilinear").argmax(1)``.

    Of two classes that lie nearer than rounding at a pixel, either may be the label; of equal ones it is the
    first, as in torch. What the C is not for is computed by torch.

    Args:
        logits: At most `MOST_CLASSES` classes.
        size_hw: Height and width of the labels, pixels.
        align_corners: As torch has it.

    Raises:
        ValueError: More classes.
    """
    if logits.shape[1] > MOST_CLASSES:
        raise ValueError(f"{logits.shape[1]} classes; a label of one byte tells {MOST_CLASSES} apart")
    return cast("Tensor", _enlarged_labels(logits, *size_hw, align_corners))


@torch.library.custom_op(
    "carnet::enlarged_labels",
    mutates_args=(),
    schema="(Tensor logits, SymInt height, SymInt width, bool align_corners) -> Tensor",
)
def _enlarged_labels(logits: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    found = code() if logits.device.type == "cpu" and logits.dtype == torch.float32 else None
    out = torch.empty(len(logits), height, width, dtype=torch.uint8, device=logits.device)
    if found is not None:
        maps = logits.permute(0, 2, 3, 1).contiguous()  # a view where it is in channels last
        # a NaN is the largest in torch, and 0 times infinity is one
        if maps.sum().isfinite() and _label(found.library, maps, out, align_corners=align_corners):
            return out
    whole = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=align_corners)
    out.copy_(whole.argmax(1))
    return out


@_enlarged_labels.register_fake
def _(logits: Tensor, height: int, width: int, align_corners: bool) -> Tensor:
    return logits.new_empty((len(logits), height, width), dtype=torch.uint8)


def _label(library: ctypes.CDLL, maps: Tensor, out: Tensor, *, align_corners: bool) -> bool:
    """Label maps (b, h, w, c) in ``out``; False where memory is missing."""
    axes = [
        part
        for before, after in zip(maps.shape[1:3], out.shape[1:], strict=True)
        for part in enlarged_axis(before, after, align_corners=align_corners)
    ]
    pointers = [part.data_ptr() for part in axes]
    label, threads = getattr(library, _FUNCTION), torch.get_num_threads()
    return all(
        label(one.data_ptr(), labels.data_ptr(), *one.shape[1:], *labels.shape, *pointers, threads)
        for one, labels in zip(maps, out, strict=True)
    )


@functools.lru_cache(maxsize=16)
def enlarged_axis(
    before: int, after: int, *, align_corners: bool, factor: float | None = None
) -> tuple[Int32[Tensor, " n"], Int32[Tensor, " n"], Float[Tensor, " n"]]:
    """Return where torch's bilinear enlargement of one axis takes its values from, rounding included.

    Args:
        before, after: Length of the axis, pixels.
        align_corners: As torch has it.
        factor: What ``scale_factor`` was, where ``after`` came from one; None where the size was named.

    Returns:
        The two places of the input that each output lies between, and the weight of the second; shared, so
        not to be changed.
    """
    # torch takes the step as a number of 32 bits, and the place that it leads to
    place = torch.arange(after, dtype=torch.float64, device="cpu")
    if align_corners:
        source = place * _rounded((before - 1) / (after - 1) if after > 1 else 0.0)
    else:
        step = before / after if factor is None else 1 / factor
        source = ((place + 0.5) * _rounded(step) - 0.5).clamp(min=0)
    source = source.float()
    below = source.floor().clamp(max=before - 1)
    above = (below + 1).clamp(max=before - 1)
    return below.int(), above.int(), (source - below).clamp(0, 1)


def _rounded(step: float) -> float:
    return torch.tensor(step, dtype=torch.float32, device="cpu").item()


def _is_right(library: ctypes.CDLL) -> bool:
    """Say whether the classes of a small map are those that torch finds, wherever they lead by a little."""
    values = torch.arange(5 * 7 * 19, dtype=torch.float32, device="cpu").mul(7).sin().view(1, 5, 7, 19)
    for align_corners in (False, True):
        out = torch.empty(1, 19, 30, dtype=torch.uint8, device="cpu")
        if not _label(library, values, out, align_corners=align_corners):
            return False
        whole = F.interpolate(
            values.permute(0, 3, 1, 2), size=(19, 30), mode="bilinear", align_corners=align_corners
        )
        first, second = whole.topk(2, dim=1).values.unbind(1)
        if bool(((whole.argmax(1) != out) & (first - second > 1e-5)).any()):
            return False
    return True
