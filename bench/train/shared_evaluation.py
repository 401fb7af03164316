"""An evaluation whose images are shared out over processes: the parts make the evaluation of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from baselines.sizes import SizeRule
from bench.data.dataset import SegmentationData
from bench.data.statistics import Statistics
from bench.errors import UsageError
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import Evaluation, evaluate
from bench.evaluate.views import Views
from bench.train.validation import EveryNth

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def evaluate_shared(
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    fabric: Fabric,
    progress: Callable[[int, int], None],
    *,
    sizes: SizeRule,
    views: Views,
) -> Evaluation:
    """Return the outcome of a network on a split, the same in every process.

    Args:
        network, data, statistics, sizes, views: As `bench.evaluate.evaluate.evaluate` takes them; each of n
            processes reads every n-th image.
        fabric: Device and processes.
        progress: Called in the first process with images done by all, as far as it knows, and in all.

    Raises:
        UsageError: Fewer images than processes.
    """
    ranks, images = fabric.world_size, len(data)
    if images < ranks:
        raise UsageError(f"{ranks} devices for the {images} images of {data.name} {data.split}")
    share = EveryNth(data, fabric.global_rank, ranks) if ranks > 1 else data

    def shown(done: int) -> None:
        if fabric.is_global_zero:
            progress(min(ranks * done, images), images)

    mine = evaluate(network, share, statistics, fabric.device, shown, sizes=sizes, views=views, repeat=True)
    if ranks == 1:
        return mine
    parts: list[Evaluation] = [mine] * ranks
    torch.distributed.all_gather_object(parts, mine)
    return merged(parts)


def merged(parts: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation of a whole split from those of its shares, each in the split's order.

    Part r of n holds the images r, r + n, r + 2 n, ...; time and memory are those of the part that took most.
    """
    confusion = Confusion(parts[0].confusion.num_classes)
    per_image = np.zeros((sum(len(part.names) for part in parts), *confusion.matrix.shape), np.int32)
    for first, part in enumerate(parts):
        # whole numbers, so the sum is that of one process
        confusion.matrix += part.confusion.matrix
        confusion.ignored_pixels += part.confusion.ignored_pixels
        per_image[first :: len(parts)] = part.per_image
    in_turn = chain.from_iterable(zip_longest(*(part.names for part in parts)))
    peaks = [part.peak_mib for part in parts if part.peak_mib is not None]
    said = [note for part in parts for note in part.notes]
    return Evaluation(
        confusion,
        per_image,
        tuple(name for name in in_turn if name is not None),
        max(part.wall_s for part in parts),
        max(peaks, default=None),
        parts[0].peak_measured,
        tuple(dict.fromkeys(reason for part in parts for reason in part.reasons)),
        (*dict.fromkeys(said), f"images shared out over {len(parts)} processes"),
    )
