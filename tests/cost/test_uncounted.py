"""What counts leave out is said, and networks of unusual make are counted or refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from counted_networks import ENDS, HEIGHT, PIXELS, THOP_ENDS, WIDTH, Net, cost
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import parametrizations

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.cost.costs import Costs


class Of(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, image: Tensor) -> Tensor:
        return self.function(image)


def tokens(image: Tensor) -> Tensor:
    return image.flatten(2).transpose(1, 2)


def as_map(rows: Tensor) -> Tensor:
    return rows.transpose(1, 2).reshape(1, -1, HEIGHT, WIDTH)


def note_of(costs: Costs, count: str) -> str:
    (found,) = [note for note in costs.notes if note.startswith(count)]
    return found


def involution(image: Tensor) -> Tensor:
    patches = F.unfold(image, 3, padding=1).view(1, 8, 9, HEIGHT, WIDTH)
    return (patches * image[:, :, None]).sum(2)


def through_fft(image: Tensor) -> Tensor:
    return torch.fft.irfft2(torch.fft.rfft2(image), s=(HEIGHT, WIDTH))


def distances(image: Tensor) -> Tensor:
    return (
        image + torch.cdist(tokens(image), tokens(image), compute_mode="donot_use_mm_for_euclid_dist").mean()
    )


@pytest.mark.parametrize(
    ("between", "token"),
    [(through_fft, "_fft_r2c"), (involution, "mul followed by sum"), (distances, "_cdist_forward")],
)
def test_products_without_a_price_are_named_with_their_share(
    between: Callable[..., Tensor], token: str
) -> None:
    costs = cost(lambda: Net(Of(between)))
    assert costs.gmacs == ENDS * PIXELS / 1e9
    assert token in note_of(costs, "gmacs")
    assert "% of the elements touched" in note_of(costs, "gmacs")


def test_the_share_is_that_of_the_elements_read_and_written() -> None:
    """2 convolutions: (3 + 8) and (8 + 4) maps, weights 24 + 32, biases 8 + 4; mul: 2 x 8 + 8; sum: 8 + 1."""
    costs = cost(lambda: Net(Of(lambda image: image + (image * image).sum(1, keepdim=True))))
    others = (11 + 12) * PIXELS + 24 + 32 + 12
    products = (24 + 9) * PIXELS
    added = (8 + 1 + 8) * PIXELS
    share = products / (others + products + added)
    assert f"mul followed by sum ({share:.1%} of" in note_of(costs, "gmacs")


def test_a_gate_and_ordinary_layers_are_not_named() -> None:
    gated = Of(lambda image: F.relu(image * image.mean((2, 3), keepdim=True).sigmoid()))
    assert cost(lambda: Net(nn.Sequential(nn.BatchNorm2d(8), gated, nn.MaxPool2d(1)))).notes == ()


class OwnConvolution(nn.Conv2d):
    """A class that thop 0.0.22 does not know."""


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "OwnConvolution": lambda: OwnConvolution(8, 8, 1),
    "ParametrizedConv2d": lambda: parametrizations.weight_norm(nn.Conv2d(8, 8, 1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_thop_does_not_know_are_named(name: str) -> None:
    costs = cost(lambda: Net(LAYERS[name]()))
    assert costs.thop0022_gops == THOP_ENDS * PIXELS / 1e9
    assert name in note_of(costs, "thop")


@pytest.mark.parametrize("name", ["LSTM", "MultiheadAttention"])
def test_recurrence_and_attention_that_thop_counts_as_nothing_are_named(name: str) -> None:
    class Rows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            attention = name == "MultiheadAttention"
            self.layer = nn.MultiheadAttention(8, 2, batch_first=True) if attention else nn.LSTM(8, 8)

        def forward(self, image: Tensor) -> Tensor:
            rows = tokens(image)
            found = self.layer(rows, rows, rows) if name == "MultiheadAttention" else self.layer(rows)
            return as_map(found[0])

    assert name in note_of(cost(lambda: Net(Rows())), "thop")


# --- parameters


def test_frozen_parameters_count_and_the_trainable_are_named() -> None:
    def build() -> nn.Module:
        network = Net()
        network.first.requires_grad_(False)
        return network

    costs = cost(build)
    assert costs.params_m == pytest.approx((32 + 36) / 1e6)
    assert "3.6e-05 M of them trainable" in note_of(costs, "params_m")
    assert cost(lambda: Net().requires_grad_(False)).params_m == pytest.approx(68 / 1e6)


def tied() -> nn.Module:
    first, second = nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 8, 1, bias=False)
    second.weight = first.weight
    return Net(nn.Sequential(first, second))


def tied_by_memory() -> nn.Module:
    first, second = nn.Conv2d(8, 8, 1, bias=False), nn.Conv2d(8, 8, 1, bias=False)
    second.weight = nn.Parameter(first.weight.data)
    return Net(nn.Sequential(first, second))


def needing_numbers(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network with a builder that reads a tensor, which only the CPU can."""
    network = build()
    float(network.first.weight.sum())  # type: ignore[union-attr, operator]
    return network


