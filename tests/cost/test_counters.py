"""The multiply-add counters against hand counts, and against what ptflops says on a real device."""

from collections import Counter
from typing import Any

import pytest
import torch
from ptflops import get_model_complexity_info
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from bench.cost.counters import CounterFailed, aten_macs, flop_counter_macs, ptflops_macs, thop2019_ops
from carnet.model import build


class Products(nn.Module):
    """Every way to write a product that a hook on modules does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6, 8))
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:  # x (2, 10, 8)
        product = x @ x.transpose(1, 2)  # 2*10*10*8 = 1600
        contracted = torch.einsum("bnc,bmc->bnm", x, x)  # 1600
        attended = F.scaled_dot_product_attention(x, x, x)  # q k^T 1600, then times v 1600
        projected = F.linear(attended, self.weight, self.bias)  # 2*10*8*6 = 960
        return product.sum() + contracted.sum() + projected.sum()


PRODUCTS_MACS = 1600 + 1600 + 3200 + 960


def products() -> tuple[nn.Module, tuple[Tensor]]:
    return Products().to("meta"), (torch.empty(2, 10, 8, device="meta"),)


@pytest.mark.parametrize("counter", [flop_counter_macs, aten_macs])
def test_products_without_a_module_are_counted_as_by_hand(counter: Any) -> None:
    assert counter(*products()).total() == PRODUCTS_MACS


def test_ptflops_default_misses_products_without_a_module() -> None:
    # why that count never stands alone: of 7360 multiply-adds it sees none
    assert ptflops_macs(*products()) == 0


def test_the_paper_s_rule_misses_products_without_a_module() -> None:
    assert thop2019_ops(*products()) == 0


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv2d(8, 16, 3, padding=1), (1, 8, 5, 7), 8 * 16 * 9 * 35),
        (nn.Conv2d(8, 16, 1), (1, 8, 5, 7), 8 * 16 * 35),
        (nn.Conv2d(8, 16, 3, groups=4, bias=False), (1, 8, 5, 7), 2 * 16 * 9 * 15),
        (nn.ConvTranspose2d(8, 3, 2, stride=2), (1, 8, 5, 7), 8 * 3 * 4 * 35),
        (nn.Linear(8, 5), (1, 4, 6, 8), 24 * 8 * 5),
        (nn.Linear(8, 5, bias=False), (3, 8), 3 * 8 * 5),
    ],
    ids=str,
)
def test_both_counters_leave_the_bias_out_and_agree(
    layer: nn.Module, shape: tuple[int, ...], expected: int
) -> None:
    call = layer.to("meta"), (torch.empty(shape, device="meta"),)
    assert flop_counter_macs(*call).total() == expected
    assert aten_macs(*call).total() == expected


def test_a_product_with_a_vector_is_seen_by_one_counter_only() -> None:
    class Matvec(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x[0]

    call = Matvec(), (torch.empty(6, 6, device="meta"),)
    assert flop_counter_macs(*call).total() == 0
    assert aten_macs(*call) == Counter({"aten.mv": 36})


def test_an_operation_that_no_counter_can_price_is_named() -> None:
    from torchvision.ops import roi_align

    class Cropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = roi_align(x, torch.zeros(1, 5), (4, 4))
            return found

    with pytest.raises(CounterFailed, match="torchvision::roi_align"):
        flop_counter_macs(Cropping(), (torch.empty(1, 3, 8, 8, device="meta"),))


def test_ptflops_failing_gives_the_reason_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    conv = nn.Conv2d(3, 4, 1, device="meta")
    with pytest.raises(CounterFailed, match="RuntimeError"):
        ptflops_macs(conv, (torch.empty(1, 2, 4, 4, device="meta"),))
    assert capfd.readouterr() == ("", "")


def test_ptflops_leaves_torch_and_the_network_as_they_were() -> None:
    before = (F.relu, F.interpolate, torch.mul, torch.Tensor.matmul)
    model = build(5).to("meta").eval()
    x = (torch.empty(1, 3, 64, 64, device="meta"),)
    ptflops_macs(model, x)
    aten_macs(model, x)
    assert (F.relu, F.interpolate, torch.mul, torch.Tensor.matmul) == before
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert not [m for m in model.modules() if hasattr(m, "__flops__")]


class Upsampled(nn.Module):
    """Upsampling of each kind and functional layers, which torch computes on `meta` in Python."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.ReLU6(inplace=True)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.act(self.bn(self.conv(x))))
        position = torch.arange(y.shape[-1], device=y.device) * torch.ones(y.shape[-1])
        return F.interpolate(F.max_pool2d(y, 2) * 2, size=(16, 20), mode=self.mode) + position.sum()


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic", "area"])
@pytest.mark.parametrize(("backend", "counter"), [("pytorch", ptflops_macs), ("aten", None)])
def test_ptflops_says_the_same_on_meta_as_on_the_cpu(mode: str, backend: str, counter: Any) -> None:
    model = Upsampled(mode).eval()
    with torch.no_grad():
        real, _ = get_model_complexity_info(
            model, (3, 12, 10), print_per_layer_stat=False, as_strings=False, backend=backend
        )
    call = model.to("meta"), (torch.empty(1, 3, 12, 10, device="meta"),)
    if counter is None:
        bias = 4 * 12 * 10  # which ptflops counts and we do not
        assert aten_macs(*call).total() == real - bias
    else:
        assert counter(*call) == real


@pytest.mark.parametrize("variant", ["mobile", "resnet50"])
def test_ptflops_says_the_same_of_a_carnet_on_meta_as_on_the_cpu(variant: str) -> None:
    model = build(5, variant=variant).eval()
    with torch.no_grad():
        real, _ = get_model_complexity_info(
            model, (3, 32, 64), print_per_layer_stat=False, as_strings=False, backend="pytorch"
        )
    assert ptflops_macs(model.to("meta"), (torch.empty(1, 3, 32, 64, device="meta"),)) == real


class RefuseArithmetic(TorchDispatchMode):
    """Fails on any operation whose result is on a real device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple | list) else (result,)
        real = [out for out in outputs if isinstance(out, Tensor) and not out.is_meta]
        if real:
            raise AssertionError(f"{func} computed on {real[0].device}")
        return result


@pytest.mark.parametrize("counter", [thop2019_ops, flop_counter_macs, aten_macs, ptflops_macs])
def test_counting_a_carnet_does_no_arithmetic(counter: Any) -> None:
    model = build(5).to("meta").eval()
    image = torch.empty(1, 3, 64, 128, device="meta")
    with RefuseArithmetic():
        assert counter(model, (image,))


def test_the_guard_of_the_test_before_this_one_notices_arithmetic() -> None:
    with RefuseArithmetic(), pytest.raises(AssertionError, match="cpu"):
        torch.ones(2) + 1
