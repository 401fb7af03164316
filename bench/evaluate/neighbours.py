"""Which images of a split are neighbours: frames of one drive are no independent samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bench.errors import RefusedInput

Blocks = np.ndarray[Any, np.dtype[np.int64]]

BLOCK_IMAGES = {"camvid": 8, "camvid-full": 8, "cityscapes": 8, "nyudv2": 8}
"""Images a block, by data set; sets that are not here hold photographs of their own, so blocks of 1.

CamVid's test frames are one second apart. On the recorded runs the influence of a frame on mIoU correlates
with the next frame's by 0.3 to 0.6 and is lost in the noise after 5 to 8 frames; the standard error of the
difference of two runs grows from 0.0050 (blocks of 1) over 0.0066 (4) to 0.0070 (8) and then stays (0.0071
with 12, 0.0070 with 20). Longer blocks would only leave fewer of them. Cityscapes (images along a drive) and
NYUDv2 (two or three views of a room after each other) have the same length without such a measurement.
"""

_SEQUENCE_IMAGES: dict[tuple[str, str], tuple[int, ...]] = {
    ("camvid", "val"): (101,),  # 0016E5
    ("camvid", "test"): (62, 171),  # 0001TP, Seq05VD
    ("cityscapes", "val"): (267, 59, 174),  # frankfurt, lindau, munster
}
"""Images of each sequence, in the order of the list: a record holds no names."""


def blocks_of_names(data: str, names: Sequence[str]) -> Blocks:
    """Return the number of each image's block, by the names of the images.

    Images are of one sequence while what stands before the first underscore stays the same: the video of
    CamVid (``0001TP_008550``), the city of Cityscapes (``munster_000000_000019``).

    Parameters
    ----------
    data
        The set's name.
    names
        Of the images, in the order in which they are scored; folders and endings do not matter.
    """
    if data not in BLOCK_IMAGES:
        return np.arange(len(names))
    keys = [PurePosixPath(name).name.partition("_") for name in names]
    # a name without an underscore is a number: all of them are one sequence
    runs = [sum(1 for _ in run) for _, run in groupby(head if line else "" for head, line, _ in keys)]
    return blocks_of_sequences(runs, BLOCK_IMAGES[data])


def blocks_of_split(data: str, split: str, images: int) -> Blocks:
    """Return the number of each image's block where only the split is known, as in a record.

    A split whose sequences are not known, or of another number of images (a sample), is one sequence.

    Parameters
    ----------
    data, split
        As a record names them.
    images
        How many there are.
    """
    if data not in BLOCK_IMAGES:
        return np.arange(images)
    known = _SEQUENCE_IMAGES.get((data.removesuffix("-full"), split), ())
    return blocks_of_sequences(known if sum(known) == images else (images,), BLOCK_IMAGES[data])


def blocks_of_sequences(lengths: Sequence[int], block_images: int) -> Blocks:
    """Cut each sequence into blocks of neighbours, as equal as can be; no block lies in two sequences.

    Parameters
    ----------
    lengths
        Images of each sequence.
    block_images
        Wanted images a block, at least 1. A sequence of n images has round(n / block_images) blocks, at
        least one, whose lengths differ by at most one.

    Returns
    -------
    The number of each image's block, from 0, (sum of lengths,).

    Raises
    ------
    RefusedInput
        A block of no image, or a sequence of none.
    """
    if block_images < 1 or any(length < 1 for length in lengths):
        raise RefusedInput(f"sequences of {list(lengths)} in blocks of {block_images}; must be 1 or more")
    numbers: list[Blocks] = []
    first = 0
    for length in lengths:
        count = max(1, (2 * length + block_images) // (2 * block_images))
        numbers.append(first + np.arange(length) * count // length)
        first += count
    return np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
