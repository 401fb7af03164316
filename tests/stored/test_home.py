"""Homes on shared storage: fsspec's file system in memory is the store, each machine has its cache folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import make_record
from stored_homes import URL, names

from bench import api, files, mirror
from bench.errors import BenchError, RefusedInput, UsageError
from bench.object_store import shown, stored
from bench.results.merge import merge
from bench.results.record import AccuracyRecord
from bench.results.store import add_record, read_arrays, read_records, read_takes

Machine = Callable[[str], Path]


def accuracy(miou: float = 0.5) -> AccuracyRecord:
    record = make_record("accuracy", {}, {"miou": miou}, {})
    assert isinstance(record, AccuracyRecord)
    return record


def test_a_path_says_where_it_is_stored_and_a_message_shows_the_url(machine: Machine) -> None:
    home = machine("a")
    assert str(stored(home / "runs" / "x")) == f"{URL}/runs/x"
    assert stored(Path("/elsewhere/homes/x")) is None
    assert shown(f"lost ({home / 'runs'}: gone)") == f"lost ({URL}/runs: gone)"
    assert shown("/elsewhere/runs: gone") == "/elsewhere/runs: gone"


@pytest.mark.parametrize("text", ["results", "/mnt/disk/home", "file:///mnt/disk/home"])
def test_a_folder_is_itself(text: str) -> None:
    assert mirror.home_of(text) == Path(text.removeprefix("file://"))


@pytest.mark.parametrize(
    ("url", "found", "error"),
    [
        ("nosuch://bucket/home", "unknown protocol", UsageError),
        ("memory://", "BUCKET", UsageError),
        ("simplecache::memory://a/b", "BUCKET", UsageError),
        (f"memory://{'long' * 64}", "255", UsageError),
        ("sftp://me:secret@host/home", "password", UsageError),
    ],
)
@pytest.mark.usefixtures("machine")
def test_what_is_no_home_is_refused_by_name(url: str, found: str, error: type[BenchError]) -> None:
    with pytest.raises(error, match=found) as refused:
        mirror.home_of(url)
    assert "secret" not in str(refused.value)


def test_without_a_cache_folder_the_variable_is_named() -> None:
    with pytest.raises(RefusedInput) as refused:
        mirror.home_of(URL)
    assert "XDG_CACHE_HOME" in str(refused.value.then)


def test_a_protocol_without_its_package_names_the_extra(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(UsageError, match="s3fs") as refused:
        mirror.home_of("s3://bucket/home")
    assert refused.value.then == "pip install 'carnet-bench[remote]'"


def test_what_one_machine_records_another_reads_with_its_arrays(machine: Machine, store: Any) -> None:
    home = machine("a")
    record, path = add_record(accuracy(), home, {"image": np.arange(3)})
    below = path.relative_to(home).as_posix()
    assert names(store) == [below, below.replace(".json", ".npz")]
    other = machine("b")
    assert other != home
    (found,) = read_records(other, "accuracy")
    assert found.id == record.id
    assert read_arrays(found, other)["image"].tolist() == [0, 1, 2]
    assert list(api.records(home=URL)["id"]) == [record.id]


def test_two_machines_that_measure_the_same_write_two_takes(machine: Machine, store: Any) -> None:
    first_home, second_home = machine("a"), machine("b")
    first, _ = add_record(accuracy(), first_home)
    second, _ = add_record(accuracy(miou=0.25), second_home)
    assert (first.identity.take, second.identity.take) == (0, 1)
    takes = read_takes(first_home, type(first), first.stored["identity"])
    assert [one.id for one in takes] == [first.id, second.id]
    assert len(names(store)) == 2


def test_a_merge_names_a_conflict_and_leaves_what_is_stored(
    machine: Machine, store: Any, tmp_path: Path
) -> None:
    stored_home = machine("a")
    record, path = add_record(accuracy(), stored_home)
    name = f"/bucket/home/{path.relative_to(stored_home).as_posix()}"
    before = store.cat_file(name)
    add_record(accuracy(miou=0.25), tmp_path / "local")
    merged = merge([tmp_path / "local"], stored_home)
    assert not merged.added
    assert record.id in shown(merged.refused[0])
    assert store.cat_file(name) == before


def test_a_record_that_was_damaged_in_the_store_is_left_out_by_name(
    machine: Machine, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    home = machine("a")
    record, path = add_record(accuracy(), home)
    name = f"/bucket/home/{path.relative_to(home).as_posix()}"
    store.pipe_file(name, store.cat_file(name).replace(b"0.5", b"0.6", 1))
    other = machine("b")
    with pytest.raises(RefusedInput, match=record.id):
        read_records(other, "accuracy")
    assert read_records(other, "accuracy", strict=False) == []
    assert f"{URL}/results/records/accuracy/{record.id}.json" in caplog.text


def test_what_leaves_the_store_leaves_the_copy(machine: Machine, store: Any) -> None:
    home = machine("a")
    _, path = add_record(accuracy(), home)
    machine("b")
    store.rm_file(f"/bucket/home/{path.relative_to(home).as_posix()}")
    assert read_records(machine("a"), "accuracy") == []
    assert not path.exists()


def test_a_name_that_leads_out_of_its_folder_is_refused(
    machine: Machine, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"/bucket/home/results/records/../../../evil": {"size": 1}}
    monkeypatch.setattr(type(store), "find", lambda *_, **__: found)
    with pytest.raises(RefusedInput, match="evil"):
        machine("a")


def test_a_store_that_returns_other_bytes_than_it_got_is_refused(
    machine: Machine, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machine("a") / "results" / "records" / "speed" / "x.json"
    monkeypatch.setattr(type(store), "cat_file", lambda *_, **__: b"other")
    with pytest.raises(RefusedInput, match="read back"):
        files.write_new(path, b"bytes")
    assert not path.exists()
    assert names(store) == []


def test_a_file_that_changes_is_fetched_anew(machine: Machine) -> None:
    first = machine("a") / "reports" / "page.md"
    files.write_atomic(first, "one")
    other = machine("b")
    mirror.fetch_reports(other)
    files.write_atomic(first, "two")
    mirror.fetch_reports(other)
    assert (other / "reports" / "page.md").read_text() == "two"


@pytest.mark.parametrize("below", ["runs/x", "runs/x/final.safetensors"])
def test_weights_are_fetched_by_their_url(machine: Machine, below: str) -> None:
    files.write_atomic(machine("a") / "runs" / "x" / "final.safetensors", b"weights")
    machine("b")
    found = mirror.source_of(f"{URL}/{below}")
    mirror.fetch_source(found)
    path = found if below.endswith("safetensors") else found / "final.safetensors"
    assert path.read_bytes() == b"weights"
    with pytest.raises(UsageError, match="weights/FILE"):
        mirror.source_of(f"{URL}/elsewhere")


def test_an_error_of_the_store_is_one_line_that_names_the_object(
    machine: Machine, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = machine("a")

    def lost(*_: object, **__: object) -> None:
        raise ConnectionError("Could not connect to the endpoint\nand more")

    monkeypatch.setattr(type(store), "pipe_file", lost)
    with pytest.raises(RefusedInput) as refused:
        files.write_new(home / "runs" / "x" / "a", b"1")
    assert str(refused.value) == f"{URL}/runs/x/a: Could not connect to the endpoint"
    assert not (home / "runs" / "x" / "a").exists()
