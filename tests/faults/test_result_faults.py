"""Faults 49 and 50: no row is lost, half-written, edited unseen or given to the wrong code."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from made_records import make_record

from bench import files
from bench.errors import RefusedInput
from bench.results import store
from bench.results.record import record_id
from bench.results.repository import repository_state
from bench.results.select import why_not_tabulated

ROWS = 50
WRITERS = 4


def record_of(row, writer=0, **identity):
    return make_record(
        "speed",
        {"batch": row, "threads": writer, **identity},
        {"median_ms": 10.0 + row},
        {"source": {"carnet": "c", "method": "m"}, "dirty": False, "writer": writer},
    )


# fault 49: concurrent, half-written, edited


def test_four_writers_of_fifty_rows_each_lose_none(tmp_path, in_children):
    def writer(number):
        return lambda report: [
            store.write_record(record_of(row, number), tmp_path, {"matrix": np.eye(3) * row})
            for row in range(ROWS)
        ]

    ended = in_children(*(writer(number) for number in range(WRITERS)))
    assert [status for status, _ in ended] == [0] * WRITERS
    rows = store.read_records(tmp_path, "speed")
    found = sorted((record.identity.threads, record.identity.batch) for record in rows)
    assert found == [(number, row) for number in range(WRITERS) for row in range(ROWS)]
    # no temporary file, and an array file for each
    assert len(list((tmp_path / "results/records/speed").iterdir())) == 2 * WRITERS * ROWS


def test_four_writers_of_the_same_measurement_get_a_take_each(tmp_path, in_children):
    def writer(number):
        def write(report):
            for _ in range(10):
                # the identity is the same for all; only what was measured differs
                measured = make_record("speed", {}, {"median_ms": number}, {})
                store.add_record(measured, tmp_path)

        return write

    ended = in_children(*(writer(number) for number in range(WRITERS)))
    assert [status for status, _ in ended] == [0] * WRITERS
    rows = store.read_records(tmp_path, "speed")
    assert sorted(record.identity.take for record in rows) == list(range(40))
    assert sorted(record.values.median_ms for record in rows) == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10


def test_a_kill_at_any_moment_of_a_write_leaves_no_half_record(kill_everywhere):
    arrays = {"matrix": np.arange(9).reshape(3, 3)}

    def prepare(folder):
        store.write_record(record_of(0), folder, arrays)

    def write(folder, report):
        store.write_record(record_of(1), folder, arrays)
        report(b"done")

    def check(folder, reported):
        rows = sorted(record.identity.batch for record in store.read_records(folder, "speed"))
        assert rows in ([0], [0, 1])
        assert rows == [0, 1] or not reported
        # the killed measurement is repeated, with another outcome, and finds its place
        again, _ = store.add_record(record_of(1), folder, {"matrix": np.zeros((3, 3))})
        assert again in store.read_records(folder, "speed")
        assert store.read_arrays(again, folder)["matrix"].sum() == 0

    # two files: made, written, synced, linked, folder synced
    assert kill_everywhere(prepare, write, check) >= 10


def test_a_kill_at_any_moment_leaves_a_table_whole(kill_everywhere):
    old, new = "method,median_ms\nx,101.7\n", "method,median_ms\nx,101.7\ny,99.1\n"

    def check(folder, reported):
        assert (folder / "speed.csv").read_text() in (old, new)

    kill_everywhere(
        lambda folder: (folder / "speed.csv").write_text(old),
        lambda folder, report: files.write_atomic(folder / "speed.csv", new),
        check,
    )


def test_an_edited_digit_in_a_record_is_seen(tmp_path):
    path = store.write_record(record_of(3), tmp_path)
    text = path.read_text()
    assert text.count('"median_ms": 13.0') == 1
    path.write_text(text.replace('"median_ms": 13.0', '"median_ms": 12.0'))
    with pytest.raises(RefusedInput, match=rf"{path.name}: content changed after it was written"):
        store.read_records(tmp_path, "speed")


def test_a_record_cut_anywhere_is_refused_by_name(tmp_path):
    path = store.write_record(record_of(3), tmp_path)
    content = path.read_bytes()
    # the last byte is the line's end, which carries nothing
    for length in range(0, len(content) - 1, len(content) // 20):
        path.write_bytes(content[:length])
        with pytest.raises(RefusedInput, match=path.name):
            store.read_records(tmp_path, "speed")


def test_a_flipped_byte_in_the_arrays_is_refused_by_name(tmp_path):
    path = store.write_record(record_of(3), tmp_path, {"matrix": np.arange(9)})
    arrays = path.with_suffix(".npz")
    content = bytearray(arrays.read_bytes())
    content[len(content) // 2] ^= 1
    arrays.write_bytes(bytes(content))
    with pytest.raises(RefusedInput, match=rf"{arrays.name}: SHA-256 \w+, its record says"):
        store.read_records(tmp_path, "speed")
    arrays.unlink()
    with pytest.raises(RefusedInput, match=rf"{arrays.name}: cannot read"):
        store.read_records(tmp_path, "speed")


@pytest.mark.parametrize("name", ["NA", "None", "=1+1", "1e5", "é", "../x"])
def test_a_strange_name_comes_back_as_it_went(tmp_path, name):
    record = make_record("speed", {"model": name}, {"median_ms": 1.0}, {})
    store.write_record(record, tmp_path)
    assert store.read_records(tmp_path, "speed") == [record]


def test_not_a_number_never_enters_a_record(tmp_path):
    with pytest.raises(RefusedInput, match=r"values\.per_class\[1\] is nan; expected a finite number"):
        make_record("accuracy", {}, {"per_class": [0.5, float("nan")]}, {})
    path = store.write_record(record_of(3), tmp_path)
    path.write_text(path.read_text().replace("13.0", "NaN"))
    with pytest.raises(RefusedInput, match=rf"{path.name}: not a record \(NaN is not a value\)"):
        store.read_records(tmp_path, "speed")
    path.write_text(path.read_text().replace("NaN", "1e999"))
    with pytest.raises(RefusedInput, match=rf"{path.name}: values\.median_ms is inf"):
        store.read_records(tmp_path, "speed")


# fault 50: attributed to the wrong weights, code or machine


def test_the_same_images_with_other_weights_are_another_row(tmp_path):
    one, other = record_of(0, weights="a" * 64), record_of(0, weights="b" * 64)
    store.write_record(one, tmp_path)
    store.write_record(other, tmp_path)
    assert {record.id for record in store.read_records(tmp_path, "speed")} == {one.id, other.id}


def test_a_record_is_never_replaced_by_another_measurement(tmp_path):
    path = store.write_record(record_of(0), tmp_path)
    before = path.read_bytes()
    assert store.write_record(record_of(0), tmp_path) == path  # the same again is no news
    other = make_record("speed", record_of(0).stored["identity"], {"median_ms": 1.0}, {})
    with pytest.raises(RefusedInput, match=rf"{path.name}: taken by another measurement"):
        store.write_record(other, tmp_path)
    assert path.read_bytes() == before


def test_a_record_under_another_name_or_kind_is_refused(tmp_path):
    path = store.write_record(record_of(0), tmp_path)
    renamed = path.with_name(f"{'0' * 64}.json")
    path.rename(renamed)
    with pytest.raises(RefusedInput, match=rf"{renamed.name}: the file is named 0000"):
        store.read_records(tmp_path, "speed")
    moved = tmp_path / "results/records/accuracy" / path.name
    moved.parent.mkdir()
    renamed.rename(moved)
    with pytest.raises(RefusedInput, match=r"a record of kind speed in the folder accuracy"):
        store.read_records(tmp_path, "accuracy")


def test_an_identity_changed_by_hand_no_longer_has_its_id(tmp_path):
    path = store.write_record(record_of(0, weights="a"), tmp_path)
    document = json.loads(path.read_text())
    document["identity"]["weights"] = "b"
    path.write_text(json.dumps(document))
    with pytest.raises(RefusedInput, match=r"is not that of its identity"):
        store.read_records(tmp_path, "speed")
    # nor when the id is changed with it, for the content's digest and the name stay behind
    document["id"] = record_id(document["identity"])
    path.write_text(json.dumps(document))
    with pytest.raises(RefusedInput, match=r"content changed after it was written"):
        store.read_records(tmp_path, "speed")


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    root = tmp_path / "checkout"
    for folder in ("carnet", "baselines", "bench", "results", "tests"):
        (root / folder).mkdir(parents=True)
        (root / folder / "a.py").write_text("A = 1\n")
    (root / "pyproject.toml").write_text("")

    def git(*arguments):
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(root), *who, *arguments], check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "start")
    return root


def test_a_changed_or_new_file_of_the_code_makes_the_tree_dirty_and_a_table_does_not(repository):
    commit, dirty = repository_state(repository)
    assert (len(commit), dirty) == (40, False)
    (repository / "results/a.py").write_text("A = 2\n")
    (repository / "tests/b.py").write_text("B = 2\n")
    assert repository_state(repository) == (commit, False)
    for name in ("carnet/a.py", "bench/new.py", "pyproject.toml"):
        path = repository / name
        before = path.read_text() if path.exists() else None
        path.write_text("A = 2\n")
        assert repository_state(repository) == (commit, True), name
        path.unlink() if before is None else path.write_text(before)
    assert repository_state(repository) == (commit, False)


def test_a_package_inside_somebody_elses_repository_has_no_commit(repository, monkeypatch):
    assert repository_state(repository / "carnet") == (None, None)
    # what a hook of that repository sets must not answer for another folder
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository.parent))
    assert repository_state(repository.parent) == (None, None)


NOW = {"carnet": "c", "method": "m"}
UNKNOWN = "not known whether the code was committed"


@pytest.mark.parametrize(
    ("provenance", "options", "reason"),
    [
        ({"source": NOW, "dirty": False}, {}, None),
        # unknown is not clean
        ({"source": NOW, "dirty": None, "unknown": "why"}, {}, f"{UNKNOWN}: why"),
        ({"source": NOW}, {}, f"{UNKNOWN}: no git"),
        ({"source": NOW, "dirty": False, "commit": "another"}, {}, None),
        ({"source": NOW, "dirty": True}, {}, "dirty tree"),
        ({"source": NOW, "dirty": False}, {"smoke": True}, "smoke run"),
        ({"source": NOW, "dirty": False}, {"reasons": ["drift 7 %", "busy"]}, "not valid: drift 7 %; busy"),
        ({"source": {**NOW, "carnet": "d"}, "dirty": False}, {}, "stale: changed since carnet"),
        ({"source": {**NOW, "method": "n"}, "dirty": False}, {}, "stale: changed since method"),
        ({"source": {"carnet": "c"}, "dirty": False}, {}, "stale: changed since method"),
        ({"dirty": False}, {}, "no source digest"),
    ],
)
def test_only_a_valid_record_of_the_present_code_is_tabulated(provenance, options, reason):
    record = make_record("speed", {}, {}, provenance, **options)
    assert why_not_tabulated(record, NOW) == reason


def test_a_record_of_a_method_that_is_gone_is_stale():
    record = make_record("speed", {}, {}, {"source": NOW, "dirty": False})
    assert why_not_tabulated(record, None) == "stale: the method is no longer there"
