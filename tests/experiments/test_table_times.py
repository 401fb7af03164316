"""A table's times keep their budget: what does not fit is not called, and is named."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import RefusedInput
from bench.experiments import table_times as timed
from bench.experiments.time_budget import CALLS, Candidate, affordable, network_on
from bench.paper import Cell
from bench.results.store import read_records
from bench.speed.device import open_device
from bench.train.settings import Settings


class Clock:
    """Seconds that pass only when something is built or called."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Machine:
    """Builds networks in no time and calls them for the given seconds, one number per call."""

    def __init__(self, calls_s: dict[str, list[float]], build_s: float = 0.0) -> None:
        self.clock = Clock()
        self.calls_s = calls_s
        self.build_s = build_s
        self.built: list[str] = []

    def build(self, one: Candidate) -> Any:
        self.built.append(one.method.name)
        self.clock.now_s += self.build_s
        if one.method.name not in self.calls_s:
            raise RuntimeError("out of memory")
        seconds = iter(self.calls_s[one.method.name])

        def call_s() -> float:
            taken_s = next(seconds)
            self.clock.now_s += taken_s
            return taken_s

        return call_s


def candidate(name: str, gmacs: float | None) -> Candidate:
    return Candidate(Method(name, name, "", 0, "x:y"), (64, 64), 19, gmacs)


def choose(machine: Machine, budget_s: float, *candidates: Candidate) -> tuple[list[str], dict[str, str]]:
    # 1 GMAC a second
    chosen, refused = affordable(
        candidates, lambda: budget_s - machine.clock(), 1.0, machine.build, machine.clock
    )
    return [one.method.name for one in chosen], refused


def test_what_cannot_fit_even_at_the_rate_of_a_matrix_product_is_never_built() -> None:
    machine = Machine({"small": [1.0]})
    chosen, refused = choose(machine, 100.0, candidate("large", 7.0), candidate("small", 0.5))
    assert chosen == ["small"]
    assert machine.built == ["small"]
    # 15 calls of 7 s; of 100 s one went for the call and 15 are promised
    assert refused == {"large": "needs at least 105 s, 84 s left"}


def test_networks_with_fewer_operations_come_first() -> None:
    machine = Machine({"a": [1.0], "b": [1.0], "c": [1.0, 1.0]})
    chosen, refused = choose(machine, 40.0, candidate("c", 0.3), candidate("a", 0.1), candidate("b", 0.2))
    # after a: 39 left, 15 promised; after b: 38 left, 30 promised, so c (4.5 s at least) is tried, twice
    assert chosen == ["a", "b"]
    assert machine.built == ["a", "b", "c"]
    assert refused == {"c": "needs about 15 s, 6.0 s left"}


def test_a_slow_first_call_is_followed_by_a_second_unless_that_costs_too_much() -> None:
    # 15 x 2 s do not fit in 25 s; 2 s are less than a fifth of them, and a second call takes 0.1 s
    assert choose(Machine({"cold": [2.0, 0.1]}), 25.0, candidate("cold", 0.01))[0] == ["cold"]
    # 6 s are more than a fifth: a network that is really slow is not called again
    assert choose(Machine({"slow": [6.0]}), 25.0, candidate("slow", 0.01)) == (
        [],
        {"slow": "needs about 90 s, 19 s left"},
    )


def test_building_counts_as_well() -> None:
    machine = Machine({"big": [0.1]}, build_s=10.0)
    chosen, refused = choose(machine, 12.0, candidate("big", 0.01))
    assert chosen == []
    assert refused == {"big": "needs about 12 s, 1.9 s left"}


def test_what_each_needs_is_kept() -> None:
    machine = Machine({"a": [1.0]}, build_s=2.0)
    chosen, _ = affordable([candidate("a", 0.1)], lambda: 100.0, 1.0, machine.build, machine.clock)
    assert chosen[0].need_s == 2.0 + CALLS * 1.0


def test_a_network_that_fails_or_cannot_be_counted_is_named_with_the_reason() -> None:
    machine = Machine({})
    chosen, refused = choose(machine, 100.0, candidate("broken", 0.1), candidate("uncounted", None))
    assert chosen == []
    assert refused == {
        "broken": "RuntimeError: out of memory",
        "uncounted": "its operations cannot be counted, so its duration is unknown",
    }
    assert machine.built == ["broken"]


def test_two_networks_that_cannot_be_counted_do_not_stop_the_others() -> None:
    machine = Machine({"a": [0.1]})
    chosen, refused = choose(machine, 100.0, candidate("x", None), candidate("y", None), candidate("a", 0.1))
    assert chosen == ["a"]
    assert set(refused) == {"x", "y"}


