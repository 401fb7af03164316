"""``carnet-bench audit``: an edited digit, a flipped bit and a lost file are each named."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from made_records import make_record
from typer.testing import CliRunner

from baselines.method import Method
from baselines.registry import METHODS
from bench import audit as auditing
from bench.cli import audit as command
from bench.errors import RefusedInput
from bench.models import resolve
from bench.report.blocks import write_blocks
from bench.report.csv_table import to_csv
from bench.report.origin import Origin
from bench.report.write import write_report
from bench.reproduce import table as tables
from bench.reproduce.frames import study_frame
from bench.reproduce.study import reproduce_study
from bench.results import index, store
from bench.results.provenance import current_sources, machine
from bench.results.record import Record
from bench.results.store import add_record

ROW = "carnet-mobile"
ORIGIN = Origin("commit c0ffee", "Some CPU")


def timed(median_ms: float, engine: str = "eager") -> Record:
    identity = {
        "model": ROW,
        "options": dict(METHODS[ROW].options),
        "num_classes": 40,
        "engine": engine,
        "device": "cpu",
        "memory_format": "channels_last",
        "precision": "32-true",
        "batch": 1,
        "size": [468, 625],
        "threads": 2,
        "machine": {**machine(), "gpu": None},
    }
    made = {"source": current_sources(METHODS[ROW]), "dirty": False, "started_utc": "2026-01-01T00:00:00Z"}
    return make_record("speed", identity, {"median_ms": median_ms, "samples_ms": [median_ms]}, made)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one table of one row, a time and an accuracy with its arrays."""
    real = tables.reproduce
    only: Mapping[str, Method] = {ROW: METHODS[ROW]}

    def quick(name: str, home: Path, **options: Any) -> Any:
        monkeypatch.setattr(tables, "count_row", lambda *_: (_ for _ in ()).throw(RefusedInput("not here")))
        return real(name, home, only, **options)

    monkeypatch.setattr(auditing, "reproduce", quick)
    add_record(timed(250.0), tmp_path)
    add_record(
        make_record("accuracy", {"model": "another"}, {"miou": 0.5}, {}), tmp_path, {"counts": np.arange(3)}
    )
    write_report(quick("table2", tmp_path), tmp_path, ORIGIN)
    return tmp_path


def run(home: Path, *arguments: str) -> Any:
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("audit")(command.audit_home)
    return CliRunner().invoke(app, ["audit", "--home", str(home), *arguments])


def table(home: Path) -> Path:
    return home / "results" / "tables" / "table2.csv"


def test_what_is_whole_ends_with_0(home: Path) -> None:
    done = run(home)
    assert done.exit_code == 0, done.output
    assert done.stdout == "2 records and 1 tables checked\n"


def test_one_edited_digit_of_a_table_is_named_with_its_cell(home: Path) -> None:
    before = table(home).read_text()
    assert before.count(",250.0,") == 1
    table(home).write_text(before.replace(",250.0,", ",150.0,"))
    done = run(home, "--json")
    assert isinstance(done.exception, RefusedInput)
    assert json.loads(done.stdout)["damage"] == [
        {
            "file": "results/tables/table2.csv",
            "found": "carnet-mobile time ms: measured is '150.0', the records give '250.0'",
        }
    ]


def test_a_table_of_another_engine_is_made_again_with_its_times(home: Path) -> None:
    add_record(timed(40.0, "openvino"), home)
    write_report(auditing.reproduce("table2", home, form="openvino"), home, ORIGIN)
    assert run(home).stdout == "3 records and 2 tables checked\n"
    path = table(home).with_name("table2-openvino.csv")
    assert ",40.0," in path.read_text()
    path.write_text(path.read_text().replace(",40.0,", ",30.0,"))
    (one,) = auditing.audit(home).damage
    assert one.file == "results/tables/table2-openvino.csv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",8.52,", ",9.52,", "printed is '9.52', the records give '8.52'"),
        ("other machine", "reproduced", "verdict is 'reproduced'"),
        ("commit c0ffee", "commit beef", "commits and machines in one table"),
        ("carnet-mobile,time", "carnet-mobile,tide", "not derivable from the records"),
        ("\n", "\r\n", "the same cells in another form"),
        ("machine\n", "\n", "columns"),
    ],
)
def test_any_edit_is_found(home: Path, old: str, new: str, message: str) -> None:
    text = table(home).read_text()
    assert old in text
    with table(home).open("w", newline="") as stream:
        stream.write(text.replace(old, new) if old == "\n" else text.replace(old, new, 1))
    (*_, first) = [one.found for one in auditing.audit(home).damage][:1]
    assert message in first


def test_an_edited_digit_of_a_study_is_named_with_its_variant(home: Path) -> None:
    path = home / "results" / "tables" / "table5.csv"
    path.write_text(
        to_csv(
            study_frame(reproduce_study("table5", home), as_printed=True), Origin("commit c0ffee", "Some CPU")
        )
    )
    assert auditing.audit(home).damage == ()
    path.write_text(path.read_text().replace(",39.8,", ",39.9,"))
    assert [one.found for one in auditing.audit(home).damage] == [
        "MobileNet-based model carnet-mobile miou: printed is '39.9', the records give '39.8'"
    ]


def test_a_record_that_was_edited_is_named(home: Path) -> None:
    (path,) = (home / "results" / "records" / "speed").glob("*.json")
    path.write_text(path.read_text().replace("250.0", "150.0"))
    found = auditing.audit(home)
    assert found.damage[0].file == f"results/records/speed/{path.name}"
    assert "content changed after it was written" in found.damage[0].found
    assert found.damage[1].found == "not compared: a record is damaged"