@pytest.mark.parametrize("build", [tied, tied_by_memory])
@pytest.mark.parametrize("on_cpu", [False, True])
def test_what_several_modules_share_counts_once(build: Callable[[], nn.Module], on_cpu: bool) -> None:
    costs = cost(lambda: needing_numbers(build) if on_cpu else build())
    assert costs.params_m == pytest.approx((68 + 64) / 1e6)


def test_complex_and_unregistered_weights_are_named() -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 1, 1, dtype=torch.complex64))
            self.kernels = [torch.randn(8, 8, 1, 1)]

        def forward(self, image: Tensor) -> Tensor:
            return F.conv2d((image * self.weight).real, self.kernels[0])

    costs = cost(lambda: Net(Loose()))
    lines = "\n".join(note for note in costs.notes if note.startswith("params_m"))
    assert costs.params_m == pytest.approx((68 + 8) / 1e6)
    assert "middle.weight" in lines
    assert "6.4e-05 M" in lines
    assert "middle.kernels" in lines


def test_an_auxiliary_part_that_runs_in_evaluation_is_no_part_of_training_only() -> None:
    class Named(Net):
        def __init__(self, runs: bool) -> None:
            super().__init__()
            self.auxiliary = nn.Conv2d(8, 8, 1)
            self.runs = runs

        def forward(self, image: Tensor) -> Tensor:
            maps = self.first(image)
            found: Tensor = self.last(self.auxiliary(maps) if self.runs else maps)
            return found

    assert cost(lambda: Named(True)).training_only_m == 0
    assert cost(lambda: Named(False)).training_only_m == pytest.approx(72 / 1e6)


# --- prices of our own


def test_a_bilinear_layer_uses_each_weight_once_per_pixel() -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(8, 8, 5)
            self.back = nn.Linear(5, 8)

        def forward(self, image: Tensor) -> Tensor:
            return as_map(self.back(self.layer(tokens(image), tokens(image))))

    # 24 pixels x 5 x 8 x 8, and the layer from 5 to 8
    costs = cost(lambda: Net(Pairs()))
    assert costs.gmacs == pytest.approx((ENDS + 5 * 64 + 40) * PIXELS / 1e9)
    assert "Bilinear" in note_of(costs, "thop")


def test_a_deformable_convolution_costs_what_an_ordinary_one_does() -> None:
    ops = pytest.importorskip("torchvision.ops")

    class Deformed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offsets = nn.Conv2d(8, 18, 1)
            self.layer = ops.DeformConv2d(8, 8, 3, padding=1, groups=2)

        def forward(self, image: Tensor) -> Tensor:
            found: Tensor = self.layer(image, self.offsets(image))
            return found

    # 8 outputs x (8 / 2 groups) x 9, and the offsets' 8 x 18
    assert cost(lambda: Net(Deformed())).gmacs == pytest.approx((ENDS + 8 * 4 * 9 + 144) * PIXELS / 1e9)
