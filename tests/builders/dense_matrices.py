"""Confusion matrices as an accuracy record stores them, written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def dense(arrays: Mapping[str, Array]) -> Array:
    """Return the matrix of each image, (images, classes, classes) int64, of a record's sparse arrays."""
    matrices = np.zeros(tuple(arrays["shape"]), np.int64)
    matrices[arrays["image"], arrays["truth"], arrays["prediction"]] = arrays["count"]
    return matrices
