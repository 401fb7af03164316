"""What int8 is calibrated with: the images, and how ranges are taken from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.errors import UsageError, unknown

CALIBRATION_METHODS = ("minmax", "percentile", "entropy")
PERCENTILE = 99.999
FP32_CONVOLUTIONS = 3
"""The first convolutions, up to a MobileNetV2's first depthwise one, are few of the operations and most of
the loss: of CARNet-Mobile's 1.4 points of mIoU on 40 images of CamVid's val split 0.9 go with them."""


@dataclass(frozen=True)
class Calibration:
    """Images from which the ranges are taken.

    Attributes:
        batches: Normalised float32 images (b, 3, h, w) of the shape that the model takes; at least one batch.
        source: Description for a record's identity: data set, split, count, digest.
        method: ``minmax``: the smallest and largest value seen; ``percentile``: what `PERCENTILE` per cent of
            the values stay within, each way; ``entropy``: the range whose 8 bits lose the least information
            (Migacz, 8-bit inference with TensorRT, GTC 2017).
        fp32_convolutions: Number of the model's first convolutions that stay in fp32, with what stands
            between them.
        progress: Called with a stage and the share done.
    """

    batches: Sequence[Tensor]
    source: Mapping[str, Any]
    method: str = CALIBRATION_METHODS[0]
    fp32_convolutions: int = FP32_CONVOLUTIONS
    progress: Callable[[str, float], None] = lambda stage, share: None

    def identity(self) -> dict[str, Any]:
        """Return what defines it in a record."""
        percentile = {"percentile": PERCENTILE} if self.method == "percentile" else {}
        kept = {"fp32_convolutions": self.fp32_convolutions}
        return {**self.source, "method": self.method, **percentile, **kept}


def require_method(method: str) -> None:
    """Refuse an unknown calibration method; the error lists the names."""
    if method not in CALIBRATION_METHODS:
        raise unknown("calibration method", method, list(CALIBRATION_METHODS))


def require_calibration(calibration: Calibration | None, engine: str) -> Calibration:
    """Return the calibration.

    Raises:
        UsageError: It is None: the ranges of a network's maps are those of its weights and its data.
    """
    if calibration is None:
        raise UsageError(
            f"{engine}: int8 needs trained weights and images to calibrate with; its time means nothing "
            "without a measured accuracy",
            then="--weights FILE|RUN --calibrate DATA[:COUNT]",
        )
    return calibration
