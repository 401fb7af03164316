"""What Ray costs a grid over running it in turn, and what a second worker gains. Needs the extra ``cluster``.

The same runs of one thread are trained and scored three times, in homes of their own: one after another in
this process, on Ray with one CPU, and on Ray with two. Ray's times hold its start, the imports of its
processes, and its end; so the share of its overhead falls with the length of a run. ``--rounds`` repeats the
three in turn, so that a machine that slows slows all; the ratios are medians over the rounds. For a quiet
machine of two cores or more. With the default values it takes ten minutes.

python tests/benchmarks/grid_on_ray.py [--runs 4] [--seconds 60] [--rounds 1]
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.experiments.grid import experiment_of
from bench.experiments.grid_axes import axes_of
from bench.experiments.grid_cost import Estimates
from bench.experiments.grid_execution import execute, look, measure_left
from bench.experiments.grid_on_ray import execute_on_ray
from bench.experiments.grid_state import DONE, Ledger
from bench.train.settings import Settings

RECIPE = """
model = "carnet-mobile"
data = "scenes"
crop = [128, 128]
batch = 2
epochs = {epochs}
encoder_lr = 0.001
decoder_lr = 0.01
clip_norm = 5.0
smoke = true
validate_every = 0

[data_options]
count = 8
size_hw = [128, 128]
"""
CPUS = {"in turn": None, "Ray, 1 CPU": 1, "Ray, 2 CPUs": 2}


def grid_in(home: Path, runs: int, epochs: int) -> tuple[Any, Ledger]:
    """Return a grid of one variant with ``runs`` seeds, none of them done, and its records."""
    home.mkdir(parents=True)
    recipe = home / "tiny.toml"
    recipe.write_text(RECIPE.format(epochs=epochs), encoding="utf-8")
    study = experiment_of(axes_of(lambdas=["0.2"]), name_or_path=str(recipe), seeds=runs)
    ledger = Ledger(Settings(home, device="cpu", threads=1), study.scored)
    return look(study, ledger), ledger


def epochs_of(folder: Path, seconds: float) -> int:
    """Return how many epochs a run of about these seconds has here."""
    progress, ledger = grid_in(folder / "probe", 1, 1)
    estimates = Estimates(ledger)
    measure_left(progress, estimates)
    ((run, state),) = progress.states.items()
    return max(1, round(seconds / (estimates.left_s(run, state) or seconds)))


def grid_s(home: Path, runs: int, epochs: int, cpus: int | None) -> float:
    """Return the seconds of a whole grid, with the start and the end of Ray where it has CPUs."""
    progress, ledger = grid_in(home, runs, epochs)
    began_s = time.perf_counter()
    if cpus is None:
        execute(progress, ledger)
    else:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": 100 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            execute_on_ray(progress, ledger, cluster.address)
        finally:
            cluster.shutdown()
    took_s = time.perf_counter() - began_s
    if len(progress.of(DONE)) != runs:
        raise SystemExit(f"{home}: {len(progress.of(DONE))} of {runs} runs are done")
    return took_s


def main() -> None:
    """Print the times and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0, help="of a run, about")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if importlib.util.find_spec("ray") is None:
        print("grid on Ray: not measured, ray is missing (pip install 'carnet-bench[cluster]')")
        return
    found: dict[str, list[float]] = {name: [] for name in CPUS}
    with tempfile.TemporaryDirectory() as folder:
        epochs = epochs_of(Path(folder), given.seconds)
        for number in range(given.rounds):
            for name, cpus in CPUS.items():
                home = Path(folder) / f"{number}-{cpus or 0}"
                found[name].append(grid_s(home, given.runs, epochs, cpus))
    alone, one, two = found.values()
    print(f"{given.runs} runs of {epochs} epochs, {given.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for name, seconds in found.items():
        print(f"  {name:<12} {statistics.median(seconds):8.1f} s")
    overhead = statistics.median(b / a for a, b in zip(alone, one, strict=True))
    gain = statistics.median(b / c for b, c in zip(one, two, strict=True))
    print(f"overhead of Ray with one CPU: {100 * (overhead - 1):+.1f} %")
    print(f"two CPUs over one: {gain:.2f} times as fast")


if __name__ == "__main__":
    main()
