"""What exact folding saves, by hand: multiply-adds of a 512x1024 image, 19 classes."""

import pytest
import torch
from torch import nn

from bench.cost.counters import aten_macs, flop_counter_macs
from carnet.fast.deploy import deploy
from carnet.model import build

# pixels of L1..L4 at 512x1024
L1, L2, L3, L4 = 128 * 256, 64 * 128, 32 * 64, 16 * 32
# CRP's last convolution goes, the classifier comes a second time
COMPOSED = L1 * (256 * 256 - 9 * 19 * 256)
# 2048->1024->256 becomes 2048->256; of C->256->256 the second goes
CASCADES = L4 * (2048 * 1024 + 1024 * 256 - 2048 * 256) + (L3 + L2 + L1) * 256 * 256
# 960->320->256 becomes 960->256
LAST_PROJECTION = L4 * (960 * 320 + 320 * 256 - 960 * 256)
# W1 W2 of four modules: 128->128->256 becomes 128->256
ATTENTION = 4 * 128 * 128
# on vectors: the columns of W for L1, L2, L3 are for 24, 32 and 160 channels in place of 256;
# 160->128->256 becomes 160->256
VECTORS = 128 * (3 * 256 - 24 - 32 - 160) + (160 * 128 + 128 * 256 - 160 * 256)


def macs(network: nn.Module) -> int:
    image = torch.empty(1, 3, 512, 1024, device="meta")
    by_torch, by_ptflops = flop_counter_macs(network, [image]), aten_macs(network, [image])
    assert by_torch.total() == by_ptflops.total()
    return by_torch.total()


@pytest.mark.parametrize(
    ("variant", "saved", "share"),
    [
        ("mobile", COMPOSED + LAST_PROJECTION + ATTENTION + VECTORS, 0.0462),
        ("resnet50", COMPOSED + CASCADES + ATTENTION, 0.0698),
    ],
)
def test_folding_saves_what_the_layers_say(variant: str, saved: int, share: float) -> None:
    with torch.device("meta"):
        model = build(19, variant=variant).eval()
        deployed = deploy(model)
    before = macs(model)
    assert before - macs(deployed) == saved
    assert saved / before == pytest.approx(share, abs=5e-5)


def test_without_composing_the_cascades_alone_are_5_87_percent_of_resnet50() -> None:
    with torch.device("meta"):
        model = build(19, variant="resnet50").eval()
        deployed = deploy(model, compose_classifier=False)
    assert (macs(model) - macs(deployed)) / macs(model) == pytest.approx(0.0587, abs=5e-5)
