"""Scales, mirror images and windows: means that can be worked out on paper."""

import math

import pytest
import torch
from torch import nn

from baselines.sizes import SizeRule
from bench.data.dataset import Sample
from bench.data.statistics import HALF
from bench.errors import UsageError
from bench.evaluate.evaluate import evaluate, predictions
from bench.evaluate.views import MSC, SINGLE, Views, starts, summed_probabilities

CPU = torch.device("cpu")


def logit(probability: float) -> float:
    """Return the logit that gives this probability against a logit of 0."""
    return math.log(probability / (1 - probability))


class Seeing:
    """Gives class 1 the probability that a function of the shown image's size and left column names.

    It remembers what it was shown.
    """

    def __init__(self, probability) -> None:
        self.probability = probability
        self.shown: list[tuple[int, int]] = []

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        self.shown.append((height, width))
        found = torch.zeros(1, 2, height, width)
        found[:, 1] = logit(self.probability(image))
        return found


IMAGE = torch.arange(7.0).expand(1, 3, 5, 7)  # each column has its number as its value


# --- scales and mirror images


def test_probabilities_are_averaged_over_scales_and_not_logits() -> None:
    # at half size (2x4: 2.5 and 3.5 are rounded to even) 0.9, at full size 0.3, at double 0.25: sum 1.45,
    # less than half of 3, so class 0; the logits 2.197 - 0.847 - 1.099 = 0.251 would say class 1
    network = Seeing(lambda image: {2: 0.9, 5: 0.3, 10: 0.25}[image.shape[2]])
    found = summed_probabilities(network, IMAGE, Views((0.5, 1.0, 2.0)), (5, 7))
    assert network.shown == [(2, 4), (5, 7), (10, 14)]
    assert found.shape == (1, 2, 5, 7)
    torch.testing.assert_close(found[0, 1], torch.full((5, 7), 1.45))
    torch.testing.assert_close(found[0, 0], torch.full((5, 7), 1.55))


class Columns(nn.Module):
    """Logits that depend on the column only: the pixel's value against 0."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.stack((torch.zeros_like(image[:, 0]), image[:, 0]), dim=1)


def test_a_mirror_image_is_mirrored_back() -> None:
    single = summed_probabilities(Columns(), IMAGE, Views(), (5, 7))
    both = summed_probabilities(Columns(), IMAGE, Views(flip=True), (5, 7))
    torch.testing.assert_close(both, 2 * single)
    # and by hand: column 3 has logit 3, sigmoid 0.952574
    assert both[0, 1, 0, 3].item() == pytest.approx(2 * 0.952574, abs=1e-5)


class LeftHalf(nn.Module):
    """Calls the left half of whatever it sees class 1 with probability 0.8, and the rest with 0.4."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = torch.zeros(1, 2, *image.shape[-2:])
        found[:, 1] = logit(0.4)
        found[:, 1, :, : image.shape[-1] // 2] = logit(0.8)
        return found


def test_a_network_that_prefers_the_left_has_no_preference_after_flip() -> None:
    # 7 columns: the left 3 have 0.8, the other 4 have 0.4; mirrored back the right 3 have 0.8
    both = summed_probabilities(LeftHalf(), IMAGE, Views(flip=True), (5, 7))[0, 1, 2]
    torch.testing.assert_close(both, torch.tensor([1.2, 1.2, 1.2, 0.8, 1.2, 1.2, 1.2]))


def test_msc_and_flip_by_hand() -> None:
    # six scales of a 8x8 image, each twice; left half 0.8 and right half 0.4, or the other way round, so at
    # each scale the outermost columns sum to 1.2
    shown = Seeing(lambda image: 0.5)
    image = torch.zeros(1, 3, 8, 8)
    summed_probabilities(shown, image, MSC, (8, 8))
    assert shown.shown == [(side, side) for side in (4, 6, 8, 10, 12, 14) for _ in "lr"]
    found = summed_probabilities(LeftHalf(), image, MSC, (8, 8))[0, 1]
    torch.testing.assert_close(found[:, 0], torch.full((8,), 6 * 1.2))
    torch.testing.assert_close(found[:, 7], torch.full((8,), 6 * 1.2))


# --- windows


@pytest.mark.parametrize(
    ("side", "window", "stride", "expected"),
    [
        (10, 4, 3, [0, 3, 6]),
        (11, 4, 3, [0, 3, 6, 7]),  # the last is moved back
        (4, 4, 3, [0]),
        (3, 4, 3, [0]),
        (5, 4, 4, [0, 1]),
        (1024, 769, 513, [0, 255]),
        (2048, 769, 513, [0, 513, 1026, 1279]),
    ],
)
def test_windows_start_at_strides_and_end_with_the_side(side, window, stride, expected) -> None:
    assert starts(side, window, stride) == expected


def test_overlapping_windows_are_averaged_as_probabilities() -> None:
    # 7 columns in windows of 4 with stride 3: columns 0..3 and 3..6; the window's first column says which
    network = Seeing(lambda image: 0.9 if image[0, 0, 0, 0] == 0 else 0.2)
    found = summed_probabilities(network, IMAGE, Views(window_hw=(5, 4), stride_hw=(5, 3)), (5, 7))
    assert network.shown == [(5, 4), (5, 4)]
    expected = torch.tensor([0.9, 0.9, 0.9, 0.55, 0.2, 0.2, 0.2])
    torch.testing.assert_close(found[0, 1], expected.expand(5, 7))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(1, 5, 7))


