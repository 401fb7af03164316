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
from bench.data.dataset import Sample, SegmentationData, require_labels
from bench.data.loader import evaluation_samples
from bench.data.statistics import Statistics, normalise
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.confusion import Confusion
from bench.evaluate.deferred import logits_of
from bench.evaluate.enlargement import Enlargement
from bench.evaluate.largest import largest
from bench.evaluate.peak import PeakMemory
from bench.evaluate.views import SINGLE, Views, padded, summed_probabilities
from bench.torch_settings import settings_kept

_AT_ONCE = 8
"""Views or windows of one size that an accelerator is given in one call."""


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
        reasons: Why the scores are not valid; empty when they are.
        notes: What a reader of the scores must know of the network.
    """

    confusion: Confusion
    per_image: np.ndarray[Any, np.dtype[np.int32]]
    names: tuple[str, ...]
    wall_s: float
    peak_mib: float | None = None
    peak_measured: str | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
        network: Put into evaluation mode here; takes (b, 3, h, w) and returns (b, c, h, w), where b is 1 on a
            CPU; elsewhere several views of an image are shown at once.
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
        shower = _Shower(network, len(data.classes), sizes, sample.name)
        yield sample.name, shower.prediction(sample, statistics, device, views), sample.label.to(device)


@dataclass(frozen=True)
class _Shower:
    """Shows one image, or parts of it, to a network and checks what comes back."""

    network: nn.Module
    classes: int
    sizes: SizeRule
    name: str

    def prediction(
        self, sample: Sample, statistics: Statistics, device: torch.device, views: Views
    ) -> Tensor:
        """Return the classes of an image, (h, w) integers at the label's size."""
        image = normalise(sample.image[None].to(device), statistics)
        image = image.contiguous(memory_format=torch.channels_last)
        label_hw = (sample.label.shape[0], sample.label.shape[1])
        with torch.inference_mode():
            if views.single:
                return self.largest(image, label_hw)
            at_once = 1 if device.type == "cpu" else _AT_ONCE
            return largest(self.summed(image, views, label_hw, at_once))

    def summed(self, image: Tensor, views: Views, label_hw: tuple[int, int], at_once: int) -> Tensor:
        """Return the summed probabilities, of single views where the device has no memory for more."""
        try:
            return summed_probabilities(self.logits, image, views, label_hw, at_once=at_once)
        except torch.OutOfMemoryError:
            if at_once == 1:
                raise
        return summed_probabilities(self.logits, image, views, label_hw)

    def logits(self, image: Tensor) -> Tensor:
        """Return the logits of some views at their size."""
        given = padded(image, self.sizes)
        found = self._cut(self._checked(self.network(given), len(given)), image, given)
        height, width = image.shape[-2:]
        if found.shape[-2:] != (height, width):
            found = F.interpolate(found, size=(height, width), mode="bilinear")
        return found

    def largest(self, image: Tensor, label_hw: tuple[int, int]) -> Tensor:
        """Return the classes at the label's size, enlarging no more than a band of rows at a time."""
        height, width = image.shape[-2:]
        given = padded(image, self.sizes)
        found = logits_of(self.network, given, self.classes)
        if isinstance(found, Enlargement):
            self._checked(found.small)
            if label_hw == (height, width) and found.size_hw[0] >= height and found.size_hw[1] >= width:
                return found.largest(label_hw)
            found = found.whole()
        logits = self._cut(self._checked(found), image, given)
        if logits.shape[-2:] == label_hw:
            return largest(logits)
        smaller = all(have <= goal for have, goal in zip(logits.shape[-2:], label_hw, strict=True))
        if smaller and logits.device.type == "cpu" and logits.dtype == torch.float32:
            return Enlargement(logits, label_hw).largest()
        return largest(F.interpolate(logits, size=label_hw, mode="bilinear"))

    @staticmethod
    def _cut(logits: Tensor, image: Tensor, given: Tensor) -> Tensor:
        """Return the logits without those of the padding."""
        padded_hw, (height, width) = given.shape[-2:], image.shape[-2:]
        # smaller ones show the padding too, so they are brought to its size before it is cut off
        if padded_hw != image.shape[-2:] and (logits.shape[-2] < height or logits.shape[-1] < width):
            logits = F.interpolate(logits, size=padded_hw, mode="bilinear")
        return logits[..., :height, :width]

    def _checked(self, found: object, images: int = 1) -> Tensor:
        if not (
            isinstance(found, Tensor)
            and found.ndim == 4
            and found.shape[:2] == (images, self.classes)
            and found.numel()
            and found.is_floating_point()
        ):
            kind = ""
            if isinstance(found, Tensor):
                dtype = "" if found.is_floating_point() else f", {found.dtype}"
                kind = f" of {tuple(found.shape)}{dtype}"
            raise RefusedInput(
                f"in evaluation the network returned a {type(found).__name__}{kind}; must be logits "
                f"(b, {self.classes}, h, w)"
            )
        # one quick pass: only a sum that is not finite needs a look at each of them
        if not bool(found.sum().isfinite()) and not bool(found.isfinite().all()):
            raise NotMeasured(
                f"{self.name}: the network returned logits that are not numbers (NaN or infinite)",
                then="see where its forward pass divides, takes a logarithm or masks with -inf",
            )
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
    repeat: bool = False,
) -> Evaluation:
    """Return the outcome of a network on a split; ``progress`` is called with the number of images done.

    ``sizes`` and ``views`` as in ``predictions``. Torch's global settings are the same afterwards; scores of
    a network that changes them are not valid.

    Args:
        repeat: Whether the first image is shown a second time at the end, to see whether the network answers
            it as before.

    Raises:
        RefusedInput: A split without labels, before the first image is read.
    """
    require_labels(data)
    started = time.perf_counter()
    confusion = Confusion(len(data.classes))
    matrices, names = [], []
    changes: list[str] = []
    first: Tensor | None = None
    notes: tuple[str, ...] = ()
    with settings_kept(changes, nested=True), PeakMemory(device) as peak:
        for name, prediction, label in predictions(network, data, statistics, device, sizes, views=views):
            matrices.append(confusion.update(prediction, label, name).astype(np.int32))
            first = prediction if first is None else first
            names.append(name)
            progress(len(names))
        wall_s = time.perf_counter() - started
        if repeat and first is not None:
            shower = _Shower(network, len(data.classes), sizes, names[0])
            notes = _other_answers(
                first, shower.prediction(data.read(0), statistics, device, views), names[0]
            )
    reasons = (f"the network changed torch's settings: {', '.join(changes)}",) if changes else ()
    return Evaluation(
        confusion, np.stack(matrices), tuple(names), wall_s, peak.mib, peak.measured, reasons, notes
    )


def _other_answers(first: Tensor, again: Tensor, name: str) -> tuple[str, ...]:
    """Return a note where an image shown twice got two answers."""
    share = (first != again).double().mean().item()
    if share == 0.0:
        return ()
    return (
        f"random: {name} shown a second time got other classes at {share:.2%} of its pixels, so the scores "
        "differ from call to call (dropout in evaluation, or a state that calls change)",
    )
