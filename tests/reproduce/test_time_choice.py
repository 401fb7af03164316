"""Whose times a table shows: this machine's or the named one's, and never two in one column."""

from pathlib import Path
from typing import Any

import pytest
from made_records import make_record

from baselines.registry import METHODS
from bench.errors import UsageError
from bench.paper import TABLES, Cell, load_table
from bench.reproduce.record_cells import judge_speed
from bench.reproduce.time_choice import Times
from bench.results.provenance import current_sources
from bench.results.provenance import machine as machine_here
from bench.results.record import Record
from bench.results.store import add_record

TABLE = TABLES["table1"]
ROW = "carnet-mobile"
TIME, FPS = (
    next(cell for cell in load_table("table1") if cell.row == ROW and cell.column == column)
    for column in ("time", "fps")
)


@pytest.fixture(scope="module")
def source() -> dict[str, str | None]:
    return current_sources(METHODS[ROW])


def speed_record(source: dict[str, str | None], **changes: Any) -> Record:
    identity = {
        "model": ROW,
        "options": dict(METHODS[ROW].options),
        "num_classes": 19,
        "engine": "eager",
        "device": "cpu",
        "precision": "32-true",
        "batch": 1,
        "size": [512, 1024],
        "threads": 2,
        "machine": {**machine_here(), "gpu": None},
        **changes,
    }
    started, flags = identity.pop("started", "2026-01-01T00:00:00Z"), identity.pop("flags", {})
    values = {"median_ms": 250.0, "fps": 4.0, "gemm_bound_ms": 100.0}
    made = {"source": source, "dirty": False, "started_utc": started}
    return make_record("speed", identity, values, made, **flags)


GPU = {"device": "cuda", "machine": {"cpu": "C", "gpu": "Some GPU"}}
OTHER = {"machine": {"cpu": "Other CPU", "logical_cores": 8, "gpu": None}}


def judged_speed(home: Path, cell: Cell, **options: Any) -> tuple[float | None, str, str | None, str | None]:
    timed = (ROW, (512, 1024), 19)
    return judge_speed(cell, TABLE, Times(home, METHODS, [timed], **options).choose(*timed))


def test_a_time_is_reported_with_its_roofline_bound(tmp_path: Path, source: dict[str, str | None]) -> None:
    record, _ = add_record(speed_record(source), tmp_path)
    cpu = machine_here()["cpu"]
    assert judged_speed(tmp_path, TIME) == (
        250.0,
        "other machine",
        f"{cpu}, 2 threads, eager 32-true; lower bound from the GEMM rate 100 ms; the paper: NVIDIA TITAN X",
        record.id,
    )
    measured, verdict, note, _ = judged_speed(tmp_path, FPS)
    assert (measured, verdict) == (4.0, "other machine")
    assert note is not None
    assert "upper bound from the GEMM rate 10 fps" in note


@pytest.mark.parametrize(
    "changes",
    [{"size": [256, 512]}, {"batch": 2}, {"num_classes": 11}, {"precision": "16-mixed"}, {"options": {}}],
)
def test_a_time_under_other_conditions_is_not_the_tables(
    tmp_path: Path, source: dict[str, str | None], changes: dict[str, Any]
) -> None:
    add_record(speed_record(source, **changes), tmp_path)
    assert judged_speed(tmp_path, TIME) == (None, "not measured", "no time of this machine yet", None)


@pytest.mark.parametrize("elsewhere", [GPU, OTHER])
def test_another_machines_time_stands_elsewhere_unless_it_is_named(
    tmp_path: Path, source: dict[str, str | None], elsewhere: dict[str, Any]
) -> None:
    other, _ = add_record(speed_record(source, **elsewhere), tmp_path)
    assert judged_speed(tmp_path, TIME)[:3] == (None, "not measured", "no time of this machine yet")
    for machine in ("some gpu", "other"):
        if machine in str(elsewhere).lower():
            assert judged_speed(tmp_path, TIME, machine=machine)[3] == other.id
    timed = [(ROW, (512, 1024), 19)]
    found = Times(tmp_path, METHODS, timed).elsewhere()
    name = "Some GPU" if elsewhere is GPU else "Other CPU, 8 cores"
    assert {str(machine): times for machine, times in found.items()} == {name: {ROW: other}}


def test_a_machine_that_has_timed_nothing_is_refused_with_those_that_have(
    tmp_path: Path, source: dict[str, str | None]
) -> None:
    add_record(speed_record(source, **GPU), tmp_path)
    with pytest.raises(UsageError, match="Some GPU"):
        judged_speed(tmp_path, TIME, machine="H200")


def test_a_time_of_this_machine_that_is_not_valid_leaves_its_reason(
    tmp_path: Path, source: dict[str, str | None]
) -> None:
    add_record(speed_record(source, flags={"reasons": ["spread 0.4"]}), tmp_path)
    add_record(speed_record(source, **GPU, flags={"reasons": ["drift"]}), tmp_path)
    assert judged_speed(tmp_path, TIME)[1:3] == ("not measured", "not valid: spread 0.4")


def test_a_column_is_of_one_set_of_conditions(tmp_path: Path, source: dict[str, str | None]) -> None:
    other = "carnet-resnet50"
    of_other = {"model": other, "options": dict(METHODS[other].options)}
    two = [add_record(speed_record(source, **more), tmp_path)[0] for more in ({}, of_other)]
    # a new kernel is the same machine, another number of threads another column
    new_kernel = {"machine": {**machine_here(), "gpu": None, "system": "Linux 9"}}
    later = add_record(speed_record(source, **new_kernel, started="2026-02-01T00:00:00Z"), tmp_path)[0]
    one = add_record(speed_record(source, threads=1, started="2026-03-01T00:00:00Z"), tmp_path)[0]
    timed = [(name, (512, 1024), 19) for name in (ROW, other)]

    def shown(*prefer: str) -> list[str]:
        times = Times(tmp_path, METHODS, timed, prefer=prefer)
        return [record.id for row in timed for record in times.choose(*row).records]

    assert shown() == [later.id, two[1].id]
    assert shown(two[0].id) == [record.id for record in two]
    # what a command has just measured comes first, and what was measured otherwise does not fill its gaps
    assert shown(one.id) == [one.id]
