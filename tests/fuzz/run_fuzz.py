"""Damage whole inputs at random and see that each is read or refused: never a traceback, a hang or gigabytes.

A crash is made small and kept in ``tests/fuzz/corpus/READER``, which the default tests read again.

Example: python tests/fuzz/run_fuzz.py --minutes 10
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from fuzz_readers import READERS, ROOT, Reader

from bench.errors import BenchError

CORPUS = Path(__file__).resolve().parent / "corpus"
LIMIT_S = 20
"""CPU time of one input; a large but honest one takes a tenth of it."""
LIMIT_BYTES = 3 << 30
"""Memory that one input may add."""
LONGEST_MESSAGE = 21_000

TOKENS = [
    *(b"", b"0", b"-1", b"1", b"2.5", b"1e999", b"-1e308", b"nan", b"inf", b"NaN", b"Infinity", b"true"),
    *(b'""', b'"x"', b'"\\ud800"', b'"\\u0000"', b"\xff", b"\0", b"\xef\xbb\xbf", b"'''", b"#", b"=", b","),
    *(b"[]", b"{}", b"[1]", b'{"a": 1}', b"[[[[", b"]", b"}", b'"', b"1979-05-27", b"12:30:45", b"1_0"),
    *(b"18446744073709551616", b"9" * 400, b"9" * 5000, b"[" * 20_000, b"../../x", b"a" * 300, b"\x1b[31m"),
    *(b"null", b"\n", b"0x10", "\u202e".encode()),
]
_WORD = re.compile(rb'"[^"\n]*"|\[[^\[\]]{0,80}\]|\{[^{}]{0,80}\}|[\w.+-]+')


class TooSlow(BaseException):
    """An input took more than `LIMIT_S`."""


def damaged(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Return an input with one to four damages."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice((_other_word, _other_word, _other_byte, _cut, _repeated, _inserted, _spliced))(
            content, rng, others
        )
    return content


def _other_word(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    words = list(_WORD.finditer(content[:200_000]))
    if not words:
        return content
    word = rng.choice(words)
    instead = rng.choice((rng.choice(TOKENS), rng.choice(words)[0]))
    return content[: word.start()] + instead + content[word.end() :]


def _other_byte(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]


def _cut(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return rng.choice((content[:first], content[first:], content[:first] + content[last:]))


def _repeated(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    first = rng.randrange(len(content) + 1)
    last = first + rng.randrange(200)
    return content[:last] + content[first:last] + content[last:]


def _inserted(content: bytes, rng: random.Random, _: list[bytes]) -> bytes:
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice(TOKENS) + content[place:]


def _spliced(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def crash(reader: Reader, content: bytes) -> tuple[str, str] | None:
    """Read an input; return what came instead of a result or a refusal, and where; None if neither did."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        path = Path(name).resolve() / f"input{reader.suffix}"
        path.write_bytes(content)
        try:
            with _bounded(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(path)
        except BenchError as error:
            said = str(error)
            if len(said) > LONGEST_MESSAGE or not said.replace("\n", "").isprintable():
                return f"a message of {len(said)} characters: {said[:80]!a}", _place(error)
        except (Exception, SystemExit, TooSlow) as error:
            return f"{type(error).__name__}: {str(error)[:200]}", _place(error)
    return None


def _place(error: BaseException) -> str:
    """Return the last line of the project's own that an error passed."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{ROOT}/bench" in frame.filename]
    return f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno}" if ours else "?"


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + LIMIT_BYTES, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def smallest(reader: Reader, content: bytes, seconds: float = 30.0) -> bytes:
    """Return a shorter input with the same kind of crash at the same place."""

    def kind(candidate: bytes) -> tuple[str, str] | None:
        found = crash(reader, candidate)
        return found and (found[0].partition(":")[0], found[1])

    wanted, until, size = kind(content), time.monotonic() + seconds, len(content) // 2
    while size and time.monotonic() < until:
        place, shrunk = 0, False
        while place < len(content) and time.monotonic() < until:
            candidate = reader.finish(content[:place] + content[place + size :])
            if len(candidate) < len(content) and kind(candidate) == wanted:
                content, shrunk = candidate, True
            else:
                place += size
        size = size if shrunk and size < len(content) else size // 2
    return content


def fuzz(
    name: str, seconds: float, seed: int, say: Callable[[str], None] = print, corpus: Path = CORPUS
) -> int:
    """Damage inputs of one reader for a while; return the number of crashes, each kept in the corpus."""
    reader, rng, seen, count = READERS[name], random.Random(f"{seed} {name}"), set(), 0
    seeds = reader.seeds()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        content = reader.finish(damaged(rng.choice(seeds), rng, seeds))
        count += 1
        found = crash(reader, content)
        if found is None or (found[0].partition(":")[0], found[1]) in seen:
            continue
        seen.add((found[0].partition(":")[0], found[1]))
        small = smallest(reader, content)
        kept = corpus / name / hashlib.sha256(small).hexdigest()[:12]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(small)
        say(f"{name}: {found[0]} at {found[1]}: {kept.relative_to(corpus.parent)}")
    say(f"{name}: {count} inputs, {len(seen)} crashes")
    return len(seen)


def main() -> int:
    """Fuzz all readers, one process each; return 0 without a crash."""
    parser = argparse.ArgumentParser(description="Damage inputs at random and see each read or refused.")
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; default: all")
    parser.add_argument("--minutes", type=float, default=10.0, help="wall time of all readers together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    sys.path.append(str(ROOT / "tests" / "builders"))
    names = options.readers or list(READERS)
    if unknown := set(names) - set(READERS):
        parser.error(f"no reader {', '.join(sorted(unknown))}")
    if len(names) == 1:
        return int(fuzz(names[0], 60 * options.minutes, options.seed) > 0)
    jobs = min(len(names), len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    share = options.minutes * jobs / len(names)

    def run(name: str) -> int:
        words = [name, "--minutes", str(share), "--seed", str(options.seed)]
        return subprocess.run([sys.executable, __file__, *words], check=False).returncode

    print(f"seed {options.seed}", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        codes = dict(zip(names, pool.map(run, names), strict=True))
    for name, code in codes.items():
        if code not in (0, 1):
            print(f"{name}: its process ended with {code}")
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main())
