"""A network of two convolutions, with something between them, and its counts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from torch import Tensor, nn

from baselines.method import Method
from bench.cost.count import count_costs

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.cost.costs import Costs

HEIGHT, WIDTH = 4, 6
PIXELS = HEIGHT * WIDTH
ENDS = 3 * 8 + 8 * 4
"""Multiply-adds per pixel of the two 1x1 convolutions of `Net`."""
THOP_ENDS = 3 * 8 * 2 + 8 * 4 * 2
"""The same by thop's rule: a bias counts once for each input channel."""


class Net(nn.Module):
    """1x1 convolutions from 3 to 8 channels and from 8 to 4, with something between them."""

    def __init__(self, middle: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.middle = nn.Identity() if middle is None else middle
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.last(self.middle(self.first(image)))
        return found


def method(build: Callable[[], nn.Module]) -> Method:
    def builder(num_classes: int) -> nn.Module:
        assert num_classes == 4
        return build()

    sys.modules[__name__].built = builder  # type: ignore[attr-defined]
    return Method("own", "own", "", 0, f"{__name__}:built", size_hw=(HEIGHT, WIDTH), num_classes=4)


def cost(build: Callable[[], nn.Module]) -> Costs:
    return count_costs(method(build), 4, (HEIGHT, WIDTH))
