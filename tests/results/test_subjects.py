"""Records are selected by their subject before anything else of them is looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from made_records import make_record

from bench.results import index, store
from bench.results.listed import listed_of, sort_key_of_listed
from bench.results.listing import read_listed
from bench.results.select import Tabulated, newest_first

if TYPE_CHECKING:
    from pathlib import Path


def test_only_records_of_wanted_subjects_are_returned_with_and_without_an_index(
    tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    for model in ("m0", "m1", "m2"):
        store.add_record(make_record("accuracy", {"model": model}, {}, {}), tmp_path)
    time.sleep(0.1)  # what changed just now is in no index
    counts = []
    for _ in range(2):
        index._READ.clear()
        opened: list[Path] = []
        real = store.read_regular
        monkeypatch.setattr(
            store, "read_regular", lambda path, real=real, to=opened: (to.append(path), real(path))[1]
        )
        found = store.read_records(tmp_path, "accuracy", wanted=lambda subject: subject == ("m1",))
        assert [one.identity.model for one in found] == ["m1"]
        assert len(store.read_records(tmp_path, "accuracy")) == 3
        counts.append(len(opened))
    assert counts == [3, 0]


def test_a_time_is_selected_by_form_size_classes_and_what_was_timed(tmp_path: Path) -> None:
    identity = {"engine": "openvino", "size": [32, 64], "measured": "end to end"}
    store.add_record(make_record("speed", identity, {}, {}), tmp_path)
    seen: list[object] = []
    assert store.read_records(tmp_path, "speed", wanted=lambda subject: bool(seen.append(subject))) == []
    assert seen == [("carnet-mobile", "openvino", 32, 64, 19, "end to end")]


@pytest.mark.parametrize("kind", ["accuracy", "training", "speed"])
def test_a_list_from_the_index_is_that_of_the_records_and_opens_no_file(
    kind: str, tmp_path: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cache._began_s", lambda: time.time() + 60)
    for number, reasons in enumerate(((), ("drift +40 %",))):
        provenance = {"started_utc": f"2026-01-0{number + 1}T00:00:00Z", "dirty": False, "source": {"a": "b"}}
        record = make_record(kind, {"model": f"m{number}"}, {}, provenance, reasons=reasons)
        store.add_record(record, tmp_path)
    time.sleep(0.1)  # what changed just now is in no index
    first = read_listed(tmp_path, kind)
    records = store.read_records(tmp_path, kind)
    assert first == [listed_of(one) for one in records]
    index._READ.clear()
    monkeypatch.setattr(store, "read_regular", lambda path: pytest.fail(f"opened {path}"))
    assert read_listed(tmp_path, kind) == first
    tabulated = Tabulated({})
    assert [tabulated.why_not_listed(one) for one in first] == [tabulated.why_not(one) for one in records]
    by_list = [one.id for one in newest_first(first, by=sort_key_of_listed)]
    assert by_list == [one.id for one in newest_first(records)]


def test_a_list_leaves_a_damaged_record_out(tmp_path: Path, user_cache: Path) -> None:
    paths = [store.add_record(make_record("accuracy", {"model": m}, {}, {}), tmp_path)[1] for m in "ab"]
    time.sleep(0.1)
    assert len(read_listed(tmp_path, "accuracy")) == 2
    paths[0].write_text(paths[0].read_text().replace("camvid-quick", "camvid-quicK"))
    assert [one.id for one in read_listed(tmp_path, "accuracy")] == [paths[1].stem]
