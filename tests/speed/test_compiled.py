"""What torch.compile gets wrong by itself, and the engine does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.speed.engines.compiled import may_freeze, prepare
from bench.speed.engines.engine import Conditions
from bench.speed.parity import compare, parity_inputs
from bench.speed.subjects import stir_norms


class Enlarged(nn.Module):
    """A transposed convolution with a batch norm, as in ENet's decoder."""

    def __init__(self, num_classes: int = 3) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, num_classes, 3, stride=2, padding=1, output_padding=1)
        self.bn = nn.BatchNorm2d(num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.bn(self.up(image))  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_batch_norm_after_a_transposed_convolution_of_equal_channels_is_computed_rightly() -> None:
    network = Enlarged().eval()
    stir_norms(network)
    image = parity_inputs((1, 3, 8, 12))["random"]
    with torch.inference_mode():
        compiled = prepare(network, image, Conditions(torch.device("cpu"), 1))
        found = compare(compiled.infer(image), network(image))
    assert found.relative is not None
    assert found.relative < 1e-5


@pytest.mark.parametrize(
    ("network", "frozen"),
    [
        (nn.Conv2d(4, 4, 3), True),
        (Enlarged(5), True),
        (Enlarged(3), False),
        (nn.Sequential(nn.Sequential(nn.ConvTranspose1d(2, 2, 3))), False),
    ],
)
def test_weights_are_frozen_wherever_the_compiler_folds_them_rightly(
    network: nn.Module, frozen: bool
) -> None:
    assert may_freeze(network) is frozen
