"""On a CPU CARNet trains in its fast form, unless told otherwise; records say which it was."""

import pytest
import torch

from bench.errors import UsageError
from bench.train.kernels import VARIABLE, choose_kernels
from bench.train.ohem import HardPixels
from carnet.fast.training.library import library
from carnet.fast.training.pointwise import FastPointwise
from carnet.loss import CARNetLoss
from carnet.model import CARNet, build


def test_a_carnet_and_its_loss_get_the_fast_form_on_a_cpu_at_any_depth() -> None:
    network, criterion = build(3), HardPixels(CARNetLoss(), 0.7, 100)
    made = library()
    assert choose_kernels(network, criterion, "cpu") == (None if made is None else made.compiler)
    assert type(network).__name__ == "FastCARNet"
    assert type(criterion.criterion).__name__ == "FastCARNetLoss"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_on_other_devices_all_stays_as_it_is(device: str) -> None:
    network = build(3)
    assert choose_kernels(network, CARNetLoss(), device) is None
    assert type(network) is CARNet


def test_in_16_bits_torch_computes_and_no_compiler_is_named() -> None:
    network = build(3)
    assert choose_kernels(network, CARNetLoss(), "cpu", "bf16-mixed") is None
    assert type(network) is CARNet


def test_of_other_networks_only_1x1_convolutions_change() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 3), torch.nn.Conv2d(3, 3, 1, stride=2)
    )
    network.append(torch.nn.BatchNorm2d(3))
    assert choose_kernels(network, torch.nn.Identity(), "cpu") is None
    kept = [torch.nn.Conv2d, torch.nn.Conv2d, torch.nn.BatchNorm2d]
    assert [type(module) for module in network] == [FastPointwise, *kept]


def test_the_variable_leaves_it_to_torch_and_has_no_fourth_value(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(3)
    monkeypatch.setenv(VARIABLE, "torch")
    assert choose_kernels(network, CARNetLoss(), "cpu") is None
    assert type(network) is CARNet
    monkeypatch.setenv(VARIABLE, "slow")
    with pytest.raises(UsageError, match="CARNET_TRAINING is 'slow'; choose from fast, torch, graph"):
        choose_kernels(network, CARNetLoss(), "cpu")
