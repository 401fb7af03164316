"""The index of records: the answer is always that of the files; what has not changed is not opened."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_records import make_record

from bench.errors import RefusedInput
from bench.results import index, store
from bench.results.record import to_json

if TYPE_CHECKING:
    pass

KIND = "accuracy"


def add(home: Path, miou: float = 0.5, model: str = "m", *, arrays: bool = False) -> Path:
    matrix = {"matrix": np.eye(2, dtype=np.int32)} if arrays else None
    path = store.add_record(make_record(KIND, {"model": model}, {"miou": miou}, {}), home, matrix)[1]
    return settle(path)


def settle(path: Path) -> Path:
    """Wait until the file's time of change is past: what changed just now is in no index."""
    while time.time_ns() - path.stat().st_ctime_ns <= index._TICK_NS:
        time.sleep(0.01)
    return path


@pytest.fixture
def opened(user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep an index of the test's own, and name the files that are opened from now on."""
    names: list[str] = []
    real = store.read_regular
    monkeypatch.setattr(store, "read_regular", lambda path: (names.append(path.name), real(path))[1])
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    return names


def anew(home: Path, opened: list[str]) -> list[tuple[str, float]]:
    """Return id and score of all records as a new process reads them; ``opened`` is then what it opened."""
    index._READ.clear()
    opened.clear()
    records = store.read_records(home, KIND, strict=False)
    before = list(opened)
    found = [(one.id, one.values.miou) for one in records]
    opened[:] = before
    return found


def test_files_that_have_not_changed_are_not_opened_by_the_next_process(
    tmp_path: Path, opened: list[str]
) -> None:
    for number in range(4):
        add(tmp_path, number / 10, arrays=number == 0)
    first = anew(tmp_path, opened)
    assert len(opened) == 5  # four records and a sidecar
    assert anew(tmp_path, opened) == first
    assert opened == []


def test_an_entry_is_the_record_and_reads_its_values_when_they_are_wanted(
    tmp_path: Path, opened: list[str]
) -> None:
    path = add(tmp_path, 0.5, arrays=True)
    anew(tmp_path, opened)
    index._READ.clear()
    opened.clear()
    (record,) = store.read_records(tmp_path, KIND)
    whole = store.read_record(path)
    opened.clear()
    assert record.identity == whole.identity
    assert (record.id, record.notes, record.provenance) == (whole.id, whole.notes, whole.provenance)
    assert record.sidecar == whole.sidecar
    assert record.stored_identity == whole.stored["identity"]
    assert (record.main_value, record.first_id) == (0.5, whole.first_id)
    assert opened == []
    assert record.values == whole.values
    assert opened == [path.name, path.with_suffix(".npz").name]
    assert record == whole
    assert to_json(record) == path.read_text()


def test_an_added_and_a_removed_record_show(tmp_path: Path, opened: list[str]) -> None:
    paths = [add(tmp_path, number / 10) for number in range(3)]
    anew(tmp_path, opened)
    paths[0].unlink()
    new = add(tmp_path, 0.9, "other")
    assert sorted(anew(tmp_path, opened)) == sorted(
        [(paths[1].stem, 0.1), (paths[2].stem, 0.2), (new.stem, 0.9)]
    )
    assert opened == [new.name]
    assert anew(tmp_path, opened)
    assert opened == []


def test_what_the_index_compares_is_size_both_times_and_inode(tmp_path: Path, opened: list[str]) -> None:
    path = add(tmp_path, arrays=True)
    anew(tmp_path, opened)
    first, second = path.stat(), path.with_suffix(".npz").stat()
    (state,) = index._states(path.parent).values()
    assert state == tuple(
        value
        for one in (first, second)
        for value in (one.st_mtime_ns, one.st_ctime_ns, one.st_size, one.st_ino)
    )


def test_an_edit_in_place_of_the_same_size_is_found_damaged(
    tmp_path: Path, opened: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = add(tmp_path)
    anew(tmp_path, opened)
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    assert anew(tmp_path, opened) == []


def test_an_edit_with_size_and_mtime_restored_shows_by_its_ctime(tmp_path: Path, opened: list[str]) -> None:
    path = add(tmp_path)
    anew(tmp_path, opened)
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_size == before.st_size
    assert anew(tmp_path, opened) == []


def test_an_edit_that_no_time_shows_is_refused_when_its_values_are_read(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing in the file's state tells, only who reads the file can: the audit reads all."""
    path = add(tmp_path)
    anew(tmp_path, opened)
    states = index._states(path.parent)
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    monkeypatch.setattr(index, "_states", lambda _: states)
    index._READ.clear()
    (record,) = store.read_records(tmp_path, KIND)
    with pytest.raises(RefusedInput, match=path.name):
        _ = record.values
    with pytest.raises(RefusedInput, match=path.name):
        store.read_record(path)


def test_other_arrays_show(tmp_path: Path, opened: list[str]) -> None:
    path = add(tmp_path, arrays=True)
    anew(tmp_path, opened)
    arrays = path.with_suffix(".npz")
    content = arrays.read_bytes()
    arrays.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert anew(tmp_path, opened) == []
    arrays.unlink()
    assert anew(tmp_path, opened) == []


def test_a_file_of_now_or_of_a_clock_ahead_is_opened_each_time(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add(tmp_path)
    hour_ns = 3_600_000_000_000
    os.utime(path, ns=(time.time_ns() + hour_ns, time.time_ns() + hour_ns))
    settle(path)
    for _ in range(2):
        assert len(anew(tmp_path, opened)) == 1
        assert opened == [path.name]


def test_a_copy_of_the_folder_with_its_times_is_read_by_itself(tmp_path: Path, opened: list[str]) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    path = add(home)
    first = anew(home, opened)
    shutil.copytree(home, copy)
    (copied,) = copy.rglob("*.json")
    assert copied.stat().st_mtime_ns == path.stat().st_mtime_ns
    settle(copied)
    assert anew(copy, opened) == first
    assert opened == [path.name]
    # and where the copy takes the place of the first, with another content
    add(copy, 0.7, "other")
    shutil.rmtree(home)
    copy.rename(home)
    assert len(anew(home, opened)) == 2


def _damage(file: Path, how: str) -> None:
    if how == "no database":
        file.write_bytes(b"nothing of the kind" * 100)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "a folder":
        file.unlink()
        file.mkdir()
    else:
        with sqlite3.connect(file) as database:
            statements = {
                "another score's head": "UPDATE records SET head = replace(head, 'm0', 'm1')",
                "another state": "UPDATE records SET state = '1 2 3 4'",
                "other columns": "ALTER TABLE records RENAME COLUMN head TO tail",
                "nothing known": "UPDATE records SET head = NULL",
            }
            database.execute(statements[how])


@pytest.mark.parametrize(
    "how",
    [
        "no database", "cut", "empty", "a folder", "another score's head", "another state", "other columns",
        "nothing known",
    ],
)  # fmt: skip
def test_a_damaged_index_costs_time_and_no_answer(
    tmp_path: Path, user_cache: Path, opened: list[str], how: str
) -> None:
    for number in range(2):
        add(tmp_path, 0.5, f"m{number}")
    first = anew(tmp_path, opened)
    (file,) = user_cache.rglob("*.sqlite")
    _damage(file, how)
    index._READ.clear()
    assert sorted(one.identity.model for one in store.read_records(tmp_path, KIND)) == ["m0", "m1"]
    assert anew(tmp_path, opened) == first
    anew(tmp_path, opened)
    if how not in ("a folder", "other columns"):  # the next process finds it rebuilt
        assert opened == []


def test_an_index_that_may_not_be_written_costs_time_and_no_answer(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add(tmp_path)

    def refuse(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(index.sqlite3, "connect", refuse)
    for _ in range(2):
        assert anew(tmp_path, opened) == [(path.stem, 0.5)]
        assert opened == [path.name]


def test_records_on_a_file_system_that_takes_nothing_are_indexed_elsewhere(
    tmp_path: Path, user_cache: Path, opened: list[str]
) -> None:
    """Nothing is written next to the records, so a folder that may not be written to has an index too."""
    home = tmp_path / "home"
    path = add(home)
    before = sorted(home.rglob("*"))
    anew(home, opened)
    assert anew(home, opened) == [(path.stem, 0.5)]
    assert opened == []
    assert sorted(home.rglob("*")) == before
    assert len(list(user_cache.rglob("*.sqlite"))) == 1


def test_other_code_that_reads_has_an_index_of_its_own(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add(tmp_path)
    anew(tmp_path, opened)
    monkeypatch.setattr(index.pydantic, "VERSION", "0")
    anew(tmp_path, opened)
    assert opened == [path.name]


def _in_a_process(home: Path, answers: Any) -> None:
    for number in range(5):
        index._READ.clear()
        if number == 2:
            add(home, 0.1, f"p{os.getpid()}")
        answers.put(len(store.read_records(home, KIND, strict=False)))


def test_processes_that_read_and_write_at_once_lose_nothing(tmp_path: Path, opened: list[str]) -> None:
    for number in range(5):
        add(tmp_path, 0.5, f"m{number}")
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_in_a_process, args=(tmp_path, answers)) for _ in range(3)]
    for one in processes:
        one.start()
    counts = [answers.get(timeout=120) for _ in range(15)]
    for one in processes:
        one.join(timeout=120)
    assert min(counts) >= 5
    assert len(anew(tmp_path, opened)) == 8
    assert len(anew(tmp_path, opened)) == 8
    assert opened == []
