"""``reproduce all``: whatever a single command writes, and the same bytes."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from bench.report import everything
from bench.report.data_figures import NAMES
from bench.reproduce.table import reproduce
from bench.reproduce.time_choice import complete_forms
from bench.results.provenance import machine

ROOT = Path(__file__).parents[2]
REBUILD = ROOT / "tests" / "builders" / "shuffled_rebuild.py"
ENVIRONMENTS = (
    {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1", "LC_ALL": "C"},
    {"TZ": "America/Adak", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"},
)


SUMMARIES = {"reports/index.html", "reports/tex/numbers.tex"}


def run_in(homes: list[Path], commands: list[list[str]]) -> list[str]:
    """Run a command for each home at the same time, in its environment; return what they print."""
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=home.parent,
            env={**os.environ, **environment, "PYTHONPATH": str(ROOT), "CARNET_DATA": str(home / "none")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for home, command, environment in zip(homes, commands, ENVIRONMENTS, strict=True)
    ]
    return [process.communicate()[0] for process in processes]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two rebuilt homes: of what was measured alone, and with the published tables and pages still there.

    The data is missing, as in a clone, so figures of images are taken as they are.
    """
    folder = tmp_path_factory.mktemp("rebuilt")
    found = [folder / "one", folder / "two" / "nested"]
    for home in found:
        copytree(ROOT / "results", home / "results", ignore=lambda *_: ["weights"])
        copytree(ROOT / "reports", home / "reports", ignore=lambda *_: ["index.html"])
    rmtree(found[0] / "results" / "tables")
    for name in files_of(found[0], "reports"):
        if not is_of_images(name):
            (found[0] / name).unlink()
    commands = [[str(REBUILD), str(home), str(seed)] for seed, home in enumerate(found)]
    for home, printed in zip(found, run_in(found, commands), strict=True):
        (home / "written").write_text(printed, encoding="utf-8")
    return found


def is_of_images(name: str) -> bool:
    return Path(name).name.partition(".")[0] in NAMES


def files_of(home: Path, *folders: str) -> set[str]:
    return {
        path.relative_to(home).as_posix()
        for folder in folders
        for path in (home / folder).rglob("*")
        if path.is_file() and path.relative_to(home).as_posix() != "reports/README.md"  # written by hand
    }


@pytest.mark.slow
def test_what_was_deleted_is_rebuilt_to_the_byte_in_another_folder_time_zone_and_order_of_files(
    homes: list[Path],
) -> None:
    one, two = (set((home / "written").read_text(encoding="utf-8").splitlines()) for home in homes)
    assert one == two
    assert {"reports/reproduced.md", "reports/curves-camvid.svg", "reports/claims.md"} | SUMMARIES < one
    assert {"reports/fig7.svg", "results/tables/table2-cudagraphs.csv"} < one
    # nothing that is published is left out
    published = files_of(homes[1], "reports", "results/tables")
    assert {name for name in published if not is_of_images(name)} <= two
    assert [name for name in sorted(one) if len({(home / name).read_bytes() for home in homes}) > 1] == []


@pytest.mark.slow
def test_one_digit_changed_by_hand_is_found_in_every_file_of_the_reports(
    homes: list[Path], tmp_path: Path
) -> None:
    copies = [tmp_path / "one", tmp_path / "two"]
    for home, copy in zip(homes, copies, strict=True):
        copytree(home, copy)
    # the page shows the figures, so it is damaged where nothing else is
    # captions of images are what tells whether their pictures are whole; tests/report/test_data_figures.py
    captions = {f"reports/{name}.caption.md" for name in NAMES}
    damaged = [files_of(copies[0], "reports") - SUMMARIES - captions, SUMMARIES]
    paths = [copy / name for copy, names in zip(copies, damaged, strict=True) for name in sorted(names)]
    changes = [change_a_digit(path) for path in paths]
    # quick, as what is published is compared all the same
    commands = [["-m", "bench", "audit", "--quick", "--json", "--home", str(copy)] for copy in copies]
    audits = run_in(copies, commands)
    found = [{one["file"] for one in json.loads(text)["damage"]} for text in audits]
    assert damaged[0] - found[0] == set(), changes
    assert found[1] == damaged[1], changes


def change_a_digit(path: Path) -> str:
    """Change one digit of a file, anywhere; return what was done."""
    content = bytearray(path.read_bytes())
    at = random.choice([place for place, byte in enumerate(content) if byte in b"0123456789"])
    before = content[at]
    content[at] = random.choice([digit for digit in b"0123456789" if digit != before])
    path.write_bytes(content)
    return f"{path.name}, byte {at}: {chr(before)} to {chr(content[at])}"


def test_a_form_has_a_table_of_its_own_when_every_timed_row_was_timed_in_it() -> None:
    # of Table 1 two rows were timed in bf16 and fp16, of Table 2 all with CUDA graphs
    assert [complete_forms(name, ROOT) for name in ("table1", "table2", "table3")] == [[], ["cudagraphs"], []]


@pytest.mark.slow
def test_a_newcomer_sees_the_times_of_the_machine_that_has_most(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = {**machine(), "cpu": "a processor without a record", "logical_cores": 6, "gpu": None}
    monkeypatch.setattr("bench.reproduce.time_choice.machine_here", lambda: stranger)
    own = reproduce("table2", ROOT)
    assert own.machine == "a processor without a record, 6 cores"
    most = max(own.elsewhere, key=lambda one: len(one.cells))
    assert everything._judge("table2", ROOT, None).machine == most.machine
