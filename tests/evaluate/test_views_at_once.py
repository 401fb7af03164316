"""Views shown to a network at once, as an accelerator is given them: the numbers of one at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from baselines.sizes import ANY
from bench.evaluate.evaluate import _Shower
from bench.evaluate.views import MSC, Views, summed_probabilities


class Remembering(nn.Module):
    """A convolution over the borders, which remembers the sizes of its calls and spoils its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.calls: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.calls.append((len(image), *image.shape[-2:]))
        found: torch.Tensor = self.conv(image)
        image.zero_()
        return found


@pytest.mark.parametrize("at_once", [2, 3, 8])
@pytest.mark.parametrize(
    "views",
    [MSC, Views(flip=True), Views((0.7, 1.3), flip=True, window_hw=(5, 4)), Views(window_hw=(3, 9))],
    ids=str,
)
@pytest.mark.parametrize("size_hw", [(9, 13), (8, 8), (1, 5)])
def test_views_shown_at_once_say_what_they_say_one_by_one(
    at_once: int, views: Views, size_hw: tuple[int, int]
) -> None:
    network, image = Remembering(), torch.randn(1, 3, *size_hw)
    with torch.inference_mode():
        single = summed_probabilities(network, image, views, (9, 13))
        calls = len(network.calls)
        together = summed_probabilities(network, image, views, (9, 13), at_once=at_once)
    torch.testing.assert_close(together, single, rtol=0, atol=1e-6)
    assert torch.equal(together.argmax(1), single.argmax(1))
    shown = network.calls[calls:]
    assert max(count for count, *_ in shown) <= at_once
    assert len(shown) <= calls
    assert sum(count for count, *_ in shown) == calls


def test_mirror_images_and_windows_share_calls() -> None:
    network = Remembering()
    with torch.inference_mode():
        summed_probabilities(network, torch.randn(1, 3, 8, 8), MSC, (8, 8), at_once=2)
        assert [count for count, *_ in network.calls] == [2] * 6
        network.calls.clear()
        views = Views(flip=True, window_hw=(4, 4), stride_hw=(4, 4))
        summed_probabilities(network, torch.randn(1, 3, 8, 8), views, (8, 8), at_once=8)
    assert network.calls == [(8, 4, 4)]  # four windows of both


def test_where_memory_ends_views_are_shown_one_by_one() -> None:
    class Narrow(Remembering):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            if len(image) > 1:
                raise torch.OutOfMemoryError
            return super().forward(image)

    shower = _Shower(Narrow(), 3, ANY, "an image")
    image = torch.randn(1, 3, 5, 7)
    with torch.inference_mode():
        found = shower.summed(image, MSC, (5, 7), 8)
        assert torch.equal(found, shower.summed(image, MSC, (5, 7), 1))
