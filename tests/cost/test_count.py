"""Counts of whole methods: the paper's printed cells, and what happens to a network of the user's own."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.method import Method
from baselines.registry import METHODS
from bench.cost.costs import UNITS, Costs
from bench.cost.count import agreed_macs, count_costs
from bench.cost.counters import CounterFailed, aten_macs, flop_counter_macs, thop2019_ops
from bench.cost.meta import build_on_meta
from bench.errors import NotMeasured, RefusedInput, UsageError

CARNETS = ("carnet-mobile", "carnet-resnet50", "carnet-resnet101", "carnet-resnet152")
GOLDEN = Path(__file__).parents[1] / "golden" / "carnet_costs.csv"


@pytest.fixture(scope="module")
def counted() -> dict[tuple[str, int, int, int], Costs]:
    """All four CARNets at the settings of the paper's tables, the counts that the tests below read."""
    settings = {
        (19, 512, 1024): ("thop2019_gops", "gmacs", "params_m"),
        (40, 468, 625): ("thop2019_gops",),
        (150, 512, 1024): ("params_m",),
    }
    return {
        (name, classes, height, width): count_costs(METHODS[name], classes, (height, width), which)
        for name in CARNETS
        for (classes, height, width), which in settings.items()
    }


def golden_rows() -> list[dict[str, str]]:
    with GOLDEN.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "row", golden_rows(), ids=lambda row: f"{row['method']}-{row['component']}-{row['origin']}"
)
def test_a_carnet_costs_what_the_paper_s_cell_says(
    row: dict[str, str], counted: dict[tuple[str, int, int, int], Costs]
) -> None:
    costs = counted[row["method"], int(row["classes"]), int(row["height"]), int(row["width"])]
    value = getattr(costs.components[row["component"]], row["quantity"])
    digits = len(row["value"].partition(".")[2])
    assert f"{value:.{digits}f}" == row["value"], row["origin"]


@pytest.mark.parametrize("name", ["carnet-mobile", "carnet-resnet50"])
def test_the_components_add_up_to_the_total(name: str) -> None:
    costs = count_costs(METHODS[name], 19, (96, 128))
    assert list(costs.components) == ["bs", "carmodule", "crp", "others", "total"]
    for quantity in UNITS:
        parts = [getattr(costs.components[part], quantity) for part in ("bs", "carmodule", "crp", "others")]
        assert sum(parts) == pytest.approx(getattr(costs, quantity), rel=1e-9)


@pytest.mark.parametrize("name", [*CARNETS, "bs-mobile", "bs-resnet50"])
def test_the_two_mac_counters_agree_on_our_methods(name: str) -> None:
    model, _ = build_on_meta(METHODS[name], 19)
    call = model, (torch.empty(1, 3, 512, 1024, device="meta"),)
    assert flop_counter_macs(*call) == aten_macs(*call)


def test_gflops_are_twice_the_multiply_adds(counted: dict[tuple[str, int, int, int], Costs]) -> None:
    costs = counted["carnet-mobile", 19, 512, 1024]
    assert costs.gflops == pytest.approx(34.03452416, abs=1e-9)  # 2 x 17.01726208


def test_one_carmodule_at_an_eighth_costs_what_the_text_says() -> None:
    # Section I prints 4.3 MFLOPs; 512 pooled values of 64x128 and three small 1x1 convolutions: 4.312
    model, _ = build_on_meta(METHODS["carnet-mobile"], 19)
    maps = torch.empty(1, 256, 64, 128, device="meta")
    ops = thop2019_ops(model.get_submodule("car_modules.2"), (maps, maps))
    # pools 2*256*(8192+1); W 512*128, W1 128*128, W2 128*256; BN 4*(128+128+256); ReLU 128
    assert ops == 4194816 + 65536 + 16384 + 32768 + 2048 + 128
    assert f"{ops / 1e6:.3f}" == "4.312"


def test_a_quarter_of_the_carmodules_parameters_is_what_the_text_says(
    counted: dict[tuple[str, int, int, int], Costs],
) -> None:
    # Section I prints 0.225 M at 150 classes; the four modules and the global branch by four are 0.2255
    params_m = counted["carnet-resnet50", 150, 512, 1024].components["carmodule"].params_m
    assert params_m is not None
    assert f"{params_m / 4:.4f}" == "0.2255"


def test_the_decoder_of_a_resnet_has_the_parameters_that_the_text_says(
    counted: dict[tuple[str, int, int, int], Costs],
) -> None:
    # Section III.A prints 5.5 M at 150 classes
    costs = counted["carnet-resnet101", 150, 512, 1024]
    assert costs.params_m is not None
    assert costs.components["bs"].params_m is not None
    assert f"{costs.params_m - costs.components['bs'].params_m:.3f}" == "5.507"


def test_the_same_padding_of_an_encoder_costs_the_same() -> None:
    plain = count_costs(METHODS["carnet-mobile"], which=("thop2019_gops", "gmacs"))
    method = Method("same", "", "", 0, "carnet.model:build", {"variant": "mobile", "padding": "same"})
    same = count_costs(method, which=("thop2019_gops", "gmacs"))
    assert same.values() == plain.values()


@pytest.mark.parametrize("variant", ["mobile", "resnet50"])
@pytest.mark.parametrize(("modules", "crp"), [(0, False), (1, True), (2, False), (3, True)])
def test_a_degraded_carnet_is_counted_by_component(variant: str, modules: int, crp: bool) -> None:
    options = {"variant": variant, "modules": modules, "crp": crp}
    method = Method("degraded", "", "", 0, "carnet.model:build", options)
    costs = count_costs(method, 11, (64, 96))
    assert all(count is not None for count in costs.values().values())
    assert bool(costs.components["carmodule"].thop2019_gops) == (modules > 0)
    assert bool(costs.components["crp"].params_m) == crp
    assert costs.components["others"].gmacs > 0  # type: ignore[operator]