def test_windows_overlap_in_both_directions() -> None:
    # 3x3 pixels in windows of 2x2, stride 1: the middle is in all four, a corner in one, an edge in two
    image = torch.tensor([[0.0, 1, 2], [3, 4, 5], [6, 7, 8]]).expand(1, 3, 3, 3)
    chance = {0.0: 0.1, 1.0: 0.3, 3.0: 0.5, 4.0: 0.9}  # by the window's upper left pixel
    network = Seeing(lambda window: chance[float(window[0, 0, 0, 0])])
    found = summed_probabilities(network, image, Views(window_hw=(2, 2), stride_hw=(1, 1)), (3, 3))
    expected = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.45, 0.6], [0.5, 0.7, 0.9]])
    torch.testing.assert_close(found[0, 1], expected)


def test_an_image_smaller_than_the_window_is_shown_whole() -> None:
    network = Seeing(lambda image: 0.7)
    found = summed_probabilities(network, IMAGE, Views(window_hw=(9, 4), stride_hw=(3, 4)), (5, 7))
    assert network.shown == [(5, 4), (5, 4)]  # the height of the image, columns 0..3 and 3..6
    torch.testing.assert_close(found[0, 1], torch.full((5, 7), 0.7))


def test_windows_of_scaled_mirror_images_by_hand() -> None:
    # double size is 10x14, in windows of 10x8 with stride 6: two windows, columns 0..7 and 6..13. The left
    # half of each window has 0.8: columns 0..3 0.8, 4..5 0.4, 6..7 (0.4 + 0.8) / 2, 8..9 0.8, 10..13 0.4
    image = torch.zeros(1, 3, 5, 7)
    views = Views((2.0,), window_hw=(10, 8), stride_hw=(10, 6))
    double = torch.tensor([0.8] * 4 + [0.4] * 2 + [0.6] * 2 + [0.8] * 2 + [0.4] * 4)
    # at half of that each pixel is the mean of two, which is what bilinear interpolation by 2 takes
    expected = double.view(7, 2).mean(dim=1)
    found = summed_probabilities(LeftHalf(), image, views, (5, 7))
    torch.testing.assert_close(found[0, 1, 0], expected)
    mirrored = Views((2.0,), flip=True, window_hw=(10, 8), stride_hw=(10, 6))
    both = summed_probabilities(LeftHalf(), image, mirrored, (5, 7))
    torch.testing.assert_close(both[0, 1, 0], expected + expected.flip(0))


# --- what may be requested


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scales": ()}, "scales none"),
        ({"scales": (1.0, 0.0)}, r"scales 1, 0: .* above 0"),
        ({"scales": (9.0,)}, "up to 8"),
        ({"scales": (1.0, 1.0)}, "each once"),
        ({"stride_hw": (4, 4)}, "no window is named"),
        ({"window_hw": (8, 8), "stride_hw": (8, 9)}, "stride 9 of a window side of 8"),
        ({"window_hw": (8, 8), "stride_hw": (0, 8)}, "stride 0"),
    ],
)
def test_views_that_make_no_sense_are_refused(arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        Views(**arguments)


def test_a_stride_that_is_not_named_is_two_thirds_rounded_up() -> None:
    assert Views(window_hw=(769, 769)).stride_hw == (513, 513)  # 512.67
    assert Views(window_hw=(1, 3)).stride_hw == (1, 2)


def test_only_the_plain_view_is_single() -> None:
    assert SINGLE.single
    assert Views((1.0,)).single
    assert not Views(flip=True).single
    assert not Views(window_hw=(4, 4)).single


def test_views_are_said_in_words() -> None:
    assert str(SINGLE) == "each image once, whole"
    assert str(MSC) == "mean over scales 0.5, 0.75, 1, 1.25, 1.5, 1.75, mirror images"
    assert str(Views(window_hw=(8, 9), stride_hw=(4, 6))) == "mean over windows of 8x9 every 4x6"


# --- through the evaluation of a split


class Ramp:
    """One 5x7 image whose columns rise in red, and its label: class 1 in the right half."""

    name, split, synthetic = "ramp", "test", True
    classes, palette = ("a", "b"), ((0, 0, 0), (255, 255, 255))

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Sample:
        image = torch.zeros(3, 5, 7, dtype=torch.uint8)
        image[:] = torch.tensor([0, 40, 80, 120, 160, 200, 240])
        label = torch.zeros(5, 7, dtype=torch.uint8)
        label[:, 4:] = 1
        return Sample(image, label, "ramp_0")


class Ruled(nn.Module):
    """Bright is class 1; takes only the sizes of a rule and remembers them."""

    def __init__(self, rule: SizeRule) -> None:
        super().__init__()
        self.rule = rule
        self.seen: set[tuple[int, ...]] = set()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.rule.require(tuple(image.shape[-2:]))
        self.seen.add(tuple(image.shape[-2:]))
        return torch.stack((-image[:, 0], image[:, 0]), dim=1)


@pytest.mark.parametrize("views", [SINGLE, MSC, Views(window_hw=(4, 4)), Views((1.0, 2.0), window_hw=(4, 8))])
def test_every_view_meets_the_size_rule_and_finds_the_bright_half(views) -> None:
    network = Ruled(SizeRule(4))
    outcome = evaluate(network, Ramp(), HALF, CPU, sizes=network.rule, views=views)
    # normalised, columns 0..3 are -1 .. -0.06 and columns 4..6 are 0.25 .. 0.88
    assert outcome.confusion.matrix.tolist() == [[20, 0], [0, 15]]
    assert all(height % 4 == width % 4 == 0 for height, width in network.seen)


def test_a_window_that_the_network_does_not_take_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"window: input of 6x8: each side must be multiple of 4, e\.g\. 8x8"
    ):
        next(predictions(Ruled(SizeRule(4)), Ramp(), HALF, CPU, SizeRule(4), views=Views(window_hw=(6, 8))))
