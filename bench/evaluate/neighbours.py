"""Which images of a split are neighbours: frames of one drive are no independent samples.

The images per block are the data set's (`bench.data.entry.Entry`). CamVid's test frames are one second apart.
On the recorded runs the influence of a frame on mIoU correlates with the next frame's by 0.3 to 0.6 and is
lost in the noise after 5 to 8 frames; the standard error of the difference of two runs grows from 0.0050
(blocks of 1) over 0.0066 (4) to 0.0070 (8) and then stays (0.0071 with 12, 0.0070 with 20). Longer blocks
would only leave fewer of them. Cityscapes (images along a drive) and NYUDv2 (two or three consecutive views
of a room) have the same length without such a measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.catalogue import known
from bench.errors import RefusedInput

Blocks = np.ndarray[Any, np.dtype[np.int64]]


def blocks_of_split(data: str, split: str, images: int) -> Blocks:
    """Return the number of each image's block where only the split is known, as in a record.

    A split whose sequences are not known, or of another number of images (a sample), is one sequence.

    Args:
        data, split: As a record names them.
        images: Number of images.
    """
    entry = known(data)
    if entry is None or entry.block_images == 1:
        return np.arange(images)
    lengths = entry.sequences.get(split, ())
    return blocks_of_sequences(lengths if sum(lengths) == images else (images,), entry.block_images)


def blocks_of_sequences(lengths: Sequence[int], block_images: int) -> Blocks:
    """Cut each sequence into blocks of neighbours, as equal as can be; no block lies in two sequences.

    Args:
        lengths: Images of each sequence.
        block_images: Wanted images per block, at least 1. A sequence of n images has round(n / block_images)
            blocks, at least one, whose lengths differ by at most one.

    Returns:
        The number of each image's block, from 0, (sum of lengths,).

    Raises:
        RefusedInput: A block of no image, or a sequence of none.
    """
    if block_images < 1 or any(length < 1 for length in lengths):
        raise RefusedInput(f"sequences of {list(lengths)} in blocks of {block_images}; expected 1 or more")
    numbers: list[Blocks] = []
    first = 0
    for length in lengths:
        count = max(1, (2 * length + block_images) // (2 * block_images))
        numbers.append(first + np.arange(length) * count // length)
        first += count
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
