"""The records on disk; what goes wrong there is in faults/test_result_faults.py."""

import hashlib
import io
import time

import numpy as np
import pytest
from made_records import make_record

from bench.errors import RefusedInput
from bench.results import store


def accuracy(method="m", miou=0.5):
    return make_record("accuracy", {"model": method}, {"miou": miou}, {})


def test_a_record_lies_under_its_kind_and_id(tmp_path):
    record = accuracy()
    path = store.write_record(record, tmp_path)
    assert path == tmp_path / "results" / "records" / "accuracy" / f"{record.id}.json"
    assert store.read_record(path) == record


def test_records_are_read_by_kind_and_in_the_order_of_their_ids(tmp_path):
    written = [accuracy(f"m{number}") for number in range(8)]
    for record in written:
        store.write_record(record, tmp_path)
    assert store.read_records(tmp_path, "accuracy") == sorted(written, key=lambda record: record.id)
    assert store.read_records(tmp_path, "speed") == []


def test_an_unknown_kind_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(RefusedInput, match=r"no kind of record '\.\./x'.*accuracy, training, speed"):
        store.read_records(tmp_path, "../x")


def test_arrays_come_back_and_their_digest_is_in_the_record(tmp_path):
    matrix = np.array([[5, 0], [1, 3]], dtype=np.int32)
    path = store.write_record(accuracy(), tmp_path, {"matrix": matrix, "names": np.array(["a", "bé"])})
    record = store.read_record(path)
    content = path.with_suffix(".npz").read_bytes()
    assert record.sidecar.file == f"{record.id}.npz"
    assert record.sidecar.sha256 == hashlib.sha256(content).hexdigest()
    arrays = store.read_arrays(record, tmp_path)
    assert sorted(arrays) == ["matrix", "names"]
    assert arrays["matrix"].dtype == np.int32
    assert arrays["matrix"].tolist() == [[5, 0], [1, 3]]
    assert arrays["names"].tolist() == ["a", "bé"]
    # and as any other program reads it
    with np.load(path.with_suffix(".npz")) as archive:
        assert archive["matrix"].tolist() == [[5, 0], [1, 3]]


def test_a_record_without_arrays_has_none(tmp_path):
    path = store.write_record(accuracy(), tmp_path)
    assert store.read_arrays(store.read_record(path), tmp_path) == {}
    assert not path.with_suffix(".npz").exists()


def test_the_same_arrays_give_the_same_bytes_at_any_time_and_in_any_order(monkeypatch):
    one, other = np.arange(3), np.eye(2)
    first = store.npz_bytes({"a": one, "b": other})
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *a: time.gmtime(2_000_000_000))
    assert store.npz_bytes({"b": other, "a": one}) == first
    assert store.npz_bytes({"a": one + 1, "b": other}) != first


def test_an_array_of_objects_is_refused(tmp_path):
    with pytest.raises(RefusedInput, match="array 'a': Object arrays cannot be saved"):
        store.write_record(accuracy(), tmp_path, {"a": np.array([{}])})
    assert store.read_records(tmp_path, "accuracy") == []


def test_an_array_of_objects_planted_in_a_sidecar_is_not_unpickled(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([{}], dtype=object))
    path = store.write_record(accuracy(), tmp_path, {"a": np.zeros(1)})
    record = store.read_record(path)
    path.with_suffix(".npz").write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    record = record.revised(sidecar={"file": f"{record.id}.npz", "sha256": digest})
    with pytest.raises(RefusedInput, match=rf"{record.id}\.npz: .*allow_pickle"):
        store.read_arrays(record, tmp_path)


def test_measuring_the_same_again_is_the_next_take(tmp_path):
    takes = [store.add_record(accuracy(miou=value), tmp_path)[0] for value in (0.5, 0.6, 0.7)]
    assert [record.identity.take for record in takes] == [0, 1, 2]
    assert store.next_take(tmp_path, "accuracy", accuracy().stored["identity"]) == 3
    assert store.next_take(tmp_path, "accuracy", takes[1].stored["identity"]) == 3
    assert store.next_take(tmp_path, "accuracy", accuracy("other").stored["identity"]) == 0
    assert store.next_take(tmp_path, "speed", accuracy().stored["identity"]) == 0
    values = {record.values.miou for record in store.read_records(tmp_path, "accuracy")}
    assert values == {0.5, 0.6, 0.7}


def test_arrays_that_a_killed_writer_left_take_up_a_take(tmp_path):
    path = store.write_record(accuracy(), tmp_path, {"a": np.zeros(1)})
    path.unlink()
    assert store.read_records(tmp_path, "accuracy") == []
    assert store.next_take(tmp_path, "accuracy", accuracy().stored["identity"]) == 1


def test_a_record_that_names_arrays_is_not_written_without_them(tmp_path):
    path = store.write_record(accuracy(), tmp_path, {"a": np.zeros(1)})
    record = store.read_record(path)
    with pytest.raises(RefusedInput, match=rf"{record.id}\.npz: named by the record"):
        store.write_record(record, tmp_path / "elsewhere")
    assert store.write_record(record, tmp_path) == path
