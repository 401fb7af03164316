"""What the fast form's tests share: a compiler, and maps in channels last."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from carnet.fast.training.library import library


@pytest.fixture
def with_c() -> None:
    if library() is None:
        pytest.skip("no C compiler here, or not Linux")


@pytest.fixture
def drawn_map() -> Callable[..., Tensor]:
    """Draw a map of normal values, times a scale and plus an offset, in channels last."""

    def draw(*shape: int, seed: int = 0, scale: float = 1.0, offset: float = 0.0) -> Tensor:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale + offset
        return x.contiguous(memory_format=torch.channels_last)

    return draw
