"""Each image's hits, true and predicted pixels by class: all of a confusion matrix that mIoU looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.errors import NotMeasured, RefusedInput

Array = np.ndarray[Any, Any]
Matrices = Array | Mapping[str, Array]
"""Per-image confusion matrices of one seed: (images, c, c), or sparse as ``Evaluation.arrays`` keeps them."""

HITS, TRUE, PREDICTED = range(3)
"""Places in the second axis of what `counts_of` returns."""


def counts_of(matrices: Matrices) -> Array:
    """Return hits, true and predicted pixels, (images, 3, classes) int64.

    Raises:
        RefusedInput: Matrices that are not square, one an image.
    """
    if isinstance(matrices, Mapping):
        return _counts_of_sparse(matrices)
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2]:
        raise RefusedInput(f"matrices of shape {matrices.shape}; must be (images, classes, classes)")
    # summed as int64: int32 overflows with large images
    true, predicted = (matrices.sum(axis=axis, dtype=np.int64) for axis in (2, 1))
    return np.stack([np.diagonal(matrices, axis1=1, axis2=2).astype(np.int64), true, predicted], axis=1)


def miou_of(counts: Array) -> Array:
    """Return mIoU as ``Confusion.miou`` defines it, of summed counts (..., 3, classes).

    Raises:
        NotMeasured: No class has an IoU.
    """
    hits = counts[..., HITS, :]
    union = counts[..., TRUE, :] + counts[..., PREDICTED, :] - hits
    known = (union > 0).sum(axis=-1)
    if not known.all():
        raise NotMeasured("no labelled pixel in the images, or in those outside one block")
    return np.asarray((hits / np.maximum(union, 1)).sum(axis=-1) / known)


def _counts_of_sparse(matrices: Mapping[str, Array]) -> Array:
    images, classes = (int(size) for size in matrices["shape"][:2])
    image, truth, predicted = (matrices[name].astype(np.int64) for name in ("image", "truth", "prediction"))
    hit = truth == predicted

    def summed(where: Array, number: Array) -> Array:
        cells = np.zeros(images * classes, np.int64)
        np.add.at(cells, where, number)
        return cells.reshape(images, classes)

    number = matrices["count"]
    first = image * classes
    kinds = (summed((first + truth)[hit], number[hit]), summed(first + truth, number))
    return np.stack([*kinds, summed(first + predicted, number)], axis=1)
