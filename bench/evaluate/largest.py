"""The class of the largest logit of every pixel, in bands of rows that stay in a core's cache.

NumPy does the steps, since there are thousands of small ones an image: torch would divide each among its
threads and have them wait for each other every time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float32, Integer

Floats = np.ndarray[Any, np.dtype[np.float32]]
Whole = np.ndarray[Any, np.dtype[np.integer[Any]]]

_BAND_BYTES = 1_250_000
"""Size of the logits of one band: what stays in a core's cache is read again for nothing."""

_STRIP = 4_000_000
"""Logits that are worth a thread of their own."""

MOST_CLOSE = 0.02
"""Share of pixels without a clear lead above which torch's own way over the whole image is as good."""


class Source(Protocol):
    """Logits that are handed out in bands of rows, from the first to the last."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""

    def strip(self, start: int, end: int) -> Source:
        """Return a source of the rows ``start..end-1``, to be read once."""

    def end_of_band(self, start: int, most: int) -> int:
        """Return where a band that starts here ends, after ``most`` rows or fewer."""

    def fill(self, band: Floats, start: int, end: int) -> None:
        """Write the logits of the rows ``start..end-1`` into ``band`` (c, rows, w)."""


class Leads(NamedTuple):
    """The classes of the pixels where one leads clearly, and the other pixels."""

    classes: Whole  # (h, w)
    close: Whole  # (n,) flat places without a clear lead, whose class is still to be found


def lead_of(source: Source, lead: float) -> Leads:
    """Find where one class alone is within ``lead`` of the largest logit.

    As many threads as torch has take a strip of the image each, where it is large enough.
    """
    classes, height, width = source.shape
    count = max(min(torch.get_num_threads(), height, classes * height * width // _STRIP), 1)
    edges = [height * number // count for number in range(count + 1)]
    strips = [source.strip(start, end) for start, end in pairwise(edges)]
    if count == 1:
        found = [_lead_of_strip(strips[0], lead)]
    else:
        with ThreadPoolExecutor(count) as pool:
            found = list(pool.map(_lead_of_strip, strips, [lead] * count))
    close = [each.close + start * width for each, start in zip(found, edges, strict=False)]
    return Leads(np.concatenate([each.classes for each in found]), np.concatenate(close))


def _lead_of_strip(source: Source, lead: float) -> Leads:
    """Do one strip: who is within the lead, how many they are, and the sum of their class numbers.

    Where they are one, the sum is the class. Torch's arg-max over the first axis is ten times slower than
    these passes, which run at the speed of the cache. A logit that is not a number is within no lead, so the
    pixel counts as close.
    """
    classes, height, width = source.shape
    narrow = np.uint8 if classes <= 256 else np.int16
    number = np.arange(classes, dtype=narrow)[:, None]
    most = max(_BAND_BYTES // (4 * classes * width), 1)
    logits = np.empty(classes * most * width, np.float32)
    within = np.empty(classes * most * width, np.bool_)
    numbers = np.empty(classes * most * width, narrow)
    found = np.empty((height, width), narrow)
    close = [np.empty(0, np.intp)]
    start = 0
    while start < height:
        end = source.end_of_band(start, most)
        size = (end - start) * width
        band = logits[: classes * size].reshape(classes, size)
        source.fill(band.reshape(classes, end - start, width), start, end)
        top = np.maximum.reduce(band, axis=0)
        top -= np.float32(lead)
        leading = within[: classes * size].reshape(classes, size)
        np.greater_equal(band, top, out=leading)
        count = np.add.reduce(leading.view(np.uint8), axis=0, dtype=narrow)
        if not (count == 1).all():
            close.append(np.flatnonzero(count != 1) + start * width)
        weighed = numbers[: classes * size].reshape(classes, size)
        np.multiply(leading.view(np.uint8), number, out=weighed)
        np.add.reduce(weighed, axis=0, dtype=narrow, out=found[start:end].reshape(-1))
        start = end
    return Leads(found, np.concatenate(close))


def largest(logits: Float32[Tensor, "1 c h w"]) -> Integer[Tensor, "h w"]:
    """Return ``logits.argmax(dim=1)[0]`` as uint8 (int16 with more than 256 classes).

    On the CPU it is done in bands where the classes of a pixel do not lie side by side: there torch's own is
    slow.
    """
    _, classes, _, width = logits.shape
    side_by_side = logits.stride(1) == 1
    if side_by_side or logits.device.type != "cpu" or logits.dtype != torch.float32:
        return _narrow(logits.argmax(dim=1)[0], classes)
    found = lead_of(_Rows(logits[0].numpy()), 0.0)
    if len(found.close) > MOST_CLOSE * found.classes.size:
        return _narrow(logits.argmax(dim=1)[0], classes)
    prediction = torch.from_numpy(found.classes)
    if len(found.close):
        y, x = (torch.from_numpy(place) for place in np.divmod(found.close, width))
        prediction[y, x] = _narrow(logits[0, :, y, x].argmax(dim=0), classes)
    return prediction


class _Rows:
    """Bands of rows of logits that are whole already."""

    def __init__(self, logits: Floats) -> None:
        self.logits = logits
        classes, height, width = logits.shape
        self.shape: tuple[int, int, int] = (classes, height, width)

    def strip(self, start: int, end: int) -> _Rows:
        return _Rows(self.logits[:, start:end])

    def end_of_band(self, start: int, most: int) -> int:
        return min(start + most, self.shape[1])

    def fill(self, band: Floats, start: int, end: int) -> None:
        band[...] = self.logits[:, start:end]


def _narrow(found: Tensor, classes: int) -> Tensor:
    return found.to(torch.uint8 if classes <= 256 else torch.int16)
