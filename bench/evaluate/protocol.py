"""What exactly was evaluated: part of a record's identity, so that unlike scores are never compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bench.data.dataset import IGNORE

VERSION = 1
"""Raised whenever the same weights on the same data could score differently."""


@dataclass(frozen=True)
class Protocol:
    """How predictions are made and counted.

    Attributes
    ----------
    data, split
        Which images.
    size
        ``native``: whole images, logits brought to the label's size; the label is never resized.
    scales, flip
        Test-time augmentation; (1.0,) and False is a single pass.
    ignore
        The label value that is not counted.
    align_corners
        Of the network's upsampling; None for a network that does not say.
    version
        Of this protocol's code.
    """

    data: str
    split: str
    size: str = "native"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    ignore: int = IGNORE
    align_corners: bool | None = None
    version: int = VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {**asdict(self), "scales": list(self.scales)}
