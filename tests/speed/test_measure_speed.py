"""Real (tiny) networks under a clock that the networks themselves move."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.method import Method
from bench.clock.machine_state import CpuReading
from bench.clock.protocol import Protocol
from bench.errors import RefusedInput, UsageError
from bench.models import resolve
from bench.results.record import Record
from bench.results.store import add_record, read_record
from bench.speed.device import Device
from bench.speed.inputs import FreshInputs
from bench.speed.measure import measure_speed
from bench.speed.roofline import measure_rates

NETWORKS = '''
import functools
import torch
from torch import nn

now_ns = 0
calls = []


class Plain(nn.Module):
    """Takes 10 ms of the fake clock."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(3, num_classes, 1)

    def forward(self, image):
        global now_ns
        if image.device.type != "meta":
            now_ns += 10_000_000
            calls.append((type(self).__name__, self.training, torch.is_inference_mode_enabled(),
                          image.is_contiguous(memory_format=torch.channels_last), tuple(image.shape)))
        return self.conv(image)


class Remembering(Plain):
    """Answers what it has seen before without working."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.answers = {}

    def forward(self, image):
        global now_ns
        if image.device.type == "meta":
            return super().forward(image)
        key = image.numpy().tobytes()
        if key not in self.answers:
            self.answers[key] = super().forward(image)
        now_ns += 1_000_000
        return self.answers[key]


class ByIdentity(Plain):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.answer = functools.lru_cache(maxsize=None)(super().forward)

    def forward(self, image):
        global now_ns
        now_ns += 1_000_000
        return self.answer(image)


def plain(num_classes):
    return Plain(num_classes)


def remembering(num_classes):
    return Remembering(num_classes)


def by_identity(num_classes):
    return ByIdentity(num_classes)


def picky(num_classes):
    return nn.Linear(7, num_classes)


def broken(num_classes):
    raise OSError("no weights")


def number(num_classes):
    return 5
'''
QUICK = Protocol(samples=9, budget_s=2.0, least_window_s=0.0)


class Bench:
    """The networks' file and the clock in it; reading the clock takes 1 microsecond."""

    def __init__(self, path: Path) -> None:
        path.write_text(NETWORKS)
        self.path = path
        self.names: dict[str, Method] = {}
        self.module: Any = None

    def method(self, function: str) -> Method:
        # resolve runs the file anew each time, and all must share one clock
        if self.module is None:
            resolved = resolve(f"{self.path}:plain")
            assert resolved.builder is not None
            self.module = sys.modules[resolved.builder.partition(":")[0]]
        return Method(function, function, "test", 2020, f"{self.module.__name__}:{function}")

    def clock(self) -> int:
        if self.module is None:  # before any network
            return 0
        self.module.now_ns += 1_000
        return int(self.module.now_ns)

    def counters(self) -> CpuReading:
        wall_s = self.module.now_ns / 1e9
        return CpuReading(wall_s, wall_s, wall_s, wall_s, cores=2)

    def measure(self, *functions: str, **more: Any) -> list[Record]:
        settings: dict[str, Any] = {
            "num_classes": 4,
            "device": "cpu",
            "protocol": QUICK,
            "command": ["carnet-bench", "time"],
            "clock": self.clock,
            "counters": self.counters,
            **more,
        }
        return measure_speed([self.method(name) for name in functions], (8, 16), **settings)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    # the real product of large matrices would take real time under a clock that hardly moves
    small = partial(measure_rates, gemm_side=64, copy_mib=1)
    monkeypatch.setattr("bench.speed.measure.measure_rates", lambda device, **_: small(device, seconds=0.0))
    yield Bench(tmp_path / "networks.py")
    sys.modules.pop("carnet_bench_user_networks", None)


def test_a_record_holds_the_samples_and_what_defines_them(bench: Bench) -> None:
    (record,) = bench.measure("plain", batch=2, threads=1)
    assert record.valid
    assert record.kind == "speed"
    identity = record.identity
    assert (identity.model, identity.num_classes, identity.batch) == ("plain", 4, 2)
    assert identity.size == (8, 16)
    assert (identity.engine, identity.precision, identity.threads) == ("eager", "32-true", 1)
    assert (identity.device, identity.memory_format) == ("cpu", "channels_last")
    assert identity.machine.torch == str(torch.__version__)
    values = record.values
    assert len(values.samples_ms) == values.samples == 9
    # 10 ms in the network and 1 microsecond for the second reading of the clock
    assert values.median_ms == pytest.approx(10.001)
    assert values.p99_ms is None
    # two images a call
    assert values.fps == pytest.approx(2000.0 / 10.001)
    assert values.foreign_share == 0.0


def test_the_bound_is_that_of_all_images_of_a_call(bench: Bench) -> None:
    (record,) = bench.measure("plain", batch=2)
    # a 1x1 convolution of 3 to 4 channels at 8x16, two images: 2 x 128 x 12
    assert record.values.gmacs == pytest.approx(3072e-9)
    bound_ms = 3072e-9 / record.values.gemm_gmacs_per_s * 1000.0
    assert record.values.gemm_bound_ms == pytest.approx(bound_ms)
    assert record.values.gemm_fraction == pytest.approx(bound_ms / record.values.median_ms)


