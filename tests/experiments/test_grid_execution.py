"""Running a grid: killed, resumed, out of budget, with a run that fails."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from bench.errors import Interrupted
from bench.experiments import grid_execution as execution
from bench.experiments.grid_cost import Cost, Estimates
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_result import outcomes
from bench.experiments.grid_state import Ledger
from bench.reproduce.grid_verdict import judge_grid_difference
from bench.results.store import read_records
from bench.train.failures import Diverged
from bench.train.lock import RunLockedError
from bench.train.settings import Settings

# in a process of its own, for it ends with SIGKILL: in the second run's third step
KILLED = """
import os, signal, sys
from pathlib import Path
from bench.experiments.grid_axes import axes_of
from bench.experiments.grid_execution import execute, look
from bench.experiments.grid_state import Ledger
from bench.experiments.grid import experiment_of
from bench.train.settings import Settings

def watch(kind, done, total, loss):
    if kind == "train":
        steps.append(done)
        if steps == [1, 2, 3, 4, 1, 2, 3]:
            os.kill(os.getpid(), signal.SIGKILL)
        print(done, flush=True)

steps = []
recipe, home = sys.argv[1:]
experiment = experiment_of(axes_of(components=["bs", "car"]), name_or_path=recipe, seeds=1)
ledger = Ledger(Settings(Path(home), device="cpu", threads=1), experiment.scored)
execute(look(experiment, ledger), ledger, watch=watch)
"""


def run_grid(grids, recipe, home, watch=lambda *_: None, **options):
    study = grids.experiment(recipe)
    ledger = Ledger(Settings(home, device="cpu", threads=1), study.scored)
    progress = look(study, ledger)
    execute(progress, ledger, watch=watch, **options)
    return progress


def measured(home):
    """What was measured, without what clock and memory say."""
    machine = ("train_s", "mean_step_s", "wall_s", "peak_mib", "peak_measured")
    return {
        record.id: {key: value for key, value in record.stored["values"].items() if key not in machine}
        for kind in ("training", "accuracy")
        for record in read_records(home, kind)
    }


@pytest.mark.slow
def test_a_grid_killed_in_the_middle_goes_on_repeats_nothing_and_ends_in_the_same_records(grids, tmp_path):
    recipe = grids.tiny_recipe(tmp_path)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(recipe), str(killed)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = [int(line) for line in done.stdout.split()]
    assert before == [1, 2, 3, 4, 1, 2]
    steps = []
    seen = look(grids.experiment(recipe), Ledger(Settings(killed, device="cpu", threads=1), "test"))
    assert [str(state) for state in seen.states.values()] == ["done (smoke run)", "partly, step 2 of 4"]
    run_grid(grids, recipe, killed, lambda kind, done, *_: steps.append(done) if kind == "train" else None)
    assert before + steps == 2 * list(range(1, grids.STEPS + 1))
    run_grid(grids, recipe, whole)
    assert measured(killed) == measured(whole)
    assert len(measured(whole)) == 4
    only_records(grids, whole, tmp_path / "records")


def only_records(grids, home, other):
    """The records without the runs' folders are enough: nothing is trained, the results are the same."""
    shutil.copytree(home / "results", other / "results")
    recipe = grids.tiny_recipe(other)
    progress = run_grid(grids, recipe, other, watch=_no_training)
    assert progress.finished
    first, second = outcomes(progress, other)
    assert first.mean is not None
    assert second.difference is not None
    assert second.difference.mean == pytest.approx(second.mean - first.mean)
    judged = judge_grid_difference(first.subject, second.subject, second.difference)
    assert judged is not None
    assert (judged.verdict, judged.note) == ("not distinguishable", "1 seed, at least 3 needed")
    assert not (other / "runs").exists()


def _no_training(kind, *_):
    assert kind != "train"


@pytest.fixture
def quick(monkeypatch):
    """Runs whose training the test dictates; nothing is scored."""
    trained = []

    def train(recipe, _settings, _watch, _log):
        trained.append((dict(recipe.model_options), recipe.seed))
        raise Diverged("loss is nan", 3)

    monkeypatch.setattr(execution, "train", train)
    return trained


def test_a_run_that_fails_is_noted_and_the_grid_goes_on(grids, quick, tmp_path):
    progress = run_grid(grids, grids.tiny_recipe(tmp_path), tmp_path)
    assert len(quick) == 2
    assert [str(state) for state in progress.states.values()] == ["failed (loss is nan)"] * 2


def test_within_a_budget_nothing_is_begun_that_does_not_fit(grids, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(Estimates, "_measure", lambda *_: Cost(10.0, 1.0, "measured now"))
    # a run: 4 steps of 10 s, no validation, 4 test images of 1 s
    progress = run_grid(
        grids, grids.tiny_recipe(tmp_path), tmp_path, budget_s=91.0, clock=iter([0.0, 40.0, 48.0]).__next__
    )
    assert len(quick) == 1
    assert progress.unfit == "not started: mobile BS+CARModule, seed 0 needs about 44 s, 43 s are left"
    assert not progress.finished


def test_a_signal_while_a_run_is_scored_ends_the_grid_with_what_to_do(grids, tmp_path):
    def watch(kind, done, *_):
        if (kind, done) == ("test", 1):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="seed 0: stopped by SIGTERM while scoring test") as stopped:
        run_grid(grids, grids.tiny_recipe(tmp_path), tmp_path, watch)
    assert stopped.value.exit_code == 143
    assert stopped.value.then.startswith("rerun the same command")
    assert read_records(tmp_path, "accuracy") == []
    states = look(
        grids.experiment(tmp_path / "tiny.toml"), Ledger(Settings(tmp_path, threads=1), "test")
    ).states
    assert [str(state) for state in states.values()] == ["trained, to be scored", "to do"]


def test_a_grid_leaves_a_locked_run_to_its_process_and_continues_with_the_others(
    grids, tmp_path, monkeypatch
):
    begun, said = [], []

    def train(recipe, *_):
        begun.append(recipe.model_options)
        if len(begun) == 1:
            raise RunLockedError("runs/tiny: process 123 on host is working on this run")
        raise Diverged("loss is nan", 3)

    monkeypatch.setattr(execution, "train", train)
    progress = run_grid(grids, grids.tiny_recipe(tmp_path), tmp_path, log=said.append)
    assert len(begun) == 2
    assert [state.status for state in progress.states.values()] == ["locked", "failed"]
    assert "process 123" in str(next(iter(progress.states.values())))
    assert [line for line in said if "process 123" in line]
    assert not progress.finished
