"""A table's times are taken once: what is valid is kept, what is not is taken once more."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_records import make_record

from baselines.method import Method
from baselines.registry import METHODS
from bench.experiments import table_times as timed
from bench.experiments.time_budget import CALLS, Candidate
from bench.experiments.time_groups import groups_of, rows_to_time
from bench.results.provenance import current_sources
from bench.results.record import Record
from bench.results.store import add_record
from bench.speed.device import open_device
from bench.speed.identity import speed_identity
from bench.speed.variant import Variant
from bench.train.settings import Settings

PLAIN = Variant()


def speed_record(
    row: str,
    size_hw: tuple[int, int] = (512, 1024),
    classes: int = 19,
    *,
    threads: int = 1,
    variant: Variant = PLAIN,
    run: str | None = "one",
    stale: bool = False,
    identity: dict[str, Any] | None = None,
    **flags: Any,
) -> Record:
    found = speed_identity(
        METHODS[row],
        variant,
        size_hw,
        open_device("cpu"),
        num_classes=classes,
        batch=1,
        threads=threads,
    )
    source = {"carnet": "old", "method": "old"} if stale else current_sources(METHODS[row])
    provenance = {"source": source, "dirty": False, "started_utc": "2026-01-01T00:00:00Z", "run": run}
    values = {"median_ms": 10.0, "samples_ms": [10.0, 10.0, 10.0]}
    return make_record("speed", {**found, **(identity or {})}, values, provenance, **flags)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Networks of 1 GMAC and calls of 0.1 s; what is asked of the clock is written down."""
    seen = SimpleNamespace(now_s=0.0, measured=[], protocols=[], invalid={}, said=[], told=[], call_s=0.1)

    def network_on(_device: Any) -> Any:
        def call_s() -> float:
            seen.now_s += seen.call_s
            return float(seen.call_s)

        return lambda _one: call_s

    def measure(methods: Any, size_hw: Any, **how: Any) -> list[Record]:
        names = [method.name for method in methods]
        seen.measured.append(names)
        seen.protocols.append(how["protocol"])
        how["progress"]("samples", 0.5)
        seen.now_s += CALLS * seen.call_s * len(names)
        records = []
        for name in names:
            wrong = seen.invalid.get(name, 0) > 0
            seen.invalid[name] = seen.invalid.get(name, 0) - 1
            reasons = ["spread 40 %"] if wrong else []
            records.append(
                speed_record(name, size_hw, how["num_classes"], run=str(len(seen.measured)), reasons=reasons)
            )
        return records

    monkeypatch.setattr(
        timed, "_counted", lambda one: Candidate(one.method, one.size_hw, one.num_classes, 1.0)
    )
    monkeypatch.setattr(timed, "network_on", network_on)
    monkeypatch.setattr(timed, "measure_speed", measure)
    monkeypatch.setattr(timed, "measure_rates", lambda *_, **__: SimpleNamespace(gemm_gmacs_per_s=10.0))

    def run(table: str = "table2", budget_s: float = 900.0, **more: Any) -> timed.Timed:
        return timed.time_table(
            table,
            budget_s,
            Settings(tmp_path, device="cpu", threads=1),
            progress=lambda stage, share: seen.told.append((stage, share)),
            log=seen.said.append,
            clock=lambda: seen.now_s,
            **more,
        )

    seen.run, seen.home = run, tmp_path
    return seen


def test_every_row_of_table_2_is_timed_and_written_the_compared_ones_together(bench: SimpleNamespace) -> None:
    done = bench.run()
    compared = {"carnet-mobile", *(f"{k}-resnet{n}" for k in ("carnet", "lwrf") for n in (50, 101, 152))}
    assert [set(names) for names in bench.measured] == [
        compared,
        {"refinenet-resnet50", "refinenet-resnet101", "refinenet-resnet152"},
    ]
    assert len(done.records) == 10
    assert done.left_out == []
    assert len(list((bench.home / "results" / "records" / "speed").glob("*.json"))) == 10


def test_a_second_run_times_nothing_and_says_so(bench: SimpleNamespace) -> None:
    first = bench.run()
    bench.measured.clear()
    bench.said.clear()
    second = bench.run()
    assert bench.measured == []
    assert set(second.records) == set(first.records)
    assert len(bench.said) == 10
    assert all(line.endswith("keeping the valid time of this machine and code") for line in bench.said)


def test_after_an_interruption_only_the_group_in_work_is_lost(
    bench: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = timed.measure_speed

    def interrupted(methods: Any, *rest: Any, **how: Any) -> list[Record]:
        if methods[0].name.startswith("refinenet"):
            raise KeyboardInterrupt
        return good(methods, *rest, **how)

    monkeypatch.setattr(timed, "measure_speed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    monkeypatch.setattr(timed, "measure_speed", good)
    bench.measured.clear()
    bench.run()
    assert [set(names) for names in bench.measured] == [
        {"refinenet-resnet50", "refinenet-resnet101", "refinenet-resnet152"}
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"threads": 2},
        {"variant": Variant("onnxruntime")},
        {"variant": Variant(deploy=True)},
        {"size_hw": (256, 512)},
        {"stale": True},
        {"reasons": ["drift"]},
        {"smoke": True},
        {"identity": {"machine": {"cpu": "another"}}},
    ],
)
def test_a_time_of_something_else_does_not_stand_for_a_row(
    bench: SimpleNamespace, other: dict[str, Any]
) -> None:
    add_record(speed_record("carnet-mobile", **other), bench.home)
    bench.run("table1")
    assert "carnet-mobile" in bench.measured[0]


