"""The loss of methods without one of their own: pixels, and auxiliary outputs weighed beside them."""

import math
from dataclasses import replace

import pytest
import torch

from baselines.method import Method
from baselines.registry import METHODS
from bench.train.criterion import PixelLoss, at_own_size, build_criterion
from carnet.loss import CARNetLoss


def certain_of(label: torch.Tensor, classes: int, logit: float) -> torch.Tensor:
    """Logits (b, c, h, w) that are ``logit`` for the true class and 0 for the others."""
    return logit * torch.nn.functional.one_hot(label, classes).permute(0, 3, 1, 2).float()


def test_logits_of_zero_cost_the_logarithm_of_the_classes() -> None:
    label = torch.tensor([[[0, 1], [2, 255]]])
    losses = PixelLoss()(torch.zeros(1, 5, 2, 2), label)
    assert losses["total"] == pytest.approx(math.log(5))
    assert losses["auxiliary"] == 0


def test_auxiliary_outputs_are_weighed_one_by_one() -> None:
    label = torch.zeros(1, 4, 4, dtype=torch.int64)
    right = certain_of(label, 2, 100.0)
    guess = torch.zeros(1, 2, 4, 4)
    losses = PixelLoss((0.4, 0.1))((right, guess, guess), label)
    assert losses["pixel"] == pytest.approx(0.0, abs=1e-6)
    assert losses["auxiliary"] == pytest.approx(0.5 * math.log(2))
    assert losses["total"] == pytest.approx(0.5 * math.log(2))


def test_an_output_at_half_size_is_compared_with_the_label_of_the_nearest_pixels() -> None:
    # each quarter of the label is one class, so half size holds one pixel of each
    label = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]])[None]
    small = torch.tensor([[[0, 1], [2, 0]]])
    assert at_own_size(certain_of(small, 3, 100.0), label) == pytest.approx(0.0, abs=1e-6)


def test_a_crop_without_labels_gives_zero_loss_and_zero_gradient() -> None:
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    total = PixelLoss((1.0,))((logits, logits), torch.full((1, 4, 4), 255))["total"]
    total.backward()
    assert total == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize(
    ("weights", "output", "message"),
    [
        ((), {"out": torch.zeros(1, 2, 4, 4)}, r"returned a dict; expected logits \(b, c, h, w\)"),
        ((), (torch.zeros(1, 2, 4, 4),) * 2, "returned a tuple of 2; expected logits"),
        ((0.4,), torch.zeros(1, 2, 4, 4), "returned a Tensor; expected a tuple of 2 logits"),
        ((), torch.zeros(1, 4, 4), "returned a Tensor"),
    ],
)
def test_another_output_than_the_weights_ask_for_is_refused(weights, output, message) -> None:
    with pytest.raises(ValueError, match=message):
        PixelLoss(weights)(output, torch.zeros(1, 4, 4, dtype=torch.int64))


def test_a_method_s_own_loss_takes_its_keys_from_the_recipe(tiny_recipe) -> None:
    recipe = replace(tiny_recipe, scloss_weight=0.4, scloss_form="bce")
    criterion = build_criterion(recipe, METHODS["carnet-mobile"])
    assert isinstance(criterion, CARNetLoss)
    assert (criterion.scloss_weight, criterion.scloss_form) == (0.4, "bce")


def test_a_method_without_one_is_weighed_by_its_row(tiny_recipe) -> None:
    method = Method("two-heads", "", "", 0, "m:build", auxiliary=(0.4, 0.16))
    criterion = build_criterion(tiny_recipe, method)
    assert isinstance(criterion, PixelLoss)
    assert criterion.auxiliary == (0.4, 0.16)
