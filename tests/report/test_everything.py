"""``reproduce all``: whatever a single command writes, and the same bytes."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from bench.report import everything
from bench.reproduce.table import reproduce
from bench.reproduce.time_choice import complete_forms
from bench.results.provenance import machine

ROOT = Path(__file__).parents[2]
REBUILD = ROOT / "tests" / "builders" / "shuffled_rebuild.py"
ENVIRONMENTS = (
    {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1", "LC_ALL": "C"},
    {"TZ": "America/Adak", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"},
)


@pytest.mark.slow
def test_what_was_deleted_is_rebuilt_to_the_byte_in_another_folder_time_zone_and_order_of_files(
    tmp_path: Path,
) -> None:
    homes = [tmp_path / "one", tmp_path / "two" / "nested"]
    # the first has records alone; in the second the published tables and pages are still there
    for home, names in zip(homes, (["results/records"], ["results", "reports"]), strict=True):
        for name in names:
            copytree(ROOT / name, home / name)
    processes = [
        subprocess.Popen(
            [sys.executable, REBUILD, home, str(seed)],
            cwd=home.parent,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed, (home, environment) in enumerate(zip(homes, ENVIRONMENTS, strict=True))
    ]
    names = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    pages = {"README.md", "results/README.md"}  # hand-written, with blocks of numbers
    one, two = (set(found) - pages for found in names)
    assert one == two
    assert {"reports/index.html", "reports/reproduced.md", "reports/curves-camvid.svg"} < one
    assert {"reports/fig7.svg", "results/tables/table2-cudagraphs.csv", "reports/claims.md"} < one
    # nothing that is published and generated is left out
    published = {
        path.relative_to(homes[1]).as_posix()
        for folder in ("reports", "results/tables")
        for path in (homes[1] / folder).rglob("*")
        if path.is_file()
    }
    assert published - two == {"reports/README.md"}
    differing = [name for name in sorted(one) if len({(home / name).read_bytes() for home in homes}) > 1]
    assert differing == []


def test_a_form_has_a_table_of_its_own_when_every_timed_row_was_timed_in_it() -> None:
    # of Table 1 two rows were timed in bf16 and fp16, of Table 2 all with CUDA graphs
    assert [complete_forms(name, ROOT) for name in ("table1", "table2", "table3")] == [[], ["cudagraphs"], []]


def test_a_newcomer_sees_the_times_of_the_machine_that_has_most(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = {**machine(), "cpu": "a processor without a record", "logical_cores": 6, "gpu": None}
    monkeypatch.setattr("bench.reproduce.time_choice.machine_here", lambda: stranger)
    own = reproduce("table2", ROOT)
    assert own.machine == "a processor without a record, 6 cores"
    most = max(own.elsewhere, key=lambda one: len(one.cells))
    assert everything._judge("table2", ROOT, None).machine == most.machine
