"""Whether a network in an engine is still the network: its logits against those of eager fp32."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from bench.data.statistics import IMAGENET
from bench.errors import RefusedInput


@dataclass(frozen=True)
class Limits:
    """Largest ``relative`` difference of two outputs, and least arg-max ``agreement``."""

    relative: float
    agreement: float


LIMITS = {
    "fp32": Limits(1e-3, 0.999),
    "fp16": Limits(2e-2, 0.97),
    "bf16": Limits(1e-1, 0.8),
    "int8": Limits(math.inf, 0.0),
}
"""By precision. fp32 leaves room for another order of summation (Winograd too), the others for roundings of
2^-11 and 2^-9 through some sixty layers. The leads of a random network's classes are small: bf16 moves 7 % of
the arg-max of CARNet-ResNet50 at 64x96 with a relative difference of 0.024. int8 has its limit in mIoU."""


@dataclass(frozen=True)
class Parity:
    """How far logits are from the reference.

    Attributes:
        max_abs: Largest absolute difference; None when an output is not finite.
        relative: That over the reference's largest deviation from its class's mean in its image: what does
            not depend on the pixel, such as a bias, excuses nothing. None when it is not a number.
        argmax_agreement: Share of pixels with the same class, 0..1.
    """

    max_abs: float | None
    relative: float | None
    argmax_agreement: float


def compare(logits: Tensor, reference: Tensor) -> Parity:
    """Compare logits (b, c, h, w) with a reference of the same shape.

    Raises:
        RefusedInput: Different shapes.
    """
    if logits.shape != reference.shape:
        raise RefusedInput(f"logits of {tuple(logits.shape)}, eager's are {tuple(reference.shape)}")
    same = (logits.argmax(1) == reference.argmax(1)).double().mean().item()
    max_abs = (logits - reference).abs().max().item()
    if not math.isfinite(max_abs):
        return Parity(None, None, same)
    scale = deviation(reference)
    if scale == 0.0:
        return Parity(max_abs, 0.0 if max_abs == 0.0 else None, same)
    return Parity(max_abs, max_abs / scale, same)


def deviation(reference: Tensor) -> float:
    """Return the largest deviation from the mean over the axes after the second, or over all axes."""
    axes = tuple(range(2, reference.ndim)) if reference[:1, :1].numel() > 1 else tuple(range(reference.ndim))
    return float((reference - reference.mean(axes, keepdim=True)).abs().max())


def parity_inputs(shape: tuple[int, ...], seed: int = 0) -> dict[str, Tensor]:
    """Return two float32 inputs (b, 3, h, w), contiguous, on the CPU.

    ``random`` is white noise of mean 0 and variance 1. ``photo_like`` has the range and smoothness of
    normalised photographs: patches of 16 pixels with soft borders, noise of 2 %, clipped to 0..1, ImageNet's
    mean and standard deviation.
    """
    generator = torch.Generator().manual_seed(seed)
    batch, channels, height, width = shape
    patches = torch.rand(batch, channels, -(-height // 16), -(-width // 16), generator=generator)
    photo = F.interpolate(patches, size=(height, width), mode="bilinear", align_corners=False)
    photo = (photo + 0.02 * torch.randn(shape, generator=generator)).clamp(0.0, 1.0)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET.mean, IMAGENET.std))
    return {"random": torch.randn(shape, generator=generator), "photo_like": (photo - mean) / std}


def outputs_on(
    infer: Callable[[Tensor], Any], inputs: Mapping[str, Tensor], layout: torch.memory_format, name: str
) -> dict[str, Tensor]:
    """Return the logits on each input as tensors of their own.

    Raises:
        RefusedInput: The result is not one tensor of four axes.
    """
    found = {}
    for kind, image in inputs.items():
        # a copy: the image is shown to others too
        logits = infer(image.clone(memory_format=layout))
        if not isinstance(logits, torch.Tensor) or logits.ndim != 4:
            raise RefusedInput(
                f"{name}: returned a {type(logits).__name__}; an engine is checked by one tensor of logits"
            )
        found[kind] = logits.float().clone()
    return found


def require_parity(
    name: str, outputs: Mapping[str, Tensor], references: Mapping[str, Tensor], precision: str
) -> dict[str, Parity]:
    """Return the comparison on each input, or refuse.

    int8 rounds by what its calibration images fill, and noise is not among them: its figures must be numbers,
    and whether it is still the network is judged by its mIoU on data (``bench.speed.accuracy``).

    Raises:
        RefusedInput: The engine's network is not the eager one within the limits of its precision; the
            message holds every figure.
    """
    limits, found = LIMITS[precision], {}
    for kind, reference in references.items():
        found[kind] = one = compare(outputs[kind], reference)
        close = one.relative is not None and one.relative <= limits.relative
        if not close or one.argmax_agreement < limits.agreement:
            raise RefusedInput(
                f"{name}: differs from eager fp32 on {kind} inputs: largest difference {_text(one.max_abs)}, "
                f"relative {_text(one.relative)} (allowed {limits.relative:g}), same class at "
                f"{one.argmax_agreement:.4%} of the pixels (needed {limits.agreement:.4%})",
                then="time it in another engine or precision; this one computes something else",
            )
    return found


def as_values(found: Mapping[str, Parity]) -> dict[str, dict[str, float | None]]:
    """Return comparisons as a record holds them."""
    return {kind: dataclasses.asdict(one) for kind, one in found.items()}


def _text(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.3g}"
