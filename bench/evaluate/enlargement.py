"""The classes of a bilinear enlargement of logits, in bands of rows: the enlarged logits are never whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from bench.evaluate.largest import MOST_CLOSE, Floats, Whole, largest, lead_of
from carnet.fast.enlarged_labels import enlarged_axis

if TYPE_CHECKING:
    from jaxtyping import Float32, Integer

_WIDE_BYTES = 6_000_000
_WIDE_ROWS = 8
"""Rows of small logits that are widened at a time: at most so many, and at most so many bytes."""

_ROUNDING = 16 * torch.finfo(torch.float32).eps
"""Share of the largest logit: two ways to interpolate differ by less, so a larger lead is a lead in both."""

_OTHER_KERNEL = 128
"""Height and width together up to which torch enlarges by another kernel, which may round another way."""


class _Axis(NamedTuple):
    """Where each output position lies between two of the input."""

    below: Whole  # (n,)
    above: Whole  # (n,)
    weight: Floats  # (n,), of ``above``

    @classmethod
    def of(cls, before: int, after: int, align_corners: bool, factor: float | None) -> _Axis:
        """Return all positions of an axis, as torch computes them."""
        below, above, weight = enlarged_axis(before, after, align_corners=align_corners, factor=factor)
        return cls(below.numpy().astype(np.intp), above.numpy().astype(np.intp), weight.numpy())

    def at(self, places: Whole | slice) -> _Axis:
        """Return a part of the positions."""
        return _Axis(self.below[places], self.above[places], self.weight[places])


@dataclass(frozen=True)
class Enlargement:
    """A bilinear enlargement that has not been done.

    Attributes:
        small: Logits, on the CPU.
        size_hw: To be enlarged to; not smaller than ``small``.
        align_corners: As torch has it.
        factors_hw: What ``scale_factor`` was, where the size came from one; None where the size was named.
    """

    small: Float32[Tensor, "1 c h w"]
    size_hw: tuple[int, int]
    align_corners: bool = False
    factors_hw: tuple[float, float] | None = None

    def whole(self) -> Float32[Tensor, "1 c H W"]:
        """Return the enlarged logits, by torch."""
        if self.factors_hw is not None:
            return F.interpolate(
                self.small, scale_factor=self.factors_hw, mode="bilinear", align_corners=self.align_corners
            )
        return F.interpolate(self.small, size=self.size_hw, mode="bilinear", align_corners=self.align_corners)

    def largest(self, size_hw: tuple[int, int] | None = None) -> Integer[Tensor, "h w"]:
        """Return each pixel's class of largest logit: ``whole().argmax(dim=1)``.

        A class is read off only where it leads by more than rounding. The other pixels are computed exactly:
        where the factor is a power of two by torch's own interpolation, so that every one is as torch has it;
        for another factor by exact arithmetic, which may break a tie the other way.

        Args:
            size_hw: Height and width of the upper left part to return; None for all of it.

        Returns:
            uint8; int16 with more than 256 classes.
        """
        height, width = size_hw or self.size_hw
        found = self._found(height, width)
        if found is None:
            return largest(self.whole()[..., :height, :width])
        return found

    def _found(self, height: int, width: int) -> Tensor | None:
        """Return the classes, or None where only torch's own enlargement of the whole is right."""
        bound = float(torch.maximum(self.small.amax(), -self.small.amin()))
        if not bound < float("inf") or sum(self.size_hw) <= _OTHER_KERNEL:
            return None
        rows, columns = self._axes()
        rows, columns = rows.at(slice(height)), columns.at(slice(width))
        found = lead_of(_Bands(self.small[0].numpy(), rows, columns), _ROUNDING * bound)
        if len(found.close) > MOST_CLOSE * height * width:
            return None
        if len(found.close):
            y, x = np.divmod(found.close, width)
            settled = self._settled(rows.at(y), columns.at(x))
            if settled is None:
                return None
            found.classes[y, x] = settled
        return torch.from_numpy(found.classes)

    def _axes(self) -> tuple[_Axis, _Axis]:
        factors = self.factors_hw or (None, None)
        rows, columns = (
            _Axis.of(before, after, self.align_corners, factor)
            for before, after, factor in zip(self.small.shape[-2:], self.size_hw, factors, strict=True)
        )
        return rows, columns

    def _power_of_two(self) -> int | None:
        """Return the factor, where it is the same power of two on both axes and no corner is aligned."""
        factor, rest = divmod(self.size_hw[0], self.small.shape[-2])
        same = self.size_hw[1] == factor * self.small.shape[-1] and not rest
        plain = same and not self.align_corners and self.factors_hw in (None, (factor, factor))
        return factor if plain and factor > 1 and factor & (factor - 1) == 0 else None

    def _settled(self, rows: _Axis, columns: _Axis) -> Whole | None:
        """Return the classes of a few pixels, each given by its place on both axes.

        None where one of them lies outside the centres of the first column: there torch's weight is 0, which
        no square below but the first has.
        """
        logits = self.small[0].numpy()
        places = [(y, x) for y in (rows.below, rows.above) for x in (columns.below, columns.above)]
        corners = [logits[:, y, x] for y, x in places]  # (c, n) each
        factor = self._power_of_two()
        if factor is None:
            upper, lower = (
                left + (right - left) * columns.weight
                for left, right in (
                    (corners[0].astype(np.float64), corners[1].astype(np.float64)),
                    (corners[2].astype(np.float64), corners[3].astype(np.float64)),
                )
            )
            exact: Whole = (upper + (lower - upper) * rows.weight).argmax(axis=0)
            return exact
        if (columns.weight == 0).any():
            return None
        classes, count = corners[0].shape
        # squares of 2x2 side by side, and so many that torch takes the kernel it takes for a whole image
        squares = np.stack(corners, axis=2).reshape(classes, count, 2, 2).transpose(0, 2, 1, 3)
        strip = torch.from_numpy(squares.reshape(1, classes, 2, 2 * count))
        strip = F.pad(strip, (0, max(_OTHER_KERNEL - 2 * count, 0)))
        if self.small.is_contiguous(memory_format=torch.channels_last):
            strip = strip.contiguous(memory_format=torch.channels_last)
        enlarged = F.interpolate(strip, scale_factor=factor, mode="bilinear")[0].numpy()
        y, x = (_place(axis.weight, factor) for axis in (rows, columns))
        settled: Whole = enlarged[:, y, x + 2 * factor * np.arange(count)].argmax(axis=0)
        return settled


