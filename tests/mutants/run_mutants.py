"""Remove one protection at a time and see that its test fails.

``tests/mutants/*.toml`` lists the mutants: a file, a part of it that occurs once, what stands there instead,
what the part protects, and the test that must fail. Each is applied alone to a temporary copy of the tree.

Example: python tests/mutants/run_mutants.py bench/files.py
"""

from __future__ import annotations

import argparse
import ast
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LISTS = Path(__file__).resolve().parent
LIMIT_S = 180
"""A mutant that hangs is seen as well as one that fails: a test runner ends both."""
_TESTS_FAILED = 1  # exit code of pytest; others mean that it could not collect or run


@dataclass(frozen=True)
class Mutant:
    """One protection taken away.

    Attributes:
        file: File below the root.
        find, replace: A part that occurs once in it, and what stands there instead.
        protects: What the part protects.
        test: The test that fails without it, ``file::name``.
        where: The list that holds the entry, and its number there.
    """

    file: str
    find: str
    replace: str
    protects: str
    test: str
    where: str = ""


def read_mutants(folder: Path = LISTS) -> list[Mutant]:
    """Return the entries of every list in a folder."""
    return [
        Mutant(**entry, where=f"{path.name} {number}")
        for path in sorted(folder.glob("*.toml"))
        for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8"))["mutant"], start=1)
    ]


def fault(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Return why an entry does not apply to a tree; None when it does."""
    path = root / mutant.file
    if not path.is_file():
        return f"{mutant.file}: no such file"
    count = path.read_text(encoding="utf-8").count(mutant.find)
    if count != 1:
        return f"{mutant.file}: {count} places of {mutant.find!r}, expected 1"
    if mutant.find == mutant.replace:
        return f"{mutant.file}: the replacement changes nothing"
    return fault_of_test(mutant.test, root)


def fault_of_test(test: str, root: Path = ROOT) -> str | None:
    """Return why ``file::name`` or ``file::name[case]`` is no test of a tree; None when it is."""
    name, _, function = test.partition("::")
    path = root / name
    if not path.is_file():
        return f"{test}: no such file"
    bare = function.partition("[")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return None if bare.startswith("test_") and bare in functions else f"{test}: no such test"


def copy_tree(target: Path) -> Path:
    """Copy the files under version control, and those that would be added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, answer.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def run_tests(tree: Path, tests: list[str], limit_s: float | None = LIMIT_S) -> tuple[int | None, str]:
    """Run tests in a tree; return pytest's exit code, None past the limit, and what it said."""
    environment = {
        "CARNET_DATA": str(ROOT.parent / "shared" / "data"),
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": str(tree),
        # a compiled file is as old as its source to the second: a mutant's could pass for the next one's
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # slow tests, too
    options = ["-q", "-m", "", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=short"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit_s)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return None, said
    return process.returncode, said


def verdict(mutant: Mutant, tree: Path) -> str:
    """Apply a mutant to a tree, run its test, take it back; return ``killed`` or what happened."""
    path = tree / mutant.file
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(mutant.find, mutant.replace), encoding="utf-8")
    try:
        code, said = run_tests(tree, [mutant.test])
    finally:
        path.write_text(original, encoding="utf-8")
    if code in (_TESTS_FAILED, None):
        return "killed"
    return "survived" if code == 0 else f"broke the test run (exit {code}): {said[-500:]}"


def main() -> int:
    """Run the mutants that the words of the command line select; return 0 when all are killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only entries with one of these in file, list or test")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("-j", "--jobs", type=int, default=min(cores, 4), help="default: cores, at most 4")
    options = parser.parse_args()
    mutants = [
        one
        for one in read_mutants()
        if not options.words or any(word in f"{one.file} {one.where} {one.test}" for word in options.words)
    ]
    lost = [f"does not apply: {one.where}: {said}" for one in mutants if (said := fault(one))]
    print("\n".join(lost), end="\n" * bool(lost), flush=True)
    mutants = [one for one in mutants if not fault(one)]
    if not mutants:
        print("no such mutant")
        return 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(options.jobs):
            trees.put(copy_tree(Path(folder) / str(number)))
        first = trees.get()
        code, said = run_tests(first, sorted({one.test for one in mutants}), limit_s=None)
        trees.put(first)
        if code:
            print(f"{said}\na test fails without any mutant")
            return 1

        def judge(mutant: Mutant) -> str:
            tree = trees.get()
            try:
                found = verdict(mutant, tree)
            finally:
                trees.put(tree)
            print(f"{found:8}  {mutant.file}: {mutant.protects} ({mutant.where})", flush=True)
            return found

        with ThreadPoolExecutor(options.jobs) as pool:
            found = list(pool.map(judge, mutants))
    killed, count = found.count("killed"), len(found) + len(lost)
    print(f"{killed} of {count} mutants killed")
    return int(killed < count)


if __name__ == "__main__":
    sys.exit(main())
