"""Networks whose scores would be wrong in silence: they alter their input, answer at random, change torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.sizes import SizeRule
from bench.data.dataset import Sample
from bench.data.statistics import IMAGENET
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.evaluate import evaluate, predictions
from bench.evaluate.views import MSC, SINGLE, Views

CPU = torch.device("cpu")
VIEWS = {
    "once": SINGLE,
    "flip": Views(flip=True),
    "msc": MSC,
    "windows": Views(window_hw=(32, 96), stride_hw=(16, 96)),
    "windows mirrored": Views((0.5, 1.0), flip=True, window_hw=(32, 48)),
}


class Halving(nn.Module):
    """Halves the image before a convolution: in place, or not."""

    def __init__(self, convolution: nn.Module, in_place: bool) -> None:
        super().__init__()
        self.convolution = convolution
        self.in_place = in_place

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.convolution(image.mul_(0.5) if self.in_place else image * 0.5)
        return found


@pytest.mark.parametrize("views", VIEWS)
def test_a_network_that_changes_its_input_scores_as_its_twin_that_does_not(
    toy_data, toy_model, views
) -> None:
    scores = [
        evaluate(Halving(toy_model, in_place), toy_data, IMAGENET, CPU, views=VIEWS[views]).confusion.matrix
        for in_place in (True, False)
    ]
    assert (scores[0] == scores[1]).all()


@pytest.mark.parametrize("views", ["once", "flip"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("smaller", [1, 4])
def test_logits_that_are_not_finite_are_not_scored(toy_data, value, views, smaller) -> None:
    class Broken(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            height, width = image.shape[-2:]
            logits = torch.zeros(1, 4, height // smaller, width // smaller)
            logits[0, 2, 5, 5] = value
            return F.interpolate(logits, size=(height, width), mode="bilinear") if smaller > 1 else logits

    with pytest.raises(NotMeasured, match="toy_0"):
        evaluate(Broken(), toy_data, IMAGENET, CPU, views=VIEWS[views])


def test_large_logits_whose_sum_is_not_finite_are_scored(toy_data) -> None:
    class Large(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return torch.full((1, 4, *image.shape[-2:]), 3e38)

    assert evaluate(Large(), toy_data, IMAGENET, CPU).confusion.matrix[:, 0].sum() > 0


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.zeros(1, 4, 64, 96, dtype=torch.int64), "int64"),
        (torch.zeros(1, 4, 64, 96, dtype=torch.complex64), "complex64"),
        (torch.zeros(2, 4, 64, 96), r"\(2, 4, 64, 96\)"),
        (torch.zeros(1, 4, 0, 96), r"\(1, 4, 0, 96\)"),
    ],
)
def test_what_is_no_logits_is_refused_with_what_it_is(toy_data, returned, message) -> None:
    class Returning(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            return returned

    with pytest.raises(RefusedInput, match=message):
        evaluate(Returning(), toy_data, IMAGENET, CPU)


@pytest.mark.parametrize("views", ["once", "flip"])
def test_a_network_that_answers_at_random_is_reported(toy_data, toy_model, views) -> None:
    class AlwaysDropping(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return F.dropout(image, 0.5, training=True)

    network = nn.Sequential(AlwaysDropping(), toy_model)
    found = evaluate(network, toy_data, IMAGENET, CPU, views=VIEWS[views], repeat=True)
    (note,) = found.notes
    assert "toy_0" in note


def test_a_network_that_remembers_earlier_images_is_reported(toy_data, toy_model) -> None:
    class Counting(nn.Module):
        calls = 0

        def forward(self, image: Tensor) -> Tensor:
            self.calls += 1
            logits: Tensor = toy_model(image) * (1 if self.calls <= len(toy_data) else -1)
            return logits

    (note,) = evaluate(Counting(), toy_data, IMAGENET, CPU, repeat=True).notes
    assert "toy_0" in note


def test_a_network_that_answers_alike_is_not_reported(toy_data, toy_model) -> None:
    assert evaluate(toy_model, toy_data, IMAGENET, CPU, repeat=True).notes == ()


def test_scores_of_a_network_that_changes_the_threads_are_not_valid(toy_data, toy_model) -> None:
    class Greedy(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            torch.set_num_threads(2)
            logits: Tensor = toy_model(image)
            return logits

    torch.set_num_threads(1)
    found = evaluate(Greedy(), toy_data, IMAGENET, CPU)
    (reason,) = found.reasons
    assert "threads 1 -> 2" in reason
    assert torch.get_num_threads() == 1


class FirstColumns:
    """One image of 4x6 whose left half is class 0 and right half class 1."""

    name, split, classes, palette, synthetic = (
        "halves",
        "val",
        ("left", "right"),
        ((0, 0, 0), (9, 9, 9)),
        True,
    )

    def __len__(self) -> int:
        return 1

    def read(self, _: int) -> Sample:
        label = torch.zeros(4, 6, dtype=torch.uint8)
        label[:, 3:] = 1
        return Sample(torch.zeros(3, 4, 6, dtype=torch.uint8), label, "one")

    def manifest(self) -> dict[str, str]:
        return {"one": ""}


@pytest.mark.parametrize("views", [SINGLE, Views((1.0, 2.0))])
def test_smaller_logits_of_a_padded_image_are_enlarged_before_the_padding_is_cut(views) -> None:
    """4x6 is padded to 8x8, of which logits of 4x4 show two columns each.

    Class 1 leads in the last two of four: from column 4 of 8. Squeezed into 6 columns it would from column 3.
    """

    class Coarse(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            step = torch.tensor([-1.0, -1.0, 1.0, 1.0]).expand(4, 4)
            return torch.stack([-step, step])[None]

    ((_, found, _),) = predictions(Coarse(), FirstColumns(), IMAGENET, CPU, SizeRule(8), views=views)
    assert found[0].tolist() == [0, 0, 0, 0, 1, 1]
