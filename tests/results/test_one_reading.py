"""The store is read once per command, around what is damaged, and never waits for what is no file."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from made_records import make_record

from bench.errors import RefusedInput
from bench.reproduce.study import reproduce_study
from bench.reproduce.table import reproduce
from bench.results import store
from bench.results.select import newest


def written(home: Path, count: int = 3) -> list[Path]:
    return [store.add_record(make_record("accuracy", {}, {"miou": 0.5}, {}), home)[1] for _ in range(count)]


def aged(paths: list[Path]) -> None:
    for path in paths:
        os.utime(path, (1.7e9, 1.7e9))
    time.sleep(0.06)  # what changed just now is read each time


def test_a_file_is_read_once_however_often_the_records_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(written(tmp_path))
    read: list[Path] = []
    real = store.read_regular
    monkeypatch.setattr(store, "read_regular", lambda path: (read.append(path), real(path))[1])
    first = store.read_records(tmp_path, "accuracy")
    reproduce("table3", tmp_path, {})
    reproduce_study("table5", tmp_path, {})
    assert store.read_records(tmp_path, "accuracy") == first
    assert len(read) == 3


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    paths = written(tmp_path, 1)
    aged(paths)
    store.read_records(tmp_path, "accuracy")
    paths[0].write_text(paths[0].read_text().replace("0.5", "0.6"))
    with pytest.raises(RefusedInput, match=paths[0].name):
        store.read_records(tmp_path, "accuracy")


def test_an_edit_just_after_a_reading_is_seen(tmp_path: Path) -> None:
    (path,) = written(tmp_path, 1)
    written_as, edited = '"miou": 0.5', '"miou": 0.6'
    for before, after in ((written_as, edited), (edited, written_as)) * 20:
        assert (len(store.read_records(tmp_path, "accuracy", strict=False)) == 1) == (before == written_as)
        path.write_text(path.read_text().replace(before, after))


def planted(folder: Path, kind: str) -> Path:
    path = folder / f"{'0' * 64}.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        short = os.open(folder, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{short}/{path.name}")
        os.close(short)
    elif kind == "link to nowhere":
        path.symlink_to(folder / "nowhere")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.write_text(kind)
    return path


STRANGE = (
    *("pipe", "folder", "socket", "link to nowhere", "link to itself", "device"),
    *("", "{", "[" * 100_000, "null", '{"schema": 1e999}', '{"schema": 1, "kind": []}', "\x00"),
)


@pytest.mark.parametrize("kind", STRANGE)
def test_one_bad_file_is_left_out_and_named_and_stops_nothing(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    (good,) = written(tmp_path, 1)
    path = planted(good.parent, kind)
    found = store.read_records(tmp_path, "accuracy", strict=False)
    assert [one.id for one in found] == [good.stem]
    assert [path.name in one.getMessage() for one in caplog.records] == [True]
    store.read_records(tmp_path, "accuracy", strict=False)
    assert len(caplog.records) == 1
    with pytest.raises(RefusedInput, match=path.name):
        store.read_records(tmp_path, "accuracy")


def test_many_bad_files_are_a_few_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (good,) = written(tmp_path, 1)
    for number in range(10):
        (good.parent / f"{number}.json").write_text("")
    assert len(store.read_records(tmp_path, "accuracy", strict=False)) == 1
    assert len(caplog.records) == 4
    assert "7 more" in caplog.records[-1].getMessage()


def test_what_macos_adds_is_no_record(tmp_path: Path) -> None:
    (good,) = written(tmp_path, 1)
    (good.parent / f"._{good.name}").write_bytes(b"\x00\x05\x16\x07")
    assert len(store.read_records(tmp_path, "accuracy")) == 1


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere", "link to itself", "device"])
def test_what_stands_under_a_records_name_takes_up_a_take(tmp_path: Path, kind: str) -> None:
    (good,) = written(tmp_path, 1)
    path = planted(good.parent, kind)
    good.unlink()
    path.rename(good)
    _, added = store.add_record(make_record("accuracy", {}, {}, {}), tmp_path)
    assert store.read_record(added).identity.take == 1
    with pytest.raises(store.TakenError, match=good.name):
        store.write_record(make_record("accuracy", {}, {}, {}), tmp_path)


def test_records_in_place_of_a_folder_are_refused(tmp_path: Path) -> None:
    folder = store.records_folder(tmp_path, "speed")
    folder.parent.mkdir(parents=True)
    folder.write_text("")
    with pytest.raises(RefusedInput, match="speed"):
        store.read_records(tmp_path, "speed", strict=False)


def test_a_later_take_is_newer_than_an_earlier_one_of_a_clock_that_was_ahead() -> None:
    def one(take: int, started: str, **more: Any) -> Any:
        made = {"started_utc": f"2026-01-0{started}T00:00:00Z"}
        return make_record("accuracy", {"take": take, **more}, {}, made)

    ahead, corrected, third = one(0, "9"), one(1, "2"), one(2, "3")
    other = one(0, "5", model="another")
    assert newest([corrected, ahead, other]) is corrected
    assert newest([other, third, ahead, corrected]) is third
    assert newest([corrected, other]) is other
