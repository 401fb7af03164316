"""The thop-2019 rule, layer by layer, against numbers worked by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from bench.cost.counters import flop_counter_macs, thop2019_ops


def ops(model: nn.Module, *shape: int) -> int:
    return thop2019_ops(model.to("meta").eval(), (torch.empty(shape, device="meta"),))


def test_a_convolution_without_bias_costs_its_multiply_adds() -> None:
    # 8 input channels x 16*5*7 outputs x 9 weights
    assert ops(nn.Conv2d(8, 16, 3, padding=1, bias=False), 1, 8, 5, 7) == 8 * 560 * 9


def test_a_biased_3x3_convolution_costs_ten_ninths() -> None:
    assert ops(nn.Conv2d(8, 16, 3, padding=1, bias=True), 1, 8, 5, 7) == 8 * 560 * 10


def test_a_biased_1x1_convolution_costs_double() -> None:
    assert ops(nn.Conv2d(8, 16, 1, bias=True), 1, 8, 5, 7) == 2 * 8 * 560


def test_a_depthwise_convolution_is_divided_by_its_groups() -> None:
    assert ops(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), 1, 8, 5, 7) == 280 * 9


def test_a_bias_is_divided_by_the_groups_too_rounding_down() -> None:
    # 6 x (4*1*1 outputs) x (1 + 1) // 2 groups
    assert ops(nn.Conv2d(6, 4, 1, groups=2, bias=True), 1, 6, 1, 1) == 24


def test_a_stride_of_two_rounds_the_size_up() -> None:
    # 5x7 -> 3x4
    assert ops(nn.Conv2d(3, 2, 3, stride=2, padding=1, bias=False), 1, 3, 5, 7) == 3 * 2 * 12 * 9


def test_a_transposed_convolution_adds_its_bias_once() -> None:
    # output 3x10x14 = 420; 8 x 4 weights + 1
    assert ops(nn.ConvTranspose2d(8, 3, 2, stride=2), 1, 8, 5, 7) == 420 * 33


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.BatchNorm2d(4), 4 * 192),
        (nn.ReLU(), 192),
        (nn.ReLU6(), 192),
        (nn.LeakyReLU(), 192),
        (nn.MaxPool2d(3, 1, 1), 3 * 192),  # k, not k*k
        (nn.MaxPool2d((2, 3), 1), 6 * 4 * 5 * 6),  # a tuple multiplies; output 5x6
        (nn.AvgPool2d(2), (2 + 1) * 48),
        (nn.AdaptiveAvgPool2d(1), 4 * (48 + 1)),
        (nn.AdaptiveAvgPool2d((2, 3)), 24 * (3 * 2 + 1)),  # 6//2 x 8//3
        (nn.Linear(8, 5), 4 * 6 * 5 * 15),
    ],
    ids=str,
)
def test_a_layer_on_4x6x8_costs_what_the_rule_says(layer: nn.Module, expected: int) -> None:
    assert ops(layer, 1, 4, 6, 8) == expected


@pytest.mark.parametrize(
    "layer",
    [
        nn.PReLU(),
        nn.ELU(),
        nn.Softmax(1),
        nn.Sigmoid(),
        nn.Dropout(),
        nn.Upsample(scale_factor=2),
        nn.Identity(),
        nn.GroupNorm(2, 4),
        nn.Hardswish(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_that_the_release_did_not_know_costs_nothing(layer: nn.Module) -> None:
    assert ops(layer, 1, 4, 6, 8) == 0


def test_a_subclass_is_not_recognised() -> None:
    class OwnConv(nn.Conv2d):
        pass

    assert ops(OwnConv(4, 4, 3), 1, 4, 6, 8) == 0


def test_functional_calls_cost_nothing() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 4, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(F.conv2d(x, self.weight) + x * 2)

    assert ops(Functional(), 1, 4, 6, 8) == 0


class SharedReLU(nn.Module):
    """Calls one module on a small map, then on a large one, or the other way round."""

    def __init__(self, large_last: bool) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.large_last = large_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = x[..., ::2, ::2]
        for part in (small, x) if self.large_last else (x, small):
            self.relu(part)
        return x


@pytest.mark.parametrize(("large_last", "expected"), [(True, 192), (False, 48)])
def test_of_a_shared_module_the_last_call_alone_counts(large_last: bool, expected: int) -> None:
    assert ops(SharedReLU(large_last), 1, 4, 6, 8) == expected


def test_a_call_can_be_attributed_to_another_module_or_made_functional() -> None:
    model = nn.Sequential(nn.ReLU(), SharedReLU(large_last=True)).to("meta")
    x = (torch.empty(1, 4, 6, 8, device="meta"),)
    assert thop2019_ops(model, x) == 192 + 192
    # the small call becomes the first module's last; the large one is not seen
    assert thop2019_ops(model, x, {("1.relu", 0): "0", ("1.relu", 1): None}) == 48


def test_counting_leaves_no_hook_behind_even_when_the_network_fails() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).to("meta")
    with pytest.raises(RuntimeError):
        thop2019_ops(model, (torch.empty(1, 2, 4, 4, device="meta"),))
    assert all(not module._forward_hooks for module in model.modules())


@settings(deadline=None, max_examples=60)
@given(
    groups=st.integers(1, 3),
    in_per_group=st.integers(1, 5),
    out_per_group=st.integers(1, 5),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    height=st.integers(9, 40),
    width=st.integers(9, 40),
)
def test_without_bias_the_rule_and_the_mac_counter_give_the_closed_formula(
    *,
    groups: int,
    in_per_group: int,
    out_per_group: int,
    kernel: int,
    stride: int,
    dilation: int,
    height: int,
    width: int,
) -> None:
    conv = nn.Conv2d(
        groups * in_per_group,
        groups * out_per_group,
        kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=False,
        device="meta",
    )
    reach = dilation * (kernel - 1)
    out_h, out_w = (height - reach - 1) // stride + 1, (width - reach - 1) // stride + 1
    expected = groups * in_per_group * out_per_group * kernel**2 * out_h * out_w
    x = (torch.empty(1, groups * in_per_group, height, width, device="meta"),)
    assert thop2019_ops(conv, x) == expected
    assert flop_counter_macs(conv, x).total() == expected
