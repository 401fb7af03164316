"""What an engine costs in accuracy: its mIoU next to eager's, on the same images at their own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.data.dataset import Sample, SegmentationData, manifest_digest, require_labels
from bench.data.statistics import Statistics, normalise
from bench.errors import NotMeasured, RefusedInput, UsageError
from bench.evaluate.confusion import Confusion
from bench.results.value_types import EngineScore

MAX_LOSS = 0.01
"""mIoU that an engine may lose by default: 1 point."""


@dataclass(frozen=True)
class Judge:
    """Scores engines on a labelled split, and refuses one that loses too much.

    Attributes:
        data: Its images must have the one size that an engine takes.
        statistics: What the network's weights expect.
        max_loss: Most mIoU that an engine may lose, 0..1.
        progress: Called with a stage and the share done.
    """

    data: SegmentationData
    statistics: Statistics
    max_loss: float = MAX_LOSS
    progress: Callable[[str, float], None] = lambda stage, share: None

    def miou(
        self,
        name: str,
        infer: Callable[[Tensor], Any],
        shape: Sequence[int],
        device: torch.device,
        layout: torch.memory_format = torch.contiguous_format,
    ) -> float:
        """Return the mIoU over the split.

        Args:
            name: Name of what is scored, for messages.
            infer: From a normalised float32 image (b, 3, h, w) to logits (b, c, h, w).
            shape: The shape (b, 3, h, w) that it takes.
            device, layout: Device and memory format of its input.

        Raises:
            UsageError: Images of another size.
            RefusedInput: No labels; logits of another shape or number of classes.
            NotMeasured: No labelled pixel.
        """
        require_labels(self.data)
        confusion = Confusion(len(self.data.classes))
        done = 0
        for samples, images in batches(self.data, range(len(self.data)), self.statistics, shape):
            logits = infer(images.to(device).contiguous(memory_format=layout))
            wanted = (shape[0], len(self.data.classes), *shape[2:])
            if tuple(logits.shape) != wanted:
                raise RefusedInput(f"{name}: logits of {tuple(logits.shape)}, expected {wanted}")
            predictions = logits.argmax(1).cpu()
            for sample, prediction in zip(samples, predictions, strict=False):
                confusion.update(prediction, sample.label, sample.name)
            done += len(samples)
            self.progress(f"mIoU of {name}", done / len(self.data))
        miou = confusion.miou()
        if miou is None:
            raise NotMeasured(f"{self.data.name} {self.data.split}: no labelled pixel to score {name} on")
        return miou

    def accuracy(self, name: str, eager_miou: float, miou: float) -> EngineScore:
        """Return a score next to eager's, or refuse it.

        Raises:
            RefusedInput: The loss is above ``max_loss``.
        """
        data, loss = self.data, eager_miou - miou
        digest = manifest_digest(data)
        found = EngineScore(
            data=data.name,
            split=data.split,
            images=len(data),
            manifest_sha256=digest,
            eager_miou=eager_miou,
            miou=miou,
            loss=loss,
            max_loss=self.max_loss,
        )
        if found.loss > self.max_loss:
            raise RefusedInput(
                f"{name}: {found}",
                then="change the calibration (--calibrate DATA:COUNT, --calibration-method), or accept more "
                "with --max-loss",
            )
        return found


def batches(
    data: SegmentationData, indices: Sequence[int], statistics: Statistics, shape: Sequence[int]
) -> Iterator[tuple[list[Sample], Tensor]]:
    """Yield samples and their normalised images (b, 3, h, w); the last batch is filled with its last image.

    Raises:
        UsageError: An image of another size than ``shape`` has.
        RefusedInput: A file that is bad.
    """
    batch, size_hw = shape[0], tuple(shape[2:])
    for start in range(0, len(indices), batch):
        samples = [data.read(index) for index in indices[start : start + batch]]
        for sample in samples:
            if tuple(sample.image.shape[1:]) != size_hw:
                height, width = sample.image.shape[1:]
                raise UsageError(
                    f"{data.name} {data.split}: {sample.name} is {height}x{width}, an engine takes "
                    f"{size_hw[0]}x{size_hw[1]} only",
                    then=f"--size {height}x{width}",
                )
        images = [sample.image for sample in samples]
        images += [images[-1]] * (batch - len(images))
        yield samples, normalise(torch.stack(images), statistics)