def test_a_real_network_is_built_on_the_device_and_its_call_timed() -> None:
    one = Candidate(METHODS["enet"], (64, 96), 19, 1.0)
    assert network_on(open_device("cpu"))(one)() > 0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the clock and the networks: a call takes as many seconds as there are 10 GMAC."""
    seen = SimpleNamespace(clock=Clock(), measured=[], gmacs={}, fails=set())

    def counted(one: Candidate) -> Candidate:
        return Candidate(one.method, one.size_hw, one.num_classes, seen.gmacs.get(one.method.name, 1e6))

    def network_on(_device: Any) -> Any:
        def build(one: Candidate) -> Any:
            def call_s() -> float:
                taken_s = (one.gmacs or 0.0) / 10
                seen.clock.now_s += taken_s
                return taken_s

            return call_s

        return build

    def measure(methods: Any, size_hw: Any, *, protocol: Any, **_: Any) -> list[Any]:
        names = [method.name for method in methods]
        if seen.fails & set(names):
            raise RefusedInput("fails on this input")
        seen.measured.append((names, size_hw, round(protocol.budget_s, 6)))
        seen.clock.now_s += CALLS * sum(seen.gmacs[name] for name in names) / 10
        return []

    monkeypatch.setattr(timed, "_counted", counted)
    monkeypatch.setattr(timed, "network_on", network_on)
    monkeypatch.setattr(timed, "measure_speed", measure)
    monkeypatch.setattr(timed, "measure_rates", lambda *_, **__: SimpleNamespace(gemm_gmacs_per_s=10.0))
    return seen


def time_table(bench: SimpleNamespace, home: Path, table: str, budget_s: float) -> list[str]:
    said: list[str] = []
    timed.time_table(table, budget_s, Settings(home, device="cpu"), log=said.append, clock=bench.clock)
    return said


def test_the_carnets_are_timed_together_first_and_then_what_still_fits(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    bench.gmacs = {f"carnet-{name}": 2.0 for name in ("mobile", "resnet50", "resnet101", "resnet152")}
    bench.gmacs |= {"enet": 1.0, "bisenet1": 4.0, "bisenet2": 5.0}
    said = time_table(bench, tmp_path, "table1", 32.0)
    # the CARNets: 0.8 s of calls to choose, then 15 x 0.8 = 12 s of 31.2
    # left 19.2: 0.1 + 0.4 + 0.5 to choose; 1.5 and 6 s promised leave 10.2, where 7.5 fit
    assert [(names, size_hw) for names, size_hw, _ in bench.measured] == [
        (["carnet-mobile", "carnet-resnet50", "carnet-resnet101", "carnet-resnet152"], (512, 1024)),
        (["enet"], (360, 640)),
        (["bisenet1", "bisenet2"], (768, 1536)),
    ]
    # 18.2 s in the shares 1.5 and 13.5
    assert [budget_s for *_, budget_s in bench.measured] == [31.2, 1.82, 16.7]
    assert bench.clock.now_s <= 32.0
    named = {line.partition(":")[0] for line in said}
    assert named == {
        *("segnet", "sq", "crf-rnn", "deeplab-crf-largefov", "icnet", "frrn-b", "twocolumn"),
        "pspnet-resnet101",
    }
    assert all("not timed, needs at least" in line for line in said)


def test_a_budget_too_small_for_all_carnets_times_the_smaller_ones(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    bench.gmacs = {
        "carnet-mobile": 1.0,
        "carnet-resnet50": 4.0,
        "carnet-resnet101": 8.0,
        "carnet-resnet152": 12.0,
    }
    said = time_table(bench, tmp_path, "table2", 10.0)
    # 15 calls of 0.1 and 0.4 s are 7.5 s; the third would need 12 s
    assert [names for names, *_ in bench.measured] == [["carnet-mobile", "carnet-resnet50"]]
    assert bench.clock.now_s <= 10.0
    assert said[0].startswith("carnet-resnet101: not timed, needs at least 12 s")
    assert len(said) == 2 + 6


def test_when_no_time_is_left_nothing_more_is_counted(bench: SimpleNamespace, tmp_path: Path) -> None:
    said = time_table(bench, tmp_path, "table2", 0.0)
    assert bench.measured == []
    assert len(said) == 10
    assert {line.partition(": ")[2] for line in said} == {"not timed, no time left"}


def test_one_network_that_fails_does_not_take_the_others_times_with_it(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    bench.gmacs = {"carnet-mobile": 1.0, "lwrf-resnet50": 1.0}
    bench.fails = {"carnet-mobile"}
    said = time_table(bench, tmp_path, "table2", 100.0)
    # together first, since both are in one group; then each alone
    assert [names for names, *_ in bench.measured] == [["lwrf-resnet50"]]
    assert (
        "lwrf-resnet50, carnet-mobile: could not be timed together (fails on this input); timing each alone"
        in said
    )
    assert "carnet-mobile: not timed, fails on this input" in said


def test_a_table_without_times_is_left_as_it_is(bench: SimpleNamespace, tmp_path: Path) -> None:
    assert time_table(bench, tmp_path, "table3", 100.0) == []
    assert bench.measured == []


@pytest.mark.slow
def test_real_networks_are_timed_and_their_records_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [
        Cell("table1", row, row, "time", "1", "ms", "64x96", 19) for row in ("enet", "carnet-mobile", "sq")
    ]
    monkeypatch.setattr("bench.experiments.time_groups.load_table", lambda _name: cells)
    # SQ is said to need more than any budget holds
    real = timed._counted
    monkeypatch.setattr(
        timed, "_counted", lambda one: replace(one, gmacs=1e9) if one.method.name == "sq" else real(one)
    )
    said: list[str] = []
    timed.time_table("table1", 30.0, Settings(tmp_path, device="cpu", threads=1), log=said.append)
    records = read_records(tmp_path, "speed")
    assert {(record.identity.model, tuple(record.identity.size)) for record in records} == {
        ("carnet-mobile", (64, 96)),
        ("enet", (64, 96)),
    }
    assert [line for line in said if line.startswith("sq: not timed, needs at least ")]