class _Bands:
    """Bands of rows of an enlargement: first the columns of a few source rows, then each band's rows."""

    def __init__(self, small: Floats, rows: _Axis, columns: _Axis) -> None:
        self.small, self.rows, self.columns = small, rows, columns
        self.shape = (small.shape[0], len(rows.below), len(columns.below))
        row_bytes = 4 * small.shape[0] * len(columns.below)
        self._most = max(min(_WIDE_BYTES // row_bytes, _WIDE_ROWS), 1)
        self._first = self._end = 0  # the source rows that are widened at the moment
        self._wide = small
        self._memory = np.empty(0, np.float32)

    def strip(self, start: int, end: int) -> _Bands:
        """Return the bands of the rows ``start..end-1``."""
        return _Bands(self.small, self.rows.at(slice(start, end)), self.columns)

    def end_of_band(self, start: int, most: int) -> int:
        """Return where a band that starts here ends: all of its source rows are widened then."""
        source_rows = self.small.shape[1]
        if int(self.rows.above[start]) >= self._end:
            self._first = int(self.rows.below[start])
            self._end = min(self._first + self._most + 1, source_rows)
            self._wide = self._widened(self.small[:, self._first : self._end])
        return min(start + most, int(np.searchsorted(self.rows.above, self._end)))

    def fill(self, band: Floats, start: int, end: int) -> None:
        """Write the logits of the rows ``start..end-1`` into ``band`` (c, rows, w)."""
        if self._memory.size < band.size:
            self._memory = np.empty(band.size, np.float32)
        lower = self._memory[: band.size].reshape(band.shape)
        # mode="clip" because "raise" copies; every index is in range
        np.take(self._wide, self.rows.below[start:end] - self._first, axis=1, out=band, mode="clip")
        np.take(self._wide, self.rows.above[start:end] - self._first, axis=1, out=lower, mode="clip")
        lower -= band
        lower *= self.rows.weight[start:end, None]
        band += lower

    def _widened(self, part: Floats) -> Floats:
        """Return (c, rows, width) of (c, rows, w): columns are picked as rows of the transpose, in one go."""
        classes, rows, width = part.shape
        across = np.ascontiguousarray(part.transpose(2, 0, 1)).reshape(width, classes * rows)
        left = across.take(self.columns.below, axis=0)
        right = across.take(self.columns.above, axis=0)
        right -= left
        right *= self.columns.weight[:, None]
        left += right
        return np.ascontiguousarray(left.T).reshape(classes, rows, -1)


def _place(weight: Floats, factor: int) -> Whole:
    """Return where, in two pixels enlarged to 2 factor, the second weighs this much."""
    # weight 0 occurs only outside the first pixel's centre, where torch repeats that pixel
    place = np.where(weight > 0, factor * (weight + 0.5) - 0.5, 0)
    return np.rint(place).astype(np.intp)
