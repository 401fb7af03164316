"""How long the command line takes, as ratios within one run: a time alone says more about the machine.

python tests/benchmarks/command_line.py [--rounds 7]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

MAIN = "from bench.cli import main; main()"
SLOW_ROUNDS = 3  # for what takes seconds


def command(*words: str) -> list[str]:
    """Return the command line that runs carnet-bench with the interpreter at hand."""
    return [sys.executable, "-c", f"import sys; sys.argv = {['carnet-bench', *words]!r}; {MAIN}"]


def wall_s(words: list[str]) -> float:
    """Run once and return its wall time in seconds."""
    start = time.perf_counter()
    answer = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    elapsed = time.perf_counter() - start
    if answer.returncode:
        sys.exit(f"{words} ended with {answer.returncode}:\n{answer.stderr}")
    return elapsed


def compare(title: str, baseline: str, commands: dict[str, list[str]], rounds: int) -> None:
    """Time the commands in turn, A B A B, and print medians and their ratio to the baseline's."""
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            samples[name].append(wall_s(words))
    medians = {name: statistics.median(values) for name, values in samples.items()}
    print(f"{title} (median of {rounds}, load {os.getloadavg()[0]:.1f})")
    for name, median in medians.items():
        print(f"  {name:32} {median * 1000:8.0f} ms  {median / medians[baseline]:6.2f} x {baseline}")


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds: int = parser.parse_args().rounds
    nothing, torch = [sys.executable, "-c", "pass"], [sys.executable, "-c", "import torch"]
    compare("start-up", "python", {"python": nothing, "carnet-bench --help": command("--help")}, rounds)
    with tempfile.TemporaryDirectory() as home:
        table1 = command("reproduce", "table1", "--json", "--home", home)
        compare(
            "counts of Table 1",
            "import torch",
            {"import torch": torch, "reproduce table1": table1},
            min(rounds, SLOW_ROUNDS),
        )


if __name__ == "__main__":
    main()
