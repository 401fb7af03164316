"""Networks of unusual make are counted, or refused in words that name the cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from counted_networks import ENDS, HEIGHT, PIXELS, THOP_ENDS, WIDTH, Net, cost, method
from torch import Tensor, nn

from bench.cost.brief import brief
from bench.errors import RefusedInput

if TYPE_CHECKING:
    from collections.abc import Callable


def example() -> Tensor:
    return torch.zeros(1, 3, HEIGHT, WIDTH, device="cpu")


class Modes(Net):
    def forward(self, image: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return super().forward(image)


class Querying(Net):
    """Hands a view of a parameter to a submodule."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.query = nn.Parameter(torch.randn(1, 8, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        found: Tensor = self.last(self.first(image) + self.middle(self.query.expand(1, -1, HEIGHT, WIDTH)))
        return found


MAKES: dict[str, Callable[[], nn.Module]] = {
    "DataParallel": lambda: nn.DataParallel(Net()),
    "inference mode and autocast": Modes,
    "an expanded parameter": Querying,
    "lazy": lambda: nn.Sequential(nn.LazyConv2d(8, 1), nn.LazyConv2d(4, 1)),
}


@pytest.mark.parametrize("make", MAKES)
def test_networks_of_unusual_make_are_counted(make: str) -> None:
    costs = cost(MAKES[make])
    assert costs.gmacs == ENDS * PIXELS / 1e9
    assert costs.thop0022_gops == THOP_ENDS * PIXELS / 1e9
    assert None not in costs.values().values()
    short = brief(method(MAKES[make]))
    assert (short.gmacs, short.params_m) == (costs.gmacs, costs.params_m)


@pytest.mark.filterwarnings("ignore")  # torch's own, of what it will remove
@pytest.mark.parametrize(
    "make", [lambda: torch.jit.script(Net().first), lambda: torch.jit.trace(Net().eval(), example())]
)
def test_what_is_scripted_or_traced_has_no_count_of_its_modules(make: Callable[[], nn.Module]) -> None:
    costs = cost(make)
    assert costs.gmacs is not None
    assert costs.thop0022_gops is None
    assert "torch.jit" in " ".join(costs.notes)


def test_what_torch_export_returns_is_refused_by_its_name() -> None:
    with pytest.raises(RefusedInput, match=r"torch\.export|evaluation mode"):
        cost(lambda: torch.export.export(Net().eval(), (example(),)).module())
    assert brief(method(lambda: torch.export.export(Net().eval(), (example(),)).module())).gmacs is None


@pytest.mark.filterwarnings("ignore")  # torch's own, of what it will remove
def test_quantised_modules_are_refused_by_name() -> None:
    def build() -> nn.Module:
        network = nn.Sequential(Net(), nn.Linear(WIDTH, WIDTH))
        return torch.ao.quantization.quantize_dynamic(network, {nn.Linear})  # type: ignore[no-any-return]

    with pytest.raises(RefusedInput, match="quantised modules"):
        cost(build)


def test_a_network_that_changes_torchs_settings_says_so_and_they_come_back() -> None:
    def build() -> nn.Module:
        torch.set_num_threads(2)
        return Net()

    torch.set_num_threads(1)
    assert any("threads 1 -> 2" in note for note in cost(build).notes)
    assert torch.get_num_threads() == 1
