"""A grid on Ray: a node is lost, the command is stopped, resumed and leaves one document. Needs the extra."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest

from bench.experiments import grid_on_ray
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_on_ray import execute_on_ray
from bench.experiments.grid_state import Ledger
from bench.results.store import read_records
from bench.train.settings import Settings

pytest.importorskip("ray", reason="needs the extra `cluster`")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Ray's own warnings are Ray's

SEEDS = 6  # of two variants: 12 runs
STORE = 100 * 2**20
TRIES = 5  # of a command that starts Ray: on a busy machine Ray gives up after 30 s


@pytest.fixture(autouse=True)
def _ray_as_quick_as_others(monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 otherwise: next to other programs nothing would move


@pytest.fixture
def two_nodes(monkeypatch):
    """A cluster of two nodes of one CPU each on this machine."""
    from ray.cluster_utils import Cluster

    monkeypatch.setattr(grid_on_ray, "_EVERY_S", 0.1)
    quiet = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=quiet)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def longer(grids, folder, epochs):
    recipe = grids.tiny_recipe(folder)
    recipe.write_text(recipe.read_text().replace("epochs = 2", f"epochs = {epochs}"))
    return recipe


def grid(grids, recipe, home, seeds):
    study = grids.experiment(recipe, seeds=seeds)
    ledger = Ledger(Settings(home, device="cpu", threads=1), study.scored)
    return look(study, ledger), ledger


def measured(home):
    """What was measured, without what clock and memory say; one entry for each run and score."""
    machine = ("train_s", "mean_step_s", "wall_s", "peak_mib", "peak_measured")
    return Counter(
        json.dumps(
            [record.id, {key: value for key, value in record.stored["values"].items() if key not in machine}],
            sort_keys=True,
        )
        for kind in ("training", "accuracy")
        for record in read_records(home, kind)
    )


def lose(cluster, node):
    """Kill all processes of a node at once, as when a machine is lost.

    Ray kills the node's raylet alone. Its workers notice that within a second, in which a short run can end.
    """
    (raylet,) = node.all_processes["raylet"]
    workers = psutil.Process(raylet.process.pid).children(recursive=True)
    for one in workers:
        one.kill()
    cluster.remove_node(node, allow_graceful=False)


def test_a_grid_that_loses_a_node_ends_in_the_records_of_one_machine(grids, tmp_path, two_nodes):
    recipe = longer(grids, tmp_path, epochs=8)
    second = two_nodes.add_node(num_cpus=1, object_store_memory=STORE)
    home, lines, killed = tmp_path / "ray", [], []

    def show(share, states):
        """Kill the second node when a third of the grid is done and both nodes are in the middle of a run."""
        ended = int(re.match(r"(\d+) done|", states)[1] or 0)
        if not killed and ended >= 4 and "2 running" in states and 0.1 < share * 2 * SEEDS - ended < 0.8:
            killed.append(states)
            lose(two_nodes, second)

    progress, ledger = grid(grids, recipe, home, SEEDS)
    execute_on_ray(progress, ledger, two_nodes.address, show=show, log=lines.append)
    assert killed
    assert [line for line in lines if " again: " in line]
    assert progress.finished
    assert [str(state) for state in progress.states.values()] == ["done (smoke run)"] * 2 * SEEDS

    alone = tmp_path / "alone"
    execute(*grid(grids, recipe, alone, SEEDS))
    assert measured(home) == measured(alone)
    assert sum(measured(home).values()) == 2 * 2 * SEEDS


@pytest.fixture
def command(grids, tmp_path):
    recipe = longer(grids, tmp_path, epochs=8)

    def words(*more):
        line = f"-m bench ablate --components bs car --recipe {recipe} --threads 1 --seeds 1 --device cpu"
        return [sys.executable, *line.split(), "--home", str(tmp_path / "home"), "--cluster", "ray", *more]

    return words


def test_a_signal_stops_all_runs_at_a_checkpoint_and_the_same_command_resumes_them(command, tmp_path):
    checkpoints = tmp_path / "home" / "runs"
    for _ in range(TRIES):
        process = subprocess.Popen(
            command("--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not list(checkpoints.glob("*/checkpoints/*")):
            time.sleep(0.1)
        if process.poll() is None:
            break
        process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, ""), err
    assert "next: rerun the same command" in err
    assert read_records(tmp_path / "home", "accuracy") == []
    assert list(checkpoints.glob("*/checkpoints/*"))

    for _ in range(TRIES):
        again = subprocess.run(command("--json"), capture_output=True, text=True, check=False)
        if "timed out during startup" not in again.stderr:
            break
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert document["finished"]
    assert [run["status"] for run in document["runs"]] == ["done", "done"]
    assert "resum" in again.stderr
    assert len(read_records(tmp_path / "home", "accuracy")) == 2
