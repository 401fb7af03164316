"""What commands take with 100, 1,000 and 10,000 records: processor and wall time, without and with an index.

The records are synthetic: copies of the committed ones under other epochs, takes and dates, in a temporary
home. They measure nothing and are removed at the end.

python tests/benchmarks/many_records.py [--records 100 1000 10000] [--rounds 3]
"""

import argparse
import copy
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.results.record import KINDS, RECORD_TYPES, Record, to_json
from bench.results.store import read_record, record_files, records_folder

ROOT = Path(__file__).parents[2]
MAIN = "from bench.cli import main; main()"
COMMANDS = (("reproduce", "table1"), ("reproduce", "fig10"), ("records",))


def synthetic(template: Record, generation: int) -> Record:
    """Return a copy as another experiment would have left it: more epochs, or a later take of a time."""
    if generation == 0:
        return template
    document: dict[str, Any] = copy.deepcopy(template.stored)
    identity, provenance = document["identity"], document["provenance"]
    if template.kind == "speed":
        identity["take"] += generation
        if provenance.get("run"):
            provenance["run"] = f"{provenance['run']}-{generation}"
    else:
        run = identity["run"] if template.kind == "accuracy" else identity
        run["recipe"]["epochs"] += generation
    kept = {name: document[name] for name in ("reasons", "smoke", "notes")}
    return RECORD_TYPES[template.kind].make(identity, document["values"], provenance, **kept)


def fill(home: Path, count: int) -> int:
    """Write so many synthetic records, and return the bytes of their JSON."""
    templates = [
        (read_record(path), path.with_suffix(".npz"))
        for kind in KINDS
        for path in record_files(records_folder(ROOT, kind), ".json")
    ]
    size = 0
    for number in range(count):
        template, arrays = templates[number % len(templates)]
        made = synthetic(template, number // len(templates))
        folder = records_folder(home, made.kind)
        folder.mkdir(parents=True, exist_ok=True)
        if template.sidecar is not None:
            made = made.revised(sidecar={"file": f"{made.id}.npz", "sha256": template.sidecar.sha256})
            target = folder / f"{made.id}.npz"
            if not target.exists():
                target.write_bytes(arrays.read_bytes())
        text = to_json(made)
        size += len(text)
        (folder / f"{made.id}.json").write_text(text)
    return size


def run(home: Path, words: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command in a process of its own; return its processor and wall time in seconds."""
    code = f"import sys; sys.argv = {['carnet-bench', *words, '--home', str(home)]!r}; {MAIN}"
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if answer.returncode:
        sys.exit(f"{words} ended with {answer.returncode}:\n{answer.stderr}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall_s


def rows(counts: list[int], rounds: int) -> Iterator[str]:
    """Yield a line per number of records and command."""
    yield f"{'records':>8}  {'command':18} {'first CPU':>10} {'first wall':>10} {'CPU':>7} {'wall':>7}"
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            home, environment = Path(place, "home"), {**os.environ, "XDG_CACHE_HOME": f"{place}/cache"}
            Path(place, "cache").mkdir(mode=0o700)
            size = fill(home, count)
            yield f"{count:8}  ({size / 2**20:.1f} MiB of JSON; load {os.getloadavg()[0]:.1f})"
            for words in COMMANDS:
                first_cpu, first_wall = run(home, words, environment)
                again = [run(home, words, environment) for _ in range(rounds)]
                cpu, wall = (statistics.median(side) for side in zip(*again, strict=True))
                name = " ".join(words)
                yield f"{'':8}  {name:18} {first_cpu:10.2f} {first_wall:10.2f} {cpu:7.2f} {wall:7.2f}"


def main() -> None:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print("seconds; first: no counts and no index are kept; then the median of the runs after it")
    print(f"commit {json.dumps(subprocess.getoutput('git rev-parse --short HEAD'))}")
    for line in rows(given.records, given.rounds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
