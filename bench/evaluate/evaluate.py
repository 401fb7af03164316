"""Evaluate a network on a split: whole images, one at a time, into one confusion matrix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from bench.data.dataset import SegmentationData
from bench.data.loader import evaluation_samples
from bench.data.statistics import Statistics, normalise
from bench.errors import NotMeasured
from bench.evaluate.confusion import Confusion


@dataclass(frozen=True)
class Evaluation:
    """The outcome on one split.

    Attributes
    ----------
    confusion
        Over the whole split.
    per_image
        (n, c, c) int32: each image's own matrix, in the order of ``names``; the bootstrap needs them.
    names
        Of the images.
    wall_s
        Reading, network and counting together.
    """

    confusion: Confusion
    per_image: np.ndarray[Any, np.dtype[np.int32]]
    names: tuple[str, ...]
    wall_s: float

    def values(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the scores as a record keeps them: fractions, None where a class has no score.

        Raises
        ------
        NotMeasured
            No pixel of the split has a label, so there is nothing to score.
        """
        miou = self.confusion.miou()
        if miou is None:
            raise NotMeasured("no labelled pixel in the split: nothing was measured")
        return {
            "miou": miou,
            "iou": dict(zip(classes, self.confusion.iou(), strict=True)),
            "pixel_accuracy": self.confusion.pixel_accuracy(),
            "mean_accuracy": self.confusion.mean_accuracy(),
            "images": len(self.names),
            "labelled_pixels": int(self.confusion.matrix.sum()),
            "ignored_pixels": self.confusion.ignored_pixels,
            "wall_s": self.wall_s,
        }

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the per-image matrices in sparse form: image, truth, prediction, count (int32), and size."""
        image, truth, prediction = np.nonzero(self.per_image)
        return {
            "image": image.astype(np.int32),
            "truth": truth.astype(np.int32),
            "prediction": prediction.astype(np.int32),
            "count": self.per_image[image, truth, prediction],
            "shape": np.array(self.per_image.shape, np.int32),
        }


def predictions(
    network: nn.Module, data: SegmentationData, statistics: Statistics, device: torch.device
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield (name, prediction, label), both (h, w) integer tensors at the label's size.

    Parameters
    ----------
    network
        Put into evaluation mode here; takes (1, 3, h, w) and returns (1, c, h, w).
    data
        Its images are read whole and in order.
    statistics
        What the network's weights expect.
    device
        Where the network is.
    """
    network.eval()
    for sample in evaluation_samples(data):
        image = normalise(sample.image[None].to(device), statistics)
        image = image.contiguous(memory_format=torch.channels_last)
        # not around the yield: inference mode would then hold in the caller too
        with torch.inference_mode():
            logits = network(image)
            if logits.shape[-2:] != sample.label.shape:
                logits = F.interpolate(logits, size=sample.label.shape, mode="bilinear")
            prediction = logits.argmax(dim=1)[0]
        yield sample.name, prediction, sample.label.to(device)


def evaluate(
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    device: torch.device,
    progress: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Return the outcome of a network on a split; ``progress`` is told the number of images done."""
    started = time.perf_counter()
    confusion = Confusion(len(data.classes))
    matrices, names = [], []
    for name, prediction, label in predictions(network, data, statistics, device):
        matrices.append(confusion.update(prediction, label, name).astype(np.int32))
        names.append(name)
        progress(len(names))
    return Evaluation(confusion, np.stack(matrices), tuple(names), time.perf_counter() - started)
