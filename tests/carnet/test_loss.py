import math

import pytest
import torch

from carnet.loss import CARNetLoss, classes_present, pixel_loss, semantic_context_loss
from carnet.model import TrainingOutput


def test_pixel_loss_is_the_mean_over_labelled_pixels():
    # two classes; logits (0, 0) give log 2, logits (log 3, 0) give -log(3/4) for class 0; the third is void
    logits = torch.tensor([[[[0.0, math.log(3), 50.0]], [[0.0, 0.0, 0.0]]]])
    label = torch.tensor([[[1, 0, 255]]])
    assert pixel_loss(logits, label).item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_a_batch_without_labelled_pixels_has_loss_zero_and_gradient_zero():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    loss = pixel_loss(logits, torch.full((1, 2, 2), 255))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_presence_counts_classes_once_and_never_255():
    label = torch.tensor([[[0, 0], [2, 255]], [[255, 255], [255, 255]]])
    assert classes_present(label, 3).tolist() == [[1, 0, 1], [0, 0, 0]]


def test_printed_scloss_has_no_term_for_absent_classes():
    # Eq. 5: -log sigmoid(0) = log 2 for each present class; the absent one costs nothing however wrong
    semantics = torch.tensor([[0.0, 0.0, 40.0]])
    present = torch.tensor([[1.0, 1.0, 0.0]])
    assert semantic_context_loss(semantics, present).item() == pytest.approx(2 * math.log(2))


def test_bce_scloss_charges_for_absent_classes():
    semantics = torch.tensor([[0.0, 0.0, 0.0]])
    present = torch.tensor([[1.0, 0.0, 0.0]])
    assert semantic_context_loss(semantics, present, "bce").item() == pytest.approx(3 * math.log(2))


def test_scloss_is_averaged_over_the_batch():
    semantics = torch.zeros(2, 1)
    present = torch.tensor([[1.0], [0.0]])
    assert semantic_context_loss(semantics, present).item() == pytest.approx(math.log(2) / 2)


def test_total_is_pixel_plus_lambda_times_the_sum_over_modules():
    output = TrainingOutput(torch.zeros(1, 2, 1, 1), (torch.zeros(1, 2), torch.zeros(1, 2)))
    losses = CARNetLoss(0.5)(output, torch.tensor([[[1]]]))
    # pixel log 2; each module: class 1 present, log 2
    assert losses["semantic"].item() == pytest.approx(2 * math.log(2))
    assert losses["total"].item() == pytest.approx(2 * math.log(2))


def test_lambda_zero_is_the_pixel_loss_alone_even_when_the_semantic_part_is_not_finite():
    output = TrainingOutput(torch.zeros(1, 2, 1, 1), (torch.full((1, 2), -math.inf),))
    losses = CARNetLoss(0.0)(output, torch.tensor([[[0]]]))
    assert losses["total"].item() == pytest.approx(math.log(2))
