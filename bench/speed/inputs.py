"""Inputs that never repeat: white noise and photograph-like images in turn."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.speed.device import Device
from bench.speed.parity import parity_inputs

_MARGIN = 32
"""Pixels by which the bases are larger than an image, so that two images are cut from other places."""
_BASES = 2


class FreshInputs:
    """Normalised images of both kinds of `parity_inputs` in turn, never the same tensor nor the same values.

    Each is a mixture, in a new proportion, of two larger images, each cut at a new place: no two images share
    a part, and what is the same but for a shift or a factor does not occur.

    Args:
        batch, size_hw: The shape (batch, 3, height, width).
        device: Device and memory format of the images.
    """

    def __init__(self, batch: int, size_hw: tuple[int, int], device: Device) -> None:
        self._generator = torch.Generator().manual_seed(0)
        self._size_hw = size_hw
        self._format = device.memory_format
        shape = (batch, 3, *(side + _MARGIN for side in size_hw))
        bases = [parity_inputs(shape, seed) for seed in range(_BASES)]
        self._bases = [
            [base[kind].to(device.torch_device, memory_format=device.memory_format) for base in bases]
            for kind in bases[0]
        ]
        self._made = 0

    def take(self) -> Tensor:
        """Return the next one, of the other kind than the one before."""
        first, second = (self._cut(base) for base in self._bases[self._made % len(self._bases)])
        self._made += 1
        # 0.2 to 0.8 of the one and the rest of the other
        share = 0.2 + 0.6 * torch.rand((), generator=self._generator, dtype=torch.float64).item()
        image = torch.empty_like(first, memory_format=self._format)
        return torch.lerp(first, second, share, out=image)

    def _cut(self, base: Tensor) -> Tensor:
        top, left = torch.randint(_MARGIN + 1, (2,), generator=self._generator).tolist()
        height, width = self._size_hw
        return base[..., top : top + height, left : left + width]
