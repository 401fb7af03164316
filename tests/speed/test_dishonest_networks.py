"""Networks that answer without computing, or change what others are timed with, under a fake clock."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.method import Method
from bench.clock.machine_state import CpuReading
from bench.clock.protocol import Protocol
from bench.results.record import SpeedRecord
from bench.speed.answers import uneven
from bench.speed.measure import measure_speed
from bench.speed.roofline import measure_rates, too_fast

QUICK = Protocol(samples=12, budget_s=3.0, least_window_s=0.0)
SIZE_HW = (16, 32)


class World:
    """The fake time, and what networks remember across their copies."""

    now_ns = 0
    remembered: dict[Any, Tensor] = {}  # noqa: RUF012


def pass_ms(duration_ms: float) -> None:
    World.now_ns += round(duration_ms * 1e6)


class Honest(nn.Module):
    """Takes 10 ms."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, num_classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        if not image.is_meta:
            pass_ms(10)
        found: Tensor = self.conv(image)
        return found


class FirstAnswer(Honest):
    """Always gives the answer to its first image."""

    first: Tensor | None = None

    def forward(self, image: Tensor) -> Tensor:
        if self.first is None or image.is_meta:
            self.first = super().forward(image)
        else:
            pass_ms(10)
        return self.first


class ByShape(Honest):
    """Remembers by shape, whichever of its copies is asked."""

    def forward(self, image: Tensor) -> Tensor:
        if image.is_meta:
            return super().forward(image)
        pass_ms(10)
        return World.remembered.setdefault(image.shape, self.conv(image))


class LessFirstPixel(Honest):
    """Remembers images that differ by a shift."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.seen: dict[bytes, Tensor] = {}

    def forward(self, image: Tensor) -> Tensor:
        if image.is_meta:
            return super().forward(image)
        key = (image - image[:, :1, :1, :1]).mul(1e3).round().numpy().tobytes()
        if key not in self.seen:
            self.seen[key] = super().forward(image)
        return self.seen[key]


class NoiseLeavesEarly(Honest):
    """Takes 2 ms for an image whose neighbours have nothing in common."""

    def forward(self, image: Tensor) -> Tensor:
        if not image.is_meta and (image[..., 1:] - image[..., :-1]).abs().mean() > 0.6 * image.std():
            pass_ms(-8)
        return super().forward(image)


class EveryFifth(Honest):
    """Computes every fifth time, and gives the same answer until then."""

    calls = 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        if self.calls % 5 == 1 and not image.is_meta:
            self.last = super().forward(image)
        elif image.is_meta:
            return super().forward(image)
        else:
            pass_ms(10)
        return self.last


class Dropping(Honest):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(F.dropout(image, 0.5, training=True))


class HalfDone(Honest):
    """Leaves the lower half out once it is warm."""

    calls = 0

    def forward(self, image: Tensor) -> Tensor:
        self.calls += 1
        found = super().forward(image)
        if not image.is_meta and self.calls > 3:
            found[:, :, 8:] = 0
        return found


class InPlace(Honest):
    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image.mul_(0.5))


class Greedy(Honest):
    """Takes two threads when it is called."""

    def forward(self, image: Tensor) -> Tensor:
        torch.set_num_threads(2)
        return super().forward(image)


class GreedyWhenBuilt(Honest):
    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        torch.set_num_threads(2)
        torch.set_flush_denormal(True)


class Constant(Honest):
    """Its last layer is zero, as it was built."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        nn.init.zeros_(self.conv.weight)


class Wrapped(Honest):
    """Returns no tensor that could be looked at."""

    def forward(self, image: Tensor) -> Any:
        return type("Output", (), {"logits": super().forward(image)})()


@pytest.fixture(autouse=True)
def _fresh_world(monkeypatch: pytest.MonkeyPatch) -> None:
    World.now_ns, World.remembered = 0, {}
    small = partial(measure_rates, gemm_side=64, copy_mib=1)
    monkeypatch.setattr("bench.speed.measure.measure_rates", lambda device, **_: small(device, seconds=0.0))


def measure(*networks: type[Honest], own_cores: float = 1.0) -> list[SpeedRecord]:
    def clock() -> int:
        World.now_ns += 1_000
        return World.now_ns

    def counters() -> CpuReading:
        wall_s = World.now_ns / 1e9
        return CpuReading(own_cores * wall_s, wall_s, own_cores * wall_s, wall_s, cores=2)

    methods = [
        Method(one.__name__, one.__name__, "test", 2020, f"{__name__}:{one.__name__}") for one in networks
    ]
    assert __name__ in sys.modules
    return measure_speed(
        methods,
        SIZE_HW,
        num_classes=4,
        threads=1,
        device="cpu",
        protocol=QUICK,
        command=["carnet-bench", "time"],
        clock=clock,
        counters=counters,
    )


@pytest.mark.parametrize("network", [Honest, InPlace, Constant])
def test_a_network_that_computes_is_valid(network: type[Honest]) -> None:
    (record,) = measure(network)
    assert record.reasons == []


@pytest.mark.parametrize(
    ("network", "token"),
    [
        (FirstAnswer, "unused copy"),
        (ByShape, "the same answer"),
        (LessFirstPixel, "repeated input"),
        (NoiseLeavesEarly, "photograph-like"),
        (EveryFifth, "unused copy"),
        (Dropping, "unused copy"),
        (HalfDone, "unused copy"),
        (Wrapped, "no tensor"),
        (Greedy, "threads 1 -> 2"),
        (GreedyWhenBuilt, "flush denormals False -> True"),
    ],
)
def test_a_network_whose_time_means_nothing_is_not_valid_and_says_why(
    network: type[Honest], token: str
) -> None:
    beside, record = measure(Honest, network)
    assert any(token in reason for reason in record.reasons)
    assert beside.valid
    assert torch.get_num_threads() == 1


def test_images_that_differ_by_a_shift_are_never_shown() -> None:
    (record,) = measure(LessFirstPixel)
    assert min(record.values.samples_ms) > 9


def test_threads_that_torch_does_not_know_of_are_seen() -> None:
    (record,) = measure(Honest, own_cores=1.9)
    assert any("1.9 cores" in reason for reason in record.reasons)


def test_a_time_far_below_its_bound_is_not_valid() -> None:
    assert too_fast({"gemm_bound_ms": 100.0, "gemm_fraction": 3.9}) == ()
    (reason,) = too_fast({"gemm_bound_ms": 100.0, "gemm_fraction": 8.0})  # 12.5 ms
    assert "100 ms" in reason
    assert too_fast({"gemm_bound_ms": None, "gemm_fraction": None}) == ()


def test_samples_of_two_kinds_may_differ_by_a_fifth() -> None:
    assert uneven([10.0, 8.1] * 5) == ()
    (reason,) = uneven([10.0, 7.0] * 5)
    assert "10 ms" in reason
    assert uneven([10.0]) == ()