def test_counts_that_were_not_asked_for_are_none() -> None:
    costs = count_costs(METHODS["bs-mobile"], 11, (64, 64), which=("params_m",), components=False)
    assert costs.params_m == 1.961035  # 1812800 + (320+160)*256 + 9*256*11 + 11
    assert (costs.thop2019_gops, costs.gmacs, costs.gflops, costs.ptflops_gmacs) == (None,) * 4
    assert list(costs.components) == ["total"]


def test_an_unknown_count_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="no count 'flops'; choose from thop2019_gops, "):
        count_costs(METHODS["carnet-mobile"], which=("flops",))


class Own(nn.Module):
    """A user's network, whose middle is made of what the builder was told."""

    def __init__(self, num_classes: int, kind: str) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, num_classes, 1)
        self.frozen = nn.Parameter(torch.zeros(100), requires_grad=False)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x)
        if self.kind == "vectors":
            return y * (x.flatten(1) @ torch.ones(x[0].numel()))
        if self.kind == "reads":
            return y * float(x.sum())
        return y


def build_own(num_classes: int, kind: str = "plain") -> nn.Module:
    if kind == "needs numbers":
        return Own(int(torch.tensor(float(num_classes)).item()), "plain")
    if kind == "broken":
        raise ValueError("no such file: weights.pt")
    return Own(num_classes, kind)


def own(kind: str, monkeypatch: pytest.MonkeyPatch) -> Method:
    import sys
    import types

    module = types.ModuleType("users_own_network")
    module.build = build_own  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "users_own_network", module)
    return Method("own", "own", "", 0, "users_own_network:build", {"kind": kind})


def test_a_users_network_has_a_total_only(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = count_costs(own("plain", monkeypatch), 4, (8, 10))
    assert list(costs.components) == ["total"]
    assert costs.gmacs == 3 * 4 * 80 / 1e9
    assert costs.thop2019_gops == 2 * 3 * 4 * 80 / 1e9  # a biased 1x1
    assert costs.params_m == 116 / 1e6  # of which 100 are frozen
    (note,) = costs.notes
    assert "1.6e-05 M of them trainable" in note


def test_counters_more_than_two_percent_apart_give_no_number_and_name_the_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 240 multiply-adds of a product with a vector beside 960 of the convolution: 20 %
    costs = count_costs(own("vectors", monkeypatch), 4, (8, 10))
    assert costs.gmacs is None
    assert costs.gflops is None
    assert costs.thop2019_gops is not None
    assert any("20.0 %" in note and "aten.mv" in note for note in costs.notes)


def test_counters_within_half_a_percent_give_torch_s_number_without_a_word() -> None:
    notes: list[str] = []
    assert agreed_macs(Counter({"conv": 996}), Counter({"conv": 1000}), notes) == 996
    assert notes == []


def test_counters_within_two_percent_give_a_number_and_name_the_operation() -> None:
    notes: list[str] = []
    assert agreed_macs(Counter({"conv": 1000, "mm": 5}), Counter({"conv": 990, "mm": 5}), notes) == 1005
    assert "conv" in notes[0]
    assert "mm" not in notes[0]


def test_counters_above_two_percent_apart_are_refused() -> None:
    with pytest.raises(CounterFailed, match="conv"):
        agreed_macs(Counter({"conv": 1000}), Counter({"conv": 979}), [])


def test_a_builder_that_reads_numbers_is_run_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = count_costs(own("needs numbers", monkeypatch), 4, (8, 10))
    assert costs.gmacs == 3 * 4 * 80 / 1e9
    assert any("built on the CPU" in note for note in costs.notes)


def test_a_builder_that_fails_is_refused_with_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedInput, match=r"own: .*no such file: weights\.pt"):
        count_costs(own("broken", monkeypatch), 4, (8, 10))


def test_a_network_that_needs_numbers_to_run_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotMeasured, match="own: cannot be counted at 8x10"):
        count_costs(own("reads", monkeypatch), 4, (8, 10))


def test_a_size_that_a_network_cannot_take_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(num_classes: int, kind: str) -> nn.Module:
        return nn.Conv2d(3, num_classes, 9)

    method = own("plain", monkeypatch)
    monkeypatch.setattr("users_own_network.build", build)
    with pytest.raises(NotMeasured, match="at 8x10 with 4 classes"):
        count_costs(method, 4, (8, 10))


def test_a_module_under_two_parents_is_named_beside_the_ptflops_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(num_classes: int, kind: str) -> nn.Module:
        shared = nn.Conv2d(3, 3, 1, bias=False)
        return nn.Sequential(nn.Sequential(shared), nn.Sequential(shared))

    method = own("plain", monkeypatch)
    monkeypatch.setattr("users_own_network.build", build)
    costs = count_costs(method, 3, (8, 10))
    assert costs.gmacs == 2 * 9 * 80 / 1e9
    assert costs.ptflops_gmacs == 2 * costs.gmacs  # each parent brings both calls
    assert costs.thop2019_gops == 9 * 80 / 1e9  # the last call alone
    assert any("two parents" in note for note in costs.notes)


def test_products_without_a_module_are_named_beside_the_ptflops_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(x, x, x)

    method = own("plain", monkeypatch)
    monkeypatch.setattr("users_own_network.build", lambda num_classes, kind: Attention())
    costs = count_costs(method, 3, (8, 10))
    assert costs.gmacs == 2 * 3 * 8 * 8 * 10 / 1e9
    assert any("ptflops_gmacs misses products" in note for note in costs.notes)
