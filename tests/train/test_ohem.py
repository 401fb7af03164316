"""Online hard example mining: which pixels count, by hand."""

import math

import pytest
import torch
from torch import nn

from bench.train.criterion import PixelLoss
from bench.train.ohem import HardPixels, hard_pixel_loss
from carnet.loss import CARNetLoss
from carnet.model import TrainingOutput


def logits_of(probabilities):
    """Two classes, one row of pixels, whose class 0 has these probabilities."""
    p = torch.tensor(probabilities)
    return torch.stack([p.log(), (1 - p).log()])[None, :, None].requires_grad_()  # (1, 2, 1, n)


LABEL = torch.tensor([[[0, 0, 0, 255]]])


@pytest.mark.parametrize(
    ("threshold", "min_kept", "kept"),
    [
        (0.7, 1, [0.2, 0.5]),  # below 0.7 are two
        (0.7, 3, [0.2, 0.5, 0.9]),  # but three are requested
        (0.3, 1, [0.2]),
        (0.1, 1, [0.2]),  # none is below: the hardest one
        (0.7, 100, [0.2, 0.5, 0.9]),  # more than there are
    ],
)
def test_the_mean_over_pixels_below_the_threshold_and_never_fewer_than_asked(threshold, min_kept, kept):
    # the fourth pixel has no label: its probability of 0.1 never counts
    loss = hard_pixel_loss(logits_of([0.9, 0.2, 0.5, 0.1]), LABEL, threshold, min_kept)
    assert loss.item() == pytest.approx(sum(-math.log(p) for p in kept) / len(kept))


def test_only_kept_pixels_have_a_gradient():
    logits = logits_of([0.9, 0.2, 0.5, 0.1])
    hard_pixel_loss(logits, LABEL, 0.3, 1).backward()
    # softmax minus truth over one kept pixel
    assert logits.grad[0, 0, 0].tolist() == pytest.approx([0.0, 0.2 - 1, 0.0, 0.0])


def test_without_a_labelled_pixel_loss_and_gradient_are_zero():
    logits = logits_of([0.9, 0.2])
    loss = hard_pixel_loss(logits, torch.full((1, 1, 2), 255), 0.7, 10)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_semantics_and_auxiliary_outputs_keep_their_part():
    logits = logits_of([0.9, 0.2, 0.5, 0.1])
    hard = (-math.log(0.2) - math.log(0.5)) / 2
    output = TrainingOutput(logits, (torch.zeros(1, 2),))
    losses = HardPixels(CARNetLoss(0.2), 0.7, 1)(output, LABEL)
    # Eq. 5 at sigma = 1/2 for the one class that is there
    assert losses["total"].item() == pytest.approx(hard + 0.2 * math.log(2))
    assert losses["pixel"].item() == pytest.approx(hard)

    losses = HardPixels(PixelLoss((0.5,)), 0.7, 1)((logits, torch.zeros(1, 2, 1, 4)), LABEL)
    assert losses["total"].item() == pytest.approx(hard + 0.5 * math.log(2))


def test_the_plain_loss_leaves_no_gradient_behind():
    first, second = logits_of([0.9, 0.2, 0.5, 0.1]), logits_of([0.9, 0.2, 0.5, 0.1])
    HardPixels(PixelLoss(), 0.7, 1)(first, LABEL)["total"].backward()
    hard_pixel_loss(second, LABEL, 0.7, 1).backward()
    assert torch.equal(first.grad, second.grad)


def test_the_recipe_asks_for_it(small_trainer, tmp_path):
    trainer = small_trainer(tmp_path, ohem_threshold=0.7, ohem_min_kept=10)
    assert isinstance(trainer.update.criterion, HardPixels)
    assert (trainer.update.criterion.threshold, trainer.update.criterion.min_kept) == (0.7, 10)
    assert isinstance(small_trainer(tmp_path).update.criterion, PixelLoss)


def test_a_loss_without_a_pixel_part_is_refused():
    class Other(nn.Module):
        def forward(self, output, label):
            return {"total": output.sum(), "stuff": output.sum()}

    with pytest.raises(ValueError, match="part 'pixel'; found total, stuff"):
        HardPixels(Other(), 0.7, 1)(torch.zeros(1, 2, 1, 4), LABEL)
