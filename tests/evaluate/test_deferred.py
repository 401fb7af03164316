"""A network's last enlargement is left undone, and no other: what a network computes never changes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from baselines.registry import METHODS
from bench.evaluate.deferred import Deferred, logits_of
from bench.evaluate.enlargement import Enlargement

IMAGE = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


class Enlarging(nn.Module):
    """A strided convolution to five classes, an enlargement, and whatever comes after it."""

    def __init__(self, after=lambda x: x, **interpolation) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(3, 5, 3, stride=4, padding=1)
        self.after = after
        self.interpolation = interpolation or {"size": (64, 96)}

    def forward(self, image):
        return self.after(F.interpolate(self.classifier(image), mode="bilinear", **self.interpolation))


@pytest.fixture(autouse=True)
def _without_gradients():
    with torch.inference_mode():
        yield


def add_one(x):
    x.add_(1)
    return x


def set_a_pixel(x):
    x[0, 0, 0, 0] = 3.0
    return x


def clamp(x):
    return nn.ReLU(inplace=True)(x)


def look_at_the_size(x):
    return x if x.shape[-2:] == (64, 96) and x.dim() == 4 and x.size(2) == 64 and x.numel() > 0 else None


@pytest.mark.parametrize(
    "interpolation",
    [
        {"size": (64, 96)},
        {"size": torch.Size((64, 96)), "align_corners": True},
        {"size": 70},
        {"scale_factor": 4},
        {"scale_factor": (4.0, 4)},
        {"scale_factor": 3.3},
    ],
    ids=str,
)
def test_an_enlargement_that_comes_last_is_left_undone(interpolation) -> None:
    network = Enlarging(**interpolation).eval()
    found = logits_of(network, IMAGE, 5)
    assert isinstance(found, Enlargement)
    assert found.small.shape == (1, 5, 16, 24)
    expected = network(IMAGE)
    assert found.size_hw == expected.shape[-2:]
    assert torch.equal(found.whole(), expected)


def test_asking_for_the_size_does_not_count_as_use() -> None:
    assert isinstance(logits_of(Enlarging(look_at_the_size).eval(), IMAGE, 5), Enlargement)


@pytest.mark.parametrize(
    "after",
    [
        F.relu,
        clamp,
        add_one,
        set_a_pixel,
        lambda x: x[..., :60, :],
        lambda x: x + x,
        lambda x: x.softmax(dim=1),
        lambda x: torch.cat([x, x]),
        lambda x: torch.from_numpy(x.numpy() * 2),
        lambda x: x.detach(),
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x if float(x.sum()) > -1e9 else None,
    ],
)
def test_whatever_follows_the_enlargement_is_done_to_the_enlarged_map(after) -> None:
    network = Enlarging(after).eval()
    found = logits_of(network, IMAGE, 5)
    assert type(found) is torch.Tensor
    assert torch.equal(found, network(IMAGE))


def test_of_two_enlargements_the_last_is_left_undone() -> None:
    network = Enlarging(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")).eval()
    found = logits_of(network, IMAGE, 5)
    assert isinstance(found, Enlargement)
    assert found.small.shape == (1, 5, 64, 96)
    assert torch.equal(found.whole(), network(IMAGE))


@pytest.mark.parametrize(
    "interpolation",
    [{"scale_factor": 0.5}, {"size": (16, 24)}, {"size": (64, 96), "antialias": True}],
    ids=str,
)
def test_what_does_not_enlarge_or_is_no_plain_interpolation_is_done(interpolation) -> None:
    network = Enlarging(**interpolation).eval()
    assert torch.equal(logits_of(network, IMAGE, 5), network(IMAGE))


def test_a_map_of_another_number_of_channels_is_no_logits() -> None:
    assert type(logits_of(Enlarging().eval(), IMAGE, 6)) is torch.Tensor


def test_a_map_that_is_written_into_after_its_enlargement_was_copied_before() -> None:
    class Reusing(Enlarging):
        def forward(self, image):
            small = self.classifier(image)
            logits = F.interpolate(small, size=(64, 96), mode="bilinear")
            small.zero_()
            return logits

    network = Reusing().eval()
    found = logits_of(network, IMAGE, 5)
    assert torch.equal(found.whole(), network(IMAGE))
    assert found.small.any()


def test_a_module_that_enlarges_is_seen_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3, stride=4, padding=1), nn.UpsamplingBilinear2d(scale_factor=4))
    found = logits_of(network.eval(), IMAGE, 5)
    assert isinstance(found, Enlargement)
    assert found.align_corners


def test_after_the_network_nothing_is_deferred() -> None:
    logits_of(Enlarging().eval(), IMAGE, 5)
    assert not isinstance(F.interpolate(torch.zeros(1, 5, 4, 4), scale_factor=2, mode="bilinear"), Deferred)


@pytest.mark.parametrize(
    ("name", "deferred"),
    [("carnet-mobile", True), ("smp-fpn-mobilenetv2", True), ("enet", False)],
)
def test_methods_compute_what_they_computed(name, deferred) -> None:
    method = METHODS[name]
    network = method.build(5).eval()
    found = logits_of(network, IMAGE, 5)
    assert isinstance(found, Enlargement) == deferred
    assert torch.equal(found.whole() if isinstance(found, Enlargement) else found, network(IMAGE))
