"""Validation while training: the mIoU on the split ``val``, its images shared out over the processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from baselines.sizes import SizeRule
from bench.data.dataset import Sample, SegmentationData
from bench.data.kept import read_kept
from bench.data.statistics import Statistics
from bench.errors import NotMeasured
from bench.evaluate.confusion import Confusion
from bench.evaluate.evaluate import evaluate
from bench.train.ranks import summed

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def validation_on(
    data: SegmentationData,
    statistics: Statistics,
    fabric: Fabric,
    sizes: SizeRule,
    watch: Callable[[int, int], None],
) -> Callable[[nn.Module], float]:
    """Return what maps a network to its mIoU (0..1), the same in every process.

    Args:
        data: Split, read whole and in order; each of n processes takes every n-th image.
        statistics, sizes: Statistics that normalise the network's images, and the sizes that it takes.
        fabric: Device and processes.
        watch: Called with images done and images in all, of this process.
    """
    share = EveryNth(data, fabric.global_rank, fabric.world_size, keep=True)

    def validate(network: nn.Module) -> float:
        confusion = Confusion(len(data.classes))
        if len(share):
            found = evaluate(
                network, share, statistics, fabric.device, lambda done: watch(done, len(share)), sizes=sizes
            )
            confusion = found.confusion
        if fabric.world_size > 1:
            # whole numbers, so the sum is that of one process
            matrix = torch.from_numpy(confusion.matrix).to(fabric.device)
            confusion.matrix = summed(fabric, matrix).cpu().numpy()
        miou = confusion.miou()
        if miou is None:
            raise NotMeasured(f"{data.name} {data.split}: no labelled pixel, so nothing was measured")
        return miou

    return validate


class EveryNth:
    """The images first, first + n, first + 2 n, ... of a split.

    Args:
        data, first, n: The split, and which of its images.
        keep: Whether they will be read again, and so are kept in memory.
    """

    def __init__(self, data: SegmentationData, first: int, n: int, *, keep: bool = False) -> None:
        self.data, self.keep = data, keep
        self.indices = range(first, len(data), n)
        self.name, self.split = data.name, data.split
        self.classes, self.palette, self.synthetic = data.classes, data.palette, data.synthetic

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Sample:
        """Return the sample at ``index`` of this share."""
        return read_kept(self.data, self.indices[index], keep=self.keep)

    def manifest(self) -> dict[str, str]:
        """Return the whole split's manifest."""
        return self.data.manifest()
