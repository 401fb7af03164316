"""One int64 confusion matrix over a whole split, and the scores that come from it (paper Eq. 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import IGNORE
from bench.errors import RefusedInput

Matrix = np.ndarray[Any, np.dtype[np.int64]]


class Confusion:
    """Pixel counts: a row for each true class, a column for each predicted class.

    Args:
        num_classes: Labels and predictions are 0..num_classes-1; label 255 is not counted.

    Raises:
        RefusedInput: More classes than there are label values other than 255.
    """

    def __init__(self, num_classes: int) -> None:
        if num_classes > IGNORE:
            raise RefusedInput(f"{num_classes} classes; labels have 8 bits, so at most {IGNORE}")
        self.num_classes = num_classes
        self.matrix: Matrix = np.zeros((num_classes, num_classes), np.int64)
        self.ignored_pixels = 0

    def update(self, prediction: Tensor, label: Tensor, name: str = "a sample") -> Matrix:
        """Add one image (or batch) and return its own matrix.

        Args:
            prediction, label: Integer tensors of one shape.
            name: The sample, for the message.

        Raises:
            RefusedInput: Shapes that differ, or a value outside 0..num_classes-1 (label: and not 255), which
                would otherwise be counted in another class's row. A prediction is looked at where the label
                is 255 too.
        """
        if prediction.shape != label.shape:
            raise RefusedInput(
                f"{name}: prediction {tuple(prediction.shape)}, label {tuple(label.shape)}; must be equal"
            )
        self._check(prediction, self.num_classes - 1, "prediction", name)
        self._check(label, IGNORE, "label", name)
        # one count over all label values, ignored and wrong ones too: several times as fast as picking out
        # the labelled pixels first; the narrowest type that holds every cell is the fastest to fill
        cells = (IGNORE + 1) * self.num_classes
        narrow = torch.int16 if cells <= torch.iinfo(torch.int16).max else torch.int32
        place = label.flatten().to(narrow).mul_(self.num_classes).add_(prediction.flatten().to(narrow))
        counts = torch.bincount(place, minlength=cells).reshape(-1, self.num_classes).cpu().numpy()
        if counts[self.num_classes : IGNORE].any():
            wrong = self.num_classes + int(counts[self.num_classes : IGNORE].any(axis=1).argmax())
            raise self._refusal(wrong, "label", name)
        matrix: Matrix = counts[: self.num_classes]
        self.matrix += matrix
        self.ignored_pixels += int(counts[IGNORE].sum())
        return matrix

    def _check(self, values: Tensor, largest: int, what: str, name: str) -> None:
        if values.numel() == 0:
            return
        low, high = (int(value) for value in values.aminmax())
        if low < 0 or high > largest:
            raise self._refusal(low if low < 0 else high, what, name)

    def _refusal(self, found: int, what: str, name: str) -> RefusedInput:
        allowed = f"0..{self.num_classes - 1}" + (f" and {IGNORE}" if what == "label" else "")
        return RefusedInput(f"{name}: {what} {found}, classes are {allowed}")

    def iou(self) -> list[float | None]:
        """Return each class's intersection over union; None for a class in neither truth nor prediction."""
        hits = np.diagonal(self.matrix)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - hits
        return [int(hit) / int(area) if area else None for hit, area in zip(hits, union, strict=True)]

    def miou(self) -> float | None:
        """Return the mean IoU over the classes that have one (0..1), Eq. 7; None when none has."""
        known = [value for value in self.iou() if value is not None]
        return sum(known) / len(known) if known else None

    def pixel_accuracy(self) -> float | None:
        """Return the fraction of labelled pixels that are right; None without labelled pixels."""
        total = int(self.matrix.sum())
        return int(np.trace(self.matrix)) / total if total else None

    def mean_accuracy(self) -> float | None:
        """Return the mean over the true classes of the fraction of their pixels that are right."""
        rows = self.matrix.sum(axis=1)
        hits = np.diagonal(self.matrix)
        known = [int(hit) / int(row) for hit, row in zip(hits, rows, strict=True) if row]
        return sum(known) / len(known) if known else None
