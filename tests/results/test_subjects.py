"""Records are selected by their subject before anything else of them is looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from made_records import make_record

from bench.results import index, store

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
