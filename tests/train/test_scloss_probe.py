"""The probe of SCLoss: its numbers by hand, and that a run does not feel it."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from bench.train import scloss_probe
from bench.train.run import train
from bench.train.scloss_probe import probe_scloss
from carnet.loss import CARNetLoss
from carnet.model import TrainingOutput

CLASSES = 4


class TwoParts(nn.Module):
    """Logits from one parameter, the semantics of two modules from another: two gradients at right angles."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Parameter(torch.zeros(CLASSES))
        self.presence = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, image: torch.Tensor) -> TrainingOutput:
        b, _, h, w = image.shape
        logits = self.pixels[None, :, None, None].expand(b, CLASSES, h, w)
        semantics = self.presence.expand(b, CLASSES)
        return TrainingOutput(logits, (semantics, semantics + 1.0))


@pytest.fixture
def probed(small_trainer, tmp_path):
    def build(network, **changes):
        changes = {"encoder_lr": 0.01, "decoder_lr": 0.01, **changes}  # these networks have no encoder
        return probe_scloss(small_trainer(tmp_path, network, CARNetLoss(), **changes))

    return build


def test_presence_is_the_sigmoid_of_the_semantics_and_eq_5_its_log_over_present_classes(probed) -> None:
    found = probed(TwoParts(), scloss_weight=0.2)
    assert found["present"] == pytest.approx([0.5, 1 / (1 + math.exp(-1))])
    assert found["absent"] == pytest.approx([0.5, 1 / (1 + math.exp(-1))])
    # both modules see the same classes, so the losses stand as log 2 to log(1 + 1/e)
    first, second = found["semantic_loss"]
    assert second / first == pytest.approx(math.log(1 + math.exp(-1)) / math.log(2))


def test_the_shares_of_gradients_at_right_angles_are_their_squared_lengths(probed, monkeypatch) -> None:
    monkeypatch.setattr(scloss_probe, "PROBED_BATCHES", 1)
    found = probed(TwoParts(), scloss_weight=0.2, clip_norm=1e-3)
    pixel, scloss = found["pixel_gradient_norm"], found["scloss_gradient_norm"]
    assert found["scloss_share"] == pytest.approx(scloss**2 / (scloss**2 + pixel**2))
    assert found["clip_factor"] == pytest.approx(1e-3 / math.hypot(pixel, scloss))


def test_lambda_scales_the_gradient_of_scloss_and_not_its_loss(probed) -> None:
    one, two = probed(TwoParts(), scloss_weight=0.2), probed(TwoParts(), scloss_weight=0.4)
    assert two["scloss_gradient_norm"] == pytest.approx(2 * one["scloss_gradient_norm"])
    assert two["semantic_loss"] == one["semantic_loss"]


def test_a_network_without_semantics_has_no_probe(probed, small_net) -> None:
    assert probed(small_net()) is None


@pytest.mark.slow
def test_a_run_with_probes_ends_in_the_same_bits_and_its_record_holds_them(
    tiny_recipe, settings_in, tmp_path
) -> None:
    short = dataclasses.replace(tiny_recipe, epochs=2)
    plain = train(short, settings_in(tmp_path / "plain"))
    probed = train(dataclasses.replace(short, probe_every=2), settings_in(tmp_path / "probed"))
    kept = [run.record.values.final_weights_sha256 for run in (plain, probed)]
    # the weights' own description names the recipe, so the tensors are compared
    for name, tensor in plain.network.state_dict().items():
        assert torch.equal(tensor, probed.network.state_dict()[name]), name
    assert kept[0] != kept[1]
    first, second = probed.record.values.curve
    assert first.scloss is None
    assert len(second.scloss.semantic_loss) == len(second.scloss.present) == 4
    # above 1 where the other losses pull the other way
    assert 0 < second.scloss.scloss_share < 2