def test_flipped_arrays_lost_arrays_and_arrays_of_nobody_are_named(home: Path) -> None:
    folder = home / "results" / "records" / "accuracy"
    (arrays,) = folder.glob("*.npz")
    content = bytearray(arrays.read_bytes())
    content[40] ^= 1
    arrays.write_bytes(content)
    assert "SHA-256" in auditing.audit(home).damage[0].found
    arrays.unlink()
    assert "cannot read" in auditing.audit(home).damage[0].found
    (folder / f"{'0' * 64}.npz").write_bytes(b"")
    assert "belongs to no record" in [one.found for one in auditing.audit(home).damage]


def test_a_record_that_a_table_names_must_be_there(home: Path) -> None:
    (path,) = (home / "results" / "records" / "speed").glob("*.json")
    path.unlink()
    (one,) = auditing.audit(home).damage
    assert one.found == f"refers to the missing record {path.stem}"


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path / "nowhere").exception, RefusedInput)


@pytest.mark.parametrize("name", ["reports/table2.md", "reports/tex/table2.tex"])
def test_one_edited_digit_of_a_page_is_named_with_its_line(home: Path, name: str) -> None:
    path = home / name
    before = path.read_text()
    assert "250" in before
    path.write_text(before.replace("250", "260", 1))
    (one,) = auditing.audit(home).damage
    assert one.file == name
    assert "line " in one.found
    assert "250" in one.found


def test_a_page_whose_table_is_gone_is_named(home: Path) -> None:
    table(home).unlink()
    assert {one.file for one in auditing.audit(home).damage} == {
        "reports/table2.md",
        "reports/tex/table2.tex",
    }


def test_a_number_in_a_block_of_the_readme_is_compared_and_the_rest_is_the_users_own(home: Path) -> None:
    readme = home / "README.md"
    readme.write_text("My project: 146 cells.\n")
    assert auditing.audit(home).damage == ()
    readme.write_text("<!-- block: cells -->\nno number\n<!-- end -->\nText 12.\n")
    assert write_blocks(home) == [readme]
    assert auditing.audit(home).damage == ()
    assert "147 cells" in readme.read_text()
    readme.write_text(readme.read_text().replace("147 cells", "146 cells"))
    (one,) = auditing.audit(home).damage
    assert (one.file, "147" in one.found) == ("README.md", True)


def test_weights_of_no_record_are_named(home: Path) -> None:
    path = home / "results" / "weights" / "carnet-mobile-0123456789ab.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"")
    (one,) = auditing.audit(home).damage
    assert (one.file, one.found) == (
        f"results/weights/{path.name}",
        "belongs to no training record",
    )


def test_what_macos_adds_is_left_out_and_said_and_a_pipe_is_a_finding(home: Path) -> None:
    folder = home / "results" / "records" / "speed"
    for name in ("._a.json", "._a.npz"):
        (folder / name).write_bytes(b"\0")
    table(home).with_name("._table2.csv").write_bytes(b"\0")
    done = run(home)
    assert done.exit_code == 0
    assert "._" in done.stderr
    os.mkfifo(folder / "a.json")
    assert auditing.audit(home).damage[0].file == "results/records/speed/a.json"


def test_a_table_that_is_a_pipe_is_a_finding(home: Path) -> None:
    table(home).unlink()
    os.mkfifo(table(home))
    assert auditing.audit(home).damage[0].file == "results/tables/table2.csv"


OWN = 'from torch import nn\ndef build(num_classes):\n    """"""\n    return nn.Conv2d(3, num_classes, 1)\n'


def test_a_table_with_a_model_of_ones_own_is_compared_without_running_its_file(home: Path) -> None:
    file = home / "mynet.py"
    file.write_text(OWN.replace('""""""', f"open({str(home / 'ran')!r}, 'w').close()"))
    own = resolve(f"{file}:build")
    write_report(auditing.reproduce("table2", home, beside=[own]), home, ORIGIN)
    (home / "ran").unlink(missing_ok=True)
    found = auditing.audit(home)
    assert found.damage == ()
    assert own.name in found.notes[0]
    assert not (home / "ran").exists()
    page = home / "reports" / "table2.md"
    before = page.read_text()
    assert own.name in before.partition("Not in the paper")[2]
    page.write_text(before.replace("| 0.0702 ", "| 0.0703 ").replace(" 0.0702 thop", " 0.0703 thop"))
    assert page.read_text() != before
    assert [one.file for one in auditing.audit(home).damage] == ["reports/table2.md"]


def test_a_quick_audit_opens_only_what_has_changed_and_compares_all_that_is_published(
    home: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    time.sleep(0.06)  # what changed just now is read each time
    auditing.audit(home, quick=True)
    opened: list[str] = []
    real = store.read_regular
    monkeypatch.setattr(store, "read_regular", lambda path: (opened.append(path.parent.name), real(path))[1])
    index._READ.clear()
    assert run(home, "--quick").stdout == "2 records and 1 tables checked\n"
    assert "accuracy" not in opened  # the table shows the time alone
    assert auditing.audit(home).damage == ()
    assert opened.count("accuracy") > 0
    before = table(home).read_text()
    table(home).write_text(before.replace(",250.0,", ",150.0,"))
    assert [one.file for one in auditing.audit(home, quick=True).damage] == ["results/tables/table2.csv"]
    table(home).write_text(before)
    (path,) = (home / "results" / "records" / "accuracy").glob("*.json")
    path.write_text(path.read_text().replace("0.5", "0.6"))
    found = [one.file for one in auditing.audit(home, quick=True).damage]
    assert found[0] == f"results/records/accuracy/{path.name}"
