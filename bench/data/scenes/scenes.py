"""`scenes`: an embedded set of synthetic street scenes, drawn by procedure, with exact labels.

Every image is synthetic: a number measured here says that a model learns and that the machinery works, and
nothing about any real data set. What makes it more than a colouring exercise:

* classes that are told apart by context share their colours and grain: road and sidewalk; building, wall and
  fence; vegetation and terrain; person and rider; car, truck, bus and train; bicycle and motorcycle; posts
  and trunks. The nearest class mean of one pixel's colour reaches 0.05 mIoU, the likeliest class of
  a pixel's place 0.12 (tested with limits in `tests/data/test_scenes.py`);
* day, overcast and dusk, haze, cast shadows, blur and sensor noise;
* perspective on straight and bending streets, with occlusion, from seats 1.3 to 1.7 m above the road;
* rare classes, as in Cityscapes. Share of labelled pixels (%) and number of images that hold the class,
  measured over the 200 training scenes of seed 0 at 128x256 (void besides: 3.8 % of all pixels)::

    road           38.42  200   sidewalk        4.95  199   building       18.29  200
    wall            0.82  140   fence           0.58  148   pole            1.65  200
    traffic light   0.14  115   traffic sign    0.44  179   vegetation     13.89  200
    terrain         0.66  150   sky            10.12  200   person          1.16  196
    rider           0.15   73   car             7.22  199   truck           0.42   46
    bus             0.38   48   train           0.28   39   motorcycle      0.12   61
    bicycle         0.33  117

A street is drawn in metres before its size in pixels is known: the same seed and index give the same street
at every size, apart from grain and sensor noise.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.data.dataset import Sample
from bench.data.scenes.classes import CLASSES, PALETTE
from bench.data.scenes.layout import draw_street
from bench.data.scenes.painting import paint_street
from bench.errors import RefusedInput, unknown

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bench.data.scenes.canvas import Bytes

DEFAULT_COUNTS = {"train": 200, "val": 40, "test": 60}
SMALLEST_SIDE_PX = 32
LARGEST_SIDE_PX = 8192
MOST_IMAGES = 1_000_000
CACHE_BYTES = 256 * 2**20

# the second word of each split's seeds; splits never share one
_STREAMS = {"train": 1, "val": 2, "test": 3}
# (seed, stream, index, size) -> digests of the image and of image and label; 128 characters an image
_DIGESTS: dict[tuple[int, int, int, tuple[int, int]], tuple[str, str]] = {}


def draw_scene(rng: np.random.Generator, size_hw: tuple[int, int]) -> tuple[Bytes, Bytes]:
    """Draw one synthetic street scene.

    Args:
        rng: A generator on PCG64. Only its raw stream is used, which NumPy keeps stable between versions.
        size_hw: Height and width, pixels.

    Returns:
        The image, RGB, uint8 (h, w, 3); and the label, uint8 (h, w): train ids 0..18, and 255 for void, drawn
        without smoothing.
    """
    return paint_street(draw_street(rng), size_hw, rng)


class Scenes:
    """One split of the synthetic street scenes (a `SegmentationData`).

    A sample depends on seed, split, index and size only, bit for bit and on every machine. Drawing takes
    about 10 ms at 128x256 on one core; drawn samples are kept in memory up to 256 MiB a process and object
    (h * w * 4 bytes each: 25 MiB for 200 at 128x256) and drawn again beyond that.

    Args:
        split: ``train``, ``val`` or ``test``; they draw from disjoint streams of seeds.
        count: Number of images; by default 200, 40 and 60.
        size_hw: Height and width, pixels, 32 to 8192 each.
        seed: Another seed (0 or more) gives another set.

    Raises:
        UsageError: Another split.
        RefusedInput: Count, size or seed is out of range.
    """

    name = "scenes"
    classes = CLASSES
    palette = PALETTE
    synthetic = True

    def __init__(
        self,
        split: str,
        count: int | None = None,
        size_hw: tuple[int, int] = (128, 256),
        seed: int = 0,
    ) -> None:
        if split not in _STREAMS:
            raise unknown("split of the synthetic scenes", split, list(_STREAMS))
        self.split = split
        self.count = DEFAULT_COUNTS[split] if count is None else count
        self.size_hw = (size_hw[0], size_hw[1])
        self.seed = seed
        if not 1 <= self.count <= MOST_IMAGES:
            raise RefusedInput(f"synthetic scenes {split}: count {count}, expected 1..{MOST_IMAGES}")
        if min(self.size_hw) < SMALLEST_SIDE_PX or max(self.size_hw) > LARGEST_SIDE_PX:
            size = f"{self.size_hw[0]}x{self.size_hw[1]}"
            allowed = f"{SMALLEST_SIDE_PX}..{LARGEST_SIDE_PX}"
            raise RefusedInput(f"synthetic scenes {split}: size {size}, expected sides of {allowed}")
        if seed < 0:
            raise RefusedInput(f"synthetic scenes {split}: seed {seed}, expected 0 or more")
        self._kept: dict[int, tuple[Bytes, Bytes]] = {}

    def __len__(self) -> int:
        return self.count

    def sample_name(self, index: int) -> str:
        """Return the name of a sample without drawing it, e.g. ``train-00012``."""
        return f"{self.split}-{self._checked(index):05d}"

    def read(self, index: int) -> Sample:
        """Return the synthetic sample at `index`; its tensors are the caller's own.

        Raises:
            RefusedInput: There is no such sample.
        """
        image, label = self._arrays(index)
        return Sample(torch.from_numpy(image.copy()), torch.from_numpy(label.copy()), self.sample_name(index))

    def version(self, index: int) -> Hashable:
        """Return what decides the sample at ``index``."""
        return type(self), self.seed, self.split, self._checked(index), self.size_hw

    def manifest(self) -> dict[str, str]:
        """Return {sample name: SHA-256 of its image bytes (3, h, w) and then its label bytes (h, w)}.

        All samples are drawn the first time; the digests are kept for the process.
        """
        return {self.sample_name(index): self._digests(index)[1] for index in range(self.count)}

    def image_digests(self) -> dict[str, str]:
        """Return {sample name: SHA-256 of its image bytes}, by which shared images are found."""
        return {self.sample_name(index): self._digests(index)[0] for index in range(self.count)}

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise RefusedInput(
                f"synthetic scenes {self.split}: sample {index}, samples are 0..{self.count - 1}"
            )
        return index

    def _arrays(self, index: int) -> tuple[Bytes, Bytes]:
        """Return image (3, h, w) and label (h, w), from memory where they are kept."""
        if self._checked(index) in self._kept:
            return self._kept[index]
        words = np.random.SeedSequence([self.seed, _STREAMS[self.split], index])
        image, label = draw_scene(np.random.Generator(np.random.PCG64(words)), self.size_hw)
        drawn = np.ascontiguousarray(image.transpose(2, 0, 1)), label
        height, width = self.size_hw
        if (len(self._kept) + 1) * height * width * 4 <= CACHE_BYTES:
            self._kept[index] = drawn
        return drawn

    def _digests(self, index: int) -> tuple[str, str]:
        key = (self.seed, _STREAMS[self.split], index, self.size_hw)
        if key not in _DIGESTS:
            image, label = self._arrays(index)
            digest = hashlib.sha256(image.tobytes())
            image_alone = digest.hexdigest()
            digest.update(label.tobytes())
            _DIGESTS[key] = (image_alone, digest.hexdigest())
        return _DIGESTS[key]
