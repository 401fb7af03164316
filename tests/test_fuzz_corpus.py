"""What once crashed a reader is refused, and the search that found it finds a planted crash."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import run_fuzz
from fuzz_readers import READERS, Reader
from run_fuzz import CORPUS, crash, damaged, fuzz

from bench.errors import RefusedInput

KEPT = sorted(path for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_once_crashed_is_read_or_refused(path: Path) -> None:
    assert crash(READERS[path.parent.name], path.read_bytes()) is None


@pytest.mark.parametrize("name", READERS)
def test_the_first_damages_of_a_reader_are_read_or_refused(name: str) -> None:
    reader, rng = READERS[name], random.Random(0)
    seeds = reader.seeds()
    found = [crash(reader, reader.finish(damaged(rng.choice(seeds), rng, seeds))) for _ in range(25)]
    assert [one for one in found if one is not None] == []


@pytest.mark.parametrize("name", READERS)
def test_the_search_starts_from_inputs_that_are_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    path = tmp_path / f"input{reader.suffix}"
    path.write_bytes(reader.finish(reader.seeds()[0]))
    reader.read(path)


def planted(path: Path) -> None:
    content = path.read_bytes()
    if b"9" in content:
        raise ZeroDivisionError("planted")
    if b"0" in content:
        raise RefusedInput("no zero, please")


def test_a_planted_crash_is_found_made_small_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "planted", Reader(".txt", planted, lambda: [b"a = 1\nb = 2\n"]))
    monkeypatch.setattr(run_fuzz, "TOKENS", [b"0", b"79"])
    said: list[str] = []
    assert fuzz("planted", 2.0, 0, said.append, tmp_path / "corpus") == 1
    assert said[0].startswith("planted: ZeroDivisionError")
    (kept,) = (tmp_path / "corpus" / "planted").iterdir()
    assert kept.read_bytes() == b"9"


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (lambda path: (_ for _ in ()).throw(MemoryError), "MemoryError"),
        (lambda path: (_ for _ in ()).throw(RefusedInput("x" * 10)), ""),
        (lambda path: sys.exit(0), "SystemExit"),
    ],
)
def test_memory_and_exits_are_crashes_and_a_refusal_is_none(read, kind: str) -> None:
    found = crash(Reader(".txt", read, list), b"")
    assert (found[0].partition(":")[0] if found else "") == kind


def test_an_endless_input_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_fuzz, "LIMIT_S", 0.2)
    found = crash(Reader(".txt", lambda path: [None for _ in iter(int, 1)], list), b"")
    assert found is not None
    assert found[0].startswith("TooSlow")


def test_an_input_that_asks_for_gigabytes_is_stopped() -> None:
    # bytes() of a size is zeroed lazily: where the system keeps no limit, no page is touched.
    with run_fuzz._bounded():
        try:
            bytes(run_fuzz.LIMIT_BYTES * 2)
        except MemoryError:
            return
    pytest.skip("this system does not keep RLIMIT_AS")
