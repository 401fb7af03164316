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

    Parameters
    ----------
    num_classes
        Labels and predictions are 0..num_classes-1; label 255 is not counted.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.matrix: Matrix = np.zeros((num_classes, num_classes), np.int64)
        self.ignored_pixels = 0

    def update(self, prediction: Tensor, label: Tensor, name: str = "a sample") -> Matrix:
        """Add one image (or batch) and return its own matrix.

        Parameters
        ----------
        prediction, label
            Integer tensors of one shape.
        name
            The sample, for the message.

        Raises
        ------
        RefusedInput
            Shapes that differ, or a value outside 0..num_classes-1 (label: and not 255), which would
            otherwise be counted in another class's row.
        """
        if prediction.shape != label.shape:
            raise RefusedInput(
                f"{name}: prediction {tuple(prediction.shape)}, label {tuple(label.shape)}; must be equal"
            )
        counted = label != IGNORE
        truth = label[counted].long()
        answer = prediction[counted].long()
        self._check(answer, "prediction", name)
        self._check(truth, "label", name)
        cells = torch.bincount(truth * self.num_classes + answer, minlength=self.num_classes**2)
        matrix: Matrix = cells.reshape(self.num_classes, self.num_classes).cpu().numpy()
        self.matrix += matrix
        self.ignored_pixels += label.numel() - truth.numel()
        return matrix

    def _check(self, values: Tensor, what: str, name: str) -> None:
        if values.numel() == 0:
            return
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= self.num_classes:
            found = low if low < 0 else high
            allowed = f"0..{self.num_classes - 1}" + (f" and {IGNORE}" if what == "label" else "")
            raise RefusedInput(f"{name}: {what} {found}, classes are {allowed}")

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
