"""``reproduce all``: whatever a single command writes, and the same bytes."""

from pathlib import Path
from shutil import copytree

import pytest

from bench.report import everything
from bench.report.everything import write_everything
from bench.report.origin import Origin
from bench.reproduce.table import reproduce
from bench.results.provenance import machine

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_what_was_deleted_is_rebuilt_to_the_byte_in_another_folder_and_time_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, bytes]] = []
    for name, zone in (("one", "Pacific/Kiritimati"), ("two", "America/Adak")):
        home = tmp_path / name
        copytree(ROOT / "results" / "records", home / "results" / "records")
        monkeypatch.setenv("TZ", zone)
        for module in ("claims_page", "html_page", "parts_report", "write"):
            monkeypatch.setattr(f"bench.report.{module}.origin", lambda: Origin("commit 0", "a machine"))
        files = write_everything(home, "Xeon")
        made.append({path.relative_to(home).as_posix(): path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert {
        "reports/index.html",
        "reports/claims.md",
        "reports/fig7.svg",
        "results/tables/table1.csv",
    } <= set(made[0])


def test_a_newcomer_sees_the_times_of_the_machine_that_has_most(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = {**machine(), "cpu": "a processor without a record", "logical_cores": 6, "gpu": None}
    monkeypatch.setattr("bench.reproduce.time_choice.machine_here", lambda: stranger)
    own = reproduce("table2", ROOT)
    assert own.machine == "a processor without a record, 6 cores"
    most = max(own.elsewhere, key=lambda one: len(one.cells))
    assert everything._judge("table2", ROOT, None).machine == most.machine