def test_a_row_whose_ratio_is_claimed_is_timed_again_with_its_partner(bench: SimpleNamespace) -> None:
    # both are valid, but of two runs: nothing can be divided
    for row, run in (("carnet-resnet50", "one"), ("lwrf-resnet50", "two"), ("carnet-mobile", "three")):
        add_record(speed_record(row, (468, 625), 40, run=run), bench.home)
    bench.run()
    assert "carnet-mobile" not in bench.measured[0]
    assert {"carnet-resnet50", "lwrf-resnet50"} <= set(bench.measured[0])


def test_what_is_not_valid_is_timed_once_more_with_the_row_it_is_compared_with(
    bench: SimpleNamespace,
) -> None:
    bench.invalid = {"lwrf-resnet50": 1, "refinenet-resnet50": 9}
    done = bench.run()
    # when all rows had their turn, and not for ever
    assert set(bench.measured[2]) == {"carnet-resnet50", "lwrf-resnet50", "refinenet-resnet50"}
    assert bench.measured[3:] == [["refinenet-resnet50"]]
    assert done.left_out == ["refinenet-resnet50"]


def test_what_fits_into_the_time_left_is_timed_once_more_although_not_all_of_it_does(
    bench: SimpleNamespace,
) -> None:
    bench.invalid = {"lwrf-resnet50": 1, "refinenet-resnet50": 1}
    # 10 rows: each 0.1 s to try and 1.5 s to time are 16 s; 2 s are left then, of 3 s for the pair
    done = bench.run("table2", 18.0)
    assert bench.measured[2:] == [["refinenet-resnet50"]]
    assert done.left_out == ["lwrf-resnet50"]


def test_without_time_left_nothing_is_timed_once_more(bench: SimpleNamespace) -> None:
    bench.invalid = {"enet": 1}
    # 15 rows: each 0.1 s to try and 1.5 s to time are 24 s; 1 s is left then
    bench.run("table1", 25.0)
    assert sum("enet" in names for names in bench.measured) == 1


def test_a_heavy_group_gets_the_fewest_samples_and_one_call_of_warm_up(bench: SimpleNamespace) -> None:
    bench.call_s = 1.0  # seven rows of 15 calls: 105 s
    bench.run()
    assert {(protocol.samples, protocol.warmup_calls) for protocol in bench.protocols} == {(9, 1)}
    assert bench.protocols[0].budget_s >= 7 * CALLS


def test_the_share_done_grows_over_the_groups_and_names_the_rows_in_work(bench: SimpleNamespace) -> None:
    bench.run("table1")
    told = [(stage, share) for stage, share in bench.told if stage.endswith(": samples")]
    assert told[0][0] == "carnet-mobile, carnet-resnet50, carnet-resnet101, carnet-resnet152: samples"
    others = [share for stage, share in told[1:]]
    assert others == sorted(others)
    assert 0 < others[0] < others[-1] < 1


def test_only_the_carnets_are_timed_deployed(bench: SimpleNamespace) -> None:
    done = bench.run(variant=Variant(deploy=True))
    assert [name for names in bench.measured for name in names if not name.startswith("carnet-")] == []
    assert len(done.left_out) == 6
    assert "lwrf-resnet50: not timed, only a CARNet can be deployed" in bench.said


def candidate(name: str, memory_mib: float, size_hw: tuple[int, int] = (64, 64)) -> Candidate:
    return Candidate(Method(name, name, "", 0, "x:y"), size_hw, 19, 1.0, memory_mib=memory_mib)


def names_of(table: str, free_mib: float, *rows: Candidate) -> list[list[str]]:
    return [[one.name for one in group] for group in groups_of(table, rows, lambda: free_mib)]


def test_a_group_takes_no_more_than_half_of_the_free_memory() -> None:
    rows = [candidate(name, 300.0) for name in "abcd"]
    assert names_of("table1", 2400.0, *rows) == [["a", "b", "c", "d"]]
    assert names_of("table1", 1200.0, *rows) == [["a", "b"], ["c", "d"]]
    # one that no memory holds is tried alone
    assert names_of("table1", 100.0, *rows) == [["a"], ["b"], ["c"], ["d"]]


def test_rows_of_two_sizes_are_never_interleaved() -> None:
    rows = [candidate("a", 1.0), candidate("b", 1.0, (64, 96)), candidate("c", 1.0)]
    assert names_of("table1", 1e6, *rows) == [["a", "c"], ["b"]]


def test_rows_whose_ratio_is_claimed_stay_together_in_little_memory() -> None:
    rows = [candidate(name, 300.0) for name in ("carnet-mobile", "carnet-resnet50", "lwrf-resnet50")]
    assert names_of("table2", 700.0, *rows) == [["carnet-mobile"], ["carnet-resnet50", "lwrf-resnet50"]]


def test_every_time_of_tables_1_and_2_has_a_network() -> None:
    assert [len(rows) for rows in rows_to_time("table1")] == [4, 11]
    assert [len(rows) for rows in rows_to_time("table2")] == [7, 3]
    assert [len(rows) for rows in rows_to_time("table3")] == [0, 0]


def test_the_threads_in_force_are_put_back(bench: SimpleNamespace) -> None:
    before = torch.get_num_threads()
    bench.run()
    assert torch.get_num_threads() == before
