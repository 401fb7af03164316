"""Files are written whole or not at all, under a name of their own; see also the kills in faults/."""

import errno
import os
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest

from bench import files
from bench.errors import RefusedInput, no_file
from bench.temporaries import HOST, sweep_temporaries
from bench.toml_text import text_of


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_utf8_and_bytes_as_they_are(tmp_path):
    files.write_atomic(tmp_path / "new" / "a.txt", "é\n")
    files.write_atomic(tmp_path / "new" / "b.bin", b"\x00\r\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa9\n"
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\r\n"
    assert names_in(tmp_path / "new") == ["a.txt", "b.bin"]


def test_writing_again_replaces_but_writing_new_does_not(tmp_path):
    path = tmp_path / "a"
    files.write_new(path, "1")
    with pytest.raises(FileExistsError):
        files.write_new(path, "2")
    assert path.read_text() == "1"
    files.write_atomic(path, "3")
    assert path.read_text() == "3"
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("write", [files.write_atomic, files.write_new])
def test_a_file_in_the_place_of_the_folder_is_refused_by_name(tmp_path, write):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RefusedInput, match=r"c\.json: cannot write 3 bytes \(.*run is not a folder\)"):
        write(tmp_path / "run" / "c.json", b"abc")
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_what_is_written_may_be_read_by_others(tmp_path):
    files.write_atomic(tmp_path / "a", "1")
    files.write_new(tmp_path / "b", "1")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o644, 0o644]


def test_without_hard_links_a_name_is_still_written_once(tmp_path, monkeypatch):
    def no_links(self, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    files.write_new(tmp_path / "a", "1")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "a", "2")
    assert (tmp_path / "a").read_text() == "1"
    assert names_in(tmp_path) == ["a"]


def test_without_hard_links_a_failed_write_gives_the_name_back(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RefusedInput, match="a: cannot write 1 bytes"):
        files.write_new(tmp_path / "a", "1")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "write", [files.write_atomic, files.write_new, lambda path, _: files.GrowingFile(path)]
)
def test_a_url_is_refused_and_makes_no_folder_of_its_protocol(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedInput, match="URL"):
        write(Path("s3://bucket/rows.csv"), b"1")
    assert names_in(tmp_path) == []


def test_of_eight_writers_of_one_new_name_exactly_one_succeeds(tmp_path):
    outcomes = []
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        try:
            files.write_new(tmp_path / "a", str(number))
        except FileExistsError:
            outcomes.append(None)
        else:
            outcomes.append(str(number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome is not None]
    assert len(outcomes) == 8
    assert winners == [(tmp_path / "a").read_text()]


def test_an_interrupt_in_the_middle_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(tmp_path / "a", "new")
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_the_digest_is_the_published_one_of_abc(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256_of_file(tmp_path / "a") == expected


def test_a_growing_file_has_its_name_only_when_it_is_finished(tmp_path):
    path = tmp_path / "new" / "large.zip"
    with files.GrowingFile(path) as growing:
        growing.append(b"wrong")
        growing.restart()
        growing.append(b"12")
        growing.append(b"345")
        growing.flush()
        assert growing.size == 5
        assert growing.temporary.read_bytes() == b"12345"
        assert not path.exists()
        growing.finish()
    assert path.read_bytes() == b"12345"
    assert names_in(tmp_path / "new") == ["large.zip"]


def test_a_growing_file_that_is_left_before_its_end_leaves_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(KeyError), files.GrowingFile(tmp_path / "a") as growing:  # noqa: PT012
        growing.append(b"new")
        raise KeyError
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names_in(tmp_path) == ["a"]


def test_a_growing_file_on_a_full_disk_is_refused_by_its_final_name(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with files.GrowingFile(tmp_path / "a") as growing:
        growing.append(b"new")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RefusedInput, match=r"a: cannot write .*No space left"):
            growing.finish()
    assert names_in(tmp_path) == []


WRITERS = {
    "write_atomic": lambda path: files.write_atomic(path, "1"),
    "write_new": lambda path: files.write_new(path, "1"),
    "GrowingFile": lambda path: files.GrowingFile(path).__exit__(),
}


def temporary_of(process, folder, host=HOST, age_s=0.0):
    path = folder / f".a.json.{process}.{host}-abcd1234.tmp"
    path.write_text("half")
    now = path.stat().st_mtime
    os.utime(path, (now - age_s, now - age_s))
    return path


@pytest.fixture
def dead_process():
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("write", WRITERS)
def test_every_write_sweeps_what_killed_writers_left_in_its_folder(tmp_path, dead_process, write):
    left = temporary_of(dead_process, tmp_path)
    ours = temporary_of(os.getpid(), tmp_path)
    WRITERS[write](tmp_path / "b")
    assert not left.exists()
    assert ours.exists()


def test_a_process_that_began_after_a_file_was_written_is_not_its_writer(tmp_path):
    # in a container the next process often has the number of the killed one
    age_s = time.time() - psutil.Process().create_time()
    path = temporary_of(os.getpid(), tmp_path, age_s=age_s + 30)
    assert sweep_temporaries(tmp_path) == []  # clocks differ a little
    path = temporary_of(os.getpid(), tmp_path, age_s=age_s + 90)
    assert sweep_temporaries(tmp_path) == [path]


@pytest.mark.parametrize(("age_s", "stays"), [(0, True), (86000, True), (87000, False)])
def test_the_file_of_another_host_stays_for_a_day(tmp_path, dead_process, age_s, stays):
    path = temporary_of(dead_process, tmp_path, host="00000000", age_s=age_s)
    assert sweep_temporaries(tmp_path) == ([] if stays else [path])


def test_a_name_of_the_longest_kind_can_be_written(tmp_path):
    path = tmp_path / ("n" * 255)
    files.write_atomic(path, "1")
    assert path.read_text() == "1"


def test_what_is_no_file_is_named_as_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = {name: no_file(tmp_path / name).partition(": ")[2] for name in ("", "pipe", "gone")}
    assert found == {
        "": "a folder; expected a file",
        "pipe": "not a plain file; expected a file",
        "gone": "no such file",
    }
    with pytest.raises(RefusedInput, match="a folder"):
        text_of(tmp_path)
