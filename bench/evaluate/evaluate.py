"""Evaluate a network on a split: one image at a time, into one confusion matrix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import ANY, SizeRule
from bench.data.dataset import SegmentationData, require_labels
from bench.data.loader import evaluation_samples
from bench.data.statistics import Statistics, normalise
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.confusion import Confusion
from bench.evaluate.deferred import logits_of
from bench.evaluate.enlargement import Enlargement
from bench.evaluate.largest import largest
from bench.evaluate.peak import PeakMemory
from bench.evaluate.views import SINGLE, Views, padded, summed_probabilities


@dataclass(frozen=True)
class Evaluation:
    """The outcome on one split.

    Attributes:
        confusion: Over the whole split.
        per_image: (n, c, c) int32: each image's own matrix, in the order of ``names``; the bootstrap needs
            them.
        names: Names of the images.
        wall_s: Reading, network and counting together.
        peak_mib, peak_measured: The most memory that it took, and how that was measured; None where it was
            not (see ``PeakMemory``).
    """

    confusion: Confusion
    per_image: np.ndarray[Any, np.dtype[np.int32]]
    names: tuple[str, ...]
    wall_s: float
    peak_mib: float | None = None
    peak_measured: str | None = None

    def values(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """Return the scores as a record keeps them: fractions, None where a class has no score.

        Raises:
            NotMeasured: No pixel of the split has a label, so there is nothing to score.
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
            "peak_mib": self.peak_mib,
            "peak_measured": self.peak_measured,
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
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    device: torch.device,
    sizes: SizeRule = ANY,
    *,
    views: Views = SINGLE,
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield (name, prediction, label), both (h, w) integer tensors at the label's size.

    Args:
        network: Put into evaluation mode here; takes (1, 3, h, w) and returns (1, c, h, w).
        data: Its images are read whole and in order.
        statistics: What the network's weights expect.
        device: Where the network is.
        sizes: What the network takes: an image of another size is padded to the next that it takes, and the
            logits are cut back.
        views: What of an image the network is shown.

    Raises:
        UsageError: Windows of a size that the network does not take.
        RefusedInput: The network returns something else than logits of the data's classes.
        NotMeasured: It returns logits that are no numbers.
    """
    network.eval()
    views.require(sizes)
    for sample in evaluation_samples(data):
        image = normalise(sample.image[None].to(device), statistics)
        image = image.contiguous(memory_format=torch.channels_last)
        # not around the yield: inference mode would then hold in the caller too
        with torch.inference_mode():
            shower = _Shower(network, len(data.classes), sizes, sample.name)
            label_hw = (sample.label.shape[0], sample.label.shape[1])
            if views.single:
                prediction = shower.largest(image, label_hw)
            else:
                prediction = largest(summed_probabilities(shower.logits, image, views, label_hw))
        yield sample.name, prediction, sample.label.to(device)


@dataclass(frozen=True)
class _Shower:
    """Shows one image, or parts of it, to a network and checks what comes back."""

    network: nn.Module
    classes: int
    sizes: SizeRule
    name: str

    def logits(self, image: Tensor) -> Tensor:
        """Return the logits at the image's size."""
        height, width = image.shape[-2:]
        found = self._checked(self.network(padded(image, self.sizes)))[..., :height, :width]
        if found.shape[-2:] != (height, width):
            found = F.interpolate(found, size=(height, width), mode="bilinear")
        return found

    def largest(self, image: Tensor, label_hw: tuple[int, int]) -> Tensor:
        """Return the classes at the label's size, enlarging no more than a band of rows at a time."""
        height, width = image.shape[-2:]
        found = logits_of(self.network, padded(image, self.sizes), self.classes)
        if isinstance(found, Enlargement):
            self._checked(found.small)
            if label_hw == (height, width) and found.size_hw[0] >= height and found.size_hw[1] >= width:
                return found.largest(label_hw)
            found = found.whole()
        logits = self._checked(found)[..., :height, :width]
        if logits.shape[-2:] == label_hw:
            return largest(logits)
        smaller = all(have <= goal for have, goal in zip(logits.shape[-2:], label_hw, strict=True))
        if smaller and logits.device.type == "cpu" and logits.dtype == torch.float32:
            return Enlargement(logits, label_hw).largest()
        return largest(F.interpolate(logits, size=label_hw, mode="bilinear"))

    def _checked(self, found: object) -> Tensor:
        if not (isinstance(found, Tensor) and found.ndim == 4 and found.shape[1] == self.classes):
            shape = f" of {tuple(found.shape)}" if isinstance(found, Tensor) else ""
            raise RefusedInput(
                f"in evaluation the network returned a {type(found).__name__}{shape}; must be logits "
                f"(b, {self.classes}, h, w)"
            )
        if bool(found.amax().isnan()):
            raise NotMeasured(f"{self.name}: the network returned logits that are not numbers (NaN)")
        return found


def evaluate(
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    device: torch.device,
    progress: Callable[[int], None] = lambda done: None,
    *,
    sizes: SizeRule = ANY,
    views: Views = SINGLE,
) -> Evaluation:
    """Return the outcome of a network on a split; ``progress`` is called with the number of images done.

    ``sizes`` and ``views`` as in ``predictions``.

    Raises:
        RefusedInput: A split without labels, before the first image is read.
    """
    require_labels(data)
    started = time.perf_counter()
    confusion = Confusion(len(data.classes))
    matrices, names = [], []
    with PeakMemory(device) as peak:
        for name, prediction, label in predictions(network, data, statistics, device, sizes, views=views):
            matrices.append(confusion.update(prediction, label, name).astype(np.int32))
            names.append(name)
            progress(len(names))
    wall_s = time.perf_counter() - started
    return Evaluation(confusion, np.stack(matrices), tuple(names), wall_s, peak.mib, peak.measured)
