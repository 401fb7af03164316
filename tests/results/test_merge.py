"""Records of several machines in one home: byte for byte, and nothing overwritten."""

from __future__ import annotations

import numpy as np
import pytest
from made_records import make_record

from bench.errors import RefusedInput
from bench.results.merge import merge
from bench.results.store import add_record, read_arrays, read_records


def speed(ms: float, model: str = "a"):
    return make_record("speed", {"model": model}, {"median_ms": ms}, {})


@pytest.fixture
def two(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    add_record(speed(1.0, "a"), here)
    add_record(speed(2.0, "b"), there)
    counts = {"counts": np.arange(6).reshape(2, 3)}
    add_record(make_record("accuracy", {}, {"miou": 0.5}, {}), there, counts)
    return here, there


def test_records_come_with_their_arrays_and_the_same_bytes(two) -> None:
    here, there = two
    merged = merge([there], here)
    assert (len(merged.added), merged.present, merged.refused) == (2, 0, ())
    for path in merged.added:
        assert (here / path).read_bytes() == (there / path).read_bytes()
    (record,) = read_records(here, "accuracy")
    assert read_arrays(record, here)["counts"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_merging_again_adds_nothing_and_the_records_folder_will_do(two) -> None:
    here, there = two
    merge([there], here)
    again = merge([there / "results" / "records"], here)
    assert (again.added, again.present, again.refused) == ((), 2, ())


def test_other_values_under_one_id_stay_out_and_are_named(two) -> None:
    here, there = two
    add_record(speed(9.0, "a"), there)  # the same measurement, elsewhere
    merged = merge([there], here)
    assert len(merged.added) == 2
    (line,) = merged.refused
    assert "taken by another measurement" in line
    assert sorted(one.values.median_ms for one in read_records(here, "speed")) == [1.0, 2.0]


def test_a_damaged_record_stays_out_and_the_rest_comes(two) -> None:
    here, there = two
    (path,) = (there / "results" / "records" / "accuracy").glob("*.npz")
    path.write_bytes(path.read_bytes()[:-1])
    merged = merge([there], here)
    assert len(merged.added) == 1
    assert "SHA-256" in merged.refused[0]
    assert not list((here / "results" / "records").glob("accuracy/*"))


def test_a_folder_without_records_and_the_home_itself_are_refused(two, tmp_path) -> None:
    here, _ = two
    with pytest.raises(RefusedInput, match="no records; expected a home"):
        merge([tmp_path / "nowhere"], here)
    with pytest.raises(RefusedInput, match="the home itself"):
        merge([here], here)
