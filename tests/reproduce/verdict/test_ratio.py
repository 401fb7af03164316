"""The ratios of times that Table 2 claims: only from one run, with an interval and a verdict."""

import math
from typing import Any

import pytest
from made_records import make_record

from bench.paper.claims import partners
from bench.reproduce.verdict.ratio import Claim, judge_claims
from bench.results.record import Record
from bench.results.select import Tabulated

SOURCES: dict[str, dict[str, str]] = {
    f"{kind}-resnet{depth}": {"carnet": "c", "method": "m"}
    for kind in ("lwrf", "carnet")
    for depth in (50, 101, 152)
}


TABULATED = Tabulated({})
"""No code is needed: the sources of these rows are known."""
TABULATED._sources.update({(row, False): one for row, one in SOURCES.items()})


def timed(row: str, samples_ms: list[float], run: str | None = "one", **more: Any) -> Record:
    identity = {
        "model": row,
        "engine": "eager",
        "device": "cpu",
        "machine": {"cpu": "Some CPU", "gpu": "Some GPU"},
        "threads": 2,
        "memory_format": "channels_last",
        "precision": "32-true",
        "size": [468, 625],
        "num_classes": 40,
        "batch": 1,
        **more.pop("identity", {}),
    }
    started = more.pop("started", "2026-01-01T00:00:00Z")
    made = {"source": SOURCES[row], "dirty": False, "run": run, "started_utc": started}
    return make_record("speed", identity, {"samples_ms": samples_ms}, made, **more)


def first(*records: Record, form: str = "") -> Claim:
    return judge_claims("table2", records, TABULATED, form)[0]


def test_the_ratio_is_taken_round_by_round() -> None:
    # the machine slows down in the third round, and the ratio stays
    claim = first(timed("lwrf-resnet50", [20.0, 22.0, 40.0]), timed("carnet-resnet50", [10.0, 11.0, 20.0]))
    assert claim.ratio == pytest.approx(2.0)
    assert (claim.low, claim.high) == (pytest.approx(2.0), pytest.approx(2.0))
    assert claim.printed == pytest.approx(19.56 / 9.91)
    assert (claim.verdict, claim.rounds, claim.printed_inside) == ("reproduced", 3, False)


def test_the_interval_is_students_over_the_logarithms() -> None:
    ratios = [1.0, 1.1, 1.21]
    claim = first(timed("lwrf-resnet50", ratios), timed("carnet-resnet50", [1.0] * 3))
    # the logs are 0, a, 2a with a = log 1.1: mean a, deviation a, t(2) = 4.302653
    step = math.log(1.1)
    assert claim.ratio == pytest.approx(1.1)
    assert claim.low == pytest.approx(math.exp(step - 4.302653 * step / 3**0.5))
    assert claim.high == pytest.approx(math.exp(step + 4.302653 * step / 3**0.5))
    assert claim.verdict == "not distinguishable"


def test_a_lwrf_that_is_faster_contradicts() -> None:
    claim = first(
        timed("lwrf-resnet50", [9.0, 9.1, 9.0, 9.1]), timed("carnet-resnet50", [10.0, 10.0, 10.1, 10.1])
    )
    assert claim.verdict == "contradicted"
    assert "contradicted; the verdict is on which of them is slower" in claim.line
    assert "outside the interval" in claim.line


def test_times_of_two_runs_are_never_divided() -> None:
    times = [10.0, 10.0, 10.0]
    lwrf = timed("lwrf-resnet50", times)
    assert first(lwrf, timed("carnet-resnet50", times, "two")).verdict == "not measured"
    # records from before runs had an id
    old = first(timed("lwrf-resnet50", times, None), timed("carnet-resnet50", times, None))
    assert old.verdict == "not measured"
    assert old.line.endswith("printed 1.97; not measured, no run holds valid times of both")


@pytest.mark.parametrize(
    "more",
    [
        {"reasons": ["spread"]},
        {"smoke": True},
        {"identity": {"size": [512, 1024]}},
        {"identity": {"engine": "onnxruntime"}},
        {"identity": {"batch": 2}},
    ],
)
def test_what_no_table_shows_makes_no_ratio(more: dict[str, Any]) -> None:
    times = [10.0, 10.0, 10.0]
    claim = first(timed("lwrf-resnet50", times, **more), timed("carnet-resnet50", times))
    assert claim.verdict == "not measured"


def test_the_latest_run_that_holds_both_counts() -> None:
    one = [10.0, 10.0, 10.0]
    claim = first(
        timed("lwrf-resnet50", [20.0] * 3, "old"),
        timed("carnet-resnet50", one, "old"),
        timed("lwrf-resnet50", [30.0] * 3, "new", started="2026-01-02T00:00:00Z"),
        timed("carnet-resnet50", one, "new", started="2026-01-02T00:00:00Z"),
        timed("lwrf-resnet50", [90.0] * 3, "alone", started="2026-01-03T00:00:00Z"),
    )
    assert claim.ratio == pytest.approx(3.0)


def test_another_form_has_its_own_ratio() -> None:
    more: dict[str, Any] = {"identity": {"engine": "onnxruntime"}}
    records = [
        timed(f"{kind}-resnet50", [10.0] * 3, **{"identity": dict(more["identity"])})
        for kind in ("lwrf", "carnet")
    ]
    assert first(*records).verdict == "not measured"
    assert first(*records, form="onnxruntime").ratio == pytest.approx(1.0)


def test_each_kind_of_device_has_its_own_ratio_the_accelerator_first() -> None:
    gpu: dict[str, Any] = {"device": "cuda", "memory_format": "contiguous_format"}
    records = [
        timed("lwrf-resnet50", [9.0] * 3),
        timed("carnet-resnet50", [10.0] * 3),
        timed("lwrf-resnet50", [2.0] * 3, "two", identity=dict(gpu)),
        timed("carnet-resnet50", [1.0] * 3, "two", identity=dict(gpu)),
    ]
    on_gpu, on_cpu = judge_claims("table2", records, TABULATED)[:2]
    assert (on_gpu.ratio, on_gpu.verdict) == (pytest.approx(2.0), "reproduced")
    assert (on_cpu.ratio, on_cpu.verdict) == (pytest.approx(0.9), "contradicted")
    assert "printed 1.97, measured 2.000 on Some GPU (95 % interval" in on_gpu.line
    assert "printed 1.97, measured 0.900 on Some CPU, 2 threads (95 % interval" in on_cpu.line


def test_table_2_claims_three_ratios_and_table_1_none() -> None:
    assert [(one.slower, round(one.printed, 2)) for one in judge_claims("table2", [], ())] == [
        ("lwrf-resnet50", 1.97),
        ("lwrf-resnet101", 1.80),
        ("lwrf-resnet152", 1.78),
    ]
    assert judge_claims("table1", [], ()) == ()
    assert partners("table2", "carnet-resnet101") == ("lwrf-resnet101",)
    assert partners("table2", "carnet-mobile") == ()