def test_a_record_can_be_written_and_repeated(bench: Bench, tmp_path: Path) -> None:
    first = add_record(bench.measure("plain")[0], tmp_path)
    second = add_record(bench.measure("plain")[0], tmp_path)
    assert [record.identity.take for record, _ in (first, second)] == [0, 1]
    assert read_record(first[1]) == first[0]
    assert str(tmp_path) not in first[1].read_text()


def test_networks_run_in_eval_and_inference_mode_on_channels_last_inputs(bench: Bench) -> None:
    bench.measure("plain", batch=2)
    assert set(bench.module.calls) == {("Plain", False, True, True, (2, 3, 8, 16))}


def test_a_network_that_remembers_answers_is_not_valid(bench: Bench) -> None:
    honest, cheat = bench.measure("plain", "remembering")
    assert honest.valid
    assert honest.values.repeated_over_fresh == pytest.approx(1.0)
    assert not cheat.valid
    # 1 ms against 11 ms
    assert cheat.values.repeated_over_fresh == pytest.approx(1.0 / 11.0, rel=0.01)
    assert "as if the answer were remembered" in cheat.reasons[0]


@pytest.mark.parametrize("name", ["remembering", "by_identity"])
def test_the_samples_never_show_a_remembered_answer(bench: Bench, name: str) -> None:
    (record,) = bench.measure(name)
    assert min(record.values.samples_ms) == pytest.approx(11.001)


def test_fresh_inputs_differ_in_identity_and_in_values() -> None:
    device = Device(torch.device("cpu"), lambda: None, torch.channels_last)
    inputs = FreshInputs(1, (4, 6), device)
    images = [inputs.take() for _ in range(20)]
    assert len({image.data_ptr() for image in images}) == 20
    assert len({image.numpy().tobytes() for image in images}) == 20
    assert images[0].shape == (1, 3, 4, 6)


def test_a_foreign_load_is_kept_with_its_reason(bench: Bench) -> None:
    def busy() -> CpuReading:
        wall_s = bench.module.now_ns / 1e9
        return CpuReading(1.8 * wall_s, 0.2 * wall_s, wall_s, wall_s, cores=2)

    (record,) = bench.measure("plain", counters=busy)
    assert not record.valid
    assert "other processes took 40% of the cores" in record.reasons[0]
    assert len(record.values.samples_ms) == 9
    assert len(record.stored["values"]["discarded"]) == 2


def test_networks_are_interleaved_and_say_with_whom(bench: Bench) -> None:
    records = bench.measure("plain", "by_identity")
    assert [record.values.interleaved_with for record in records] == [("by_identity",), ("plain",)]
    assert [name for name, *_ in bench.module.calls[-6:]] == ["Plain", "ByIdentity"] * 3


def test_the_budget_is_for_the_whole_command(bench: Bench) -> None:
    bench.method("plain")
    started_ns = bench.module.now_ns
    bench.measure("plain", protocol=Protocol(samples=10_000, budget_s=2.0, least_window_s=0.0))
    assert bench.module.now_ns - started_ns <= 2.0e9


def test_a_builder_that_fails_is_refused_with_its_error(bench: Bench) -> None:
    with pytest.raises(
        RefusedInput, match=r"broken: its builder failed for num_classes=4: OSError: no weights"
    ):
        bench.measure("broken")


def test_a_builder_that_returns_no_network_is_refused(bench: Bench) -> None:
    with pytest.raises(RefusedInput, match="number: its builder returned a int"):
        bench.measure("number")


def test_a_network_that_fails_on_the_input_is_refused_with_its_shape(bench: Bench) -> None:
    with pytest.raises(RefusedInput, match=r"picky: fails on an input of 1x3x8x16: RuntimeError"):
        bench.measure("picky")


@pytest.mark.parametrize(("names", "found"), [([], "''"), (["plain", "plain"], "'plain plain'")])
def test_models_are_given_once_each(bench: Bench, names: list[str], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        bench.measure(*names)


def test_an_empty_batch_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="batch 0"):
        bench.measure("plain", batch=0)


def test_progress_is_told(bench: Bench) -> None:
    told: list[str] = []
    watch: Callable[[str, float], None] = lambda stage, _: told.append(stage)  # noqa: E731
    bench.measure("plain", progress=watch)
    assert told[0] == "warm-up"
    assert told[-1] == "samples"


def test_the_peak_of_memory_is_in_the_record(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        mib, measured = None, None

        def __init__(self, device: torch.device) -> None:
            self.device = device

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *_: object) -> None:
            self.mib, self.measured = 12.5, f"on the {self.device.type}"

    monkeypatch.setattr("bench.speed.measure.PeakMemory", Watched)
    for record in bench.measure("plain", "by_identity"):
        assert (record.values.peak_mib, record.values.peak_measured) == (12.5, "on the cpu")
