"""What exactly was evaluated: part of a record's identity, so that unlike scores are never compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.data.dataset import IGNORE

VERSION = 1
"""Raised whenever the same weights on the same data could score differently."""

_LATER = frozenset({"padded_to", "window", "stride", "averaged", "data_options"})


@dataclass(frozen=True)
class Protocol:
    """How predictions are made and counted.

    Attributes:
        data, split: Which images.
        size: ``native``: whole images, logits brought to the label's size; the label is never resized.
        scales, flip: Test-time augmentation; (1.0,) and False is a single pass.
        window, stride: Height and width of the windows in which each view is shown, and from one window to
            the next; None for views that are shown whole.
        averaged: What the mean over several views or windows is of: always ``probabilities``, see
            ``bench.evaluate.views``; None for a single pass.
        ignore: The label value that is not counted.
        align_corners: Whether the network's upsampling aligns corners; None for a network that does not say.
        padded_to: The method's size rule: images of another size are padded at the right and below with the
            mean colour and the logits cut back; None for a method that takes any size.
        data_options: How the data set was opened (its size, its border cropped), where that was named; None
            where not.
        version: Of this protocol's code.
    """

    data: str
    split: str
    size: str = "native"
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    ignore: int = IGNORE
    align_corners: bool | None = None
    padded_to: str | None = None
    window: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    averaged: str | None = None
    data_options: Mapping[str, Any] | None = None
    version: int = VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them; those that came later only where they say something."""
        fields = {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }
        # so that the records made before there was the field keep their id
        return {key: value for key, value in fields.items() if key not in _LATER or value is not None}
