"""FRRN-A and -B: two streams, their widths and sizes, and the pieces of the cost."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from baselines.frrn import FullResolutionResidualUnit, ResidualUnit, build
from baselines.registry import METHODS
from bench.cost.count import count_costs
from bench.cost.counters import flop_counter_macs
from bench.cost.meta import on_meta

UNITS = {  # (width, height of an input of 64x96 at the unit's scale) of each unit in its order
    "a": [(96, 32)] * 3 + [(192, 16)] * 4 + [(384, 8)] * 2 + [(384, 4)] * 2
    + [(192, 8)] * 2 + [(192, 16)] * 2 + [(96, 32)] * 2,
    "b": [(96, 32)] * 3 + [(192, 16)] * 4 + [(384, 8)] * 2 + [(384, 4)] * 2 + [(384, 2)] * 2
    + [(192, 4)] * 2 + [(192, 8)] * 2 + [(192, 16)] * 2 + [(96, 32)] * 2,
}  # fmt: skip


def small(variant: str = "a", num_classes: int = 4) -> nn.Module:
    """A network of a twelfth of the width, with weights that are the same in every test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(num_classes, variant, width=4, lanes=3)


def image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("variant", ["a", "b"])
def test_both_streams_have_the_widths_and_sizes_of_table_1_at_every_unit(variant: str) -> None:
    with torch.device("meta"):
        network = build(19, variant).eval()
    pooled: list[tuple[int, int]] = []
    lanes: set[tuple[int, ...]] = set()

    def see(_: nn.Module, __: object, streams: tuple[Tensor, Tensor]) -> None:
        y, z = streams
        pooled.append((y.shape[1], y.shape[2]))
        lanes.add(tuple(z.shape))

    for module in network.modules():
        if isinstance(module, FullResolutionResidualUnit):
            module.register_forward_hook(see)
    with on_meta():
        logits = network(torch.empty(1, 3, 64, 96, device="meta"))
    assert pooled == UNITS[variant]
    assert lanes == {(1, 32, 64, 96)}  # the residual stream keeps the input's size throughout
    assert logits.shape == (1, 19, 64, 96)


def test_what_a_full_resolution_pixel_costs_adds_up_to_155_giga() -> None:
    with torch.device("meta"):
        network = build(19, "b").eval()
    macs = 0
    with on_meta():
        for name, channels in (("stem", 3), ("first", 48), ("lane", 48), ("last", 128), ("classifier", 48)):
            part = network.get_submodule(name)
            macs += flop_counter_macs(part, (torch.empty(1, channels, 1, 1, device="meta"),)).total()
    stem, first, lane = 3 * 25 * 48, 3 * 2 * 9 * 48 * 48, 48 * 32
    last = 9 * 128 * 48 + 128 * 48 + 9 * 48 * 48 + 2 * 2 * 9 * 48 * 48  # the shortcut 128 -> 48 is a 1x1
    assert macs == stem + first + lane + last + 48 * 19 == 295_584
    assert round(macs * 512 * 1024 / 1e9, 2) == 154.97


@pytest.mark.parametrize(("name", "gmacs"), [("frrn-a", "229.28"), ("frrn-b", "231.04")])
def test_with_32_base_channels_it_costs_what_the_definition_says(name: str, gmacs: str) -> None:
    method = replace(METHODS[name], options={**METHODS[name].options, "width": 32})
    counted = count_costs(method, 19, (512, 1024), ("gmacs", "ptflops_gmacs"))
    assert f"{counted.gmacs:.2f}" == gmacs  # origin: the definition, two counters
    assert counted.notes == ()  # both counters of multiply-adds within 0.5 %


def test_a_third_variant_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no FRRN variant 'c'; have a, b"):
        build(19, "c")


def test_a_residual_unit_may_turn_negative_because_no_relu_follows_its_sum() -> None:
    unit = ResidualUnit(2, 2).eval()
    nn.init.zeros_(unit.conv2[0].weight)
    x = torch.tensor([-3.0, 5.0]).reshape(1, 2, 1, 1)
    assert torch.equal(unit(x), x)


def test_a_unit_pools_the_residual_stream_by_maximum_and_adds_blocks_of_equal_values() -> None:
    unit = FullResolutionResidualUnit(in_channels=1, channels=1, lanes=1, scale=2).eval()
    with torch.no_grad():
        for conv in (unit.conv1[0], unit.conv2[0]):
            conv.weight.zero_()
        unit.conv1[0].weight[0, 1, 1, 1] = 1.0  # passes the pooled stream z on, and nothing of y
        unit.conv2[0].weight[0, 0, 1, 1] = 1.0
        unit.residual.weight.fill_(10.0)
        unit.residual.bias.fill_(0.5)
        for bn in (unit.conv1[1], unit.conv2[1]):
            bn.eps = 0.0
        y, z = unit(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 2.0, 7.0, 0.0], [4.0, 3.0, 0.0, 5.0]]]]))
    assert y.tolist() == [[[[4.0, 7.0]]]]
    assert z.tolist() == [[[[41.5, 42.5, 77.5, 70.5], [44.5, 43.5, 70.5, 75.5]]]]
