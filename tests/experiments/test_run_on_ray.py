"""A run on a node: begun within the budget, waiting for the lock of a lost process. No Ray is needed."""

import itertools
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.errors import Interrupted, RefusedInput
from bench.experiments import grid_execution, run_on_ray
from bench.experiments.grid_board import Board
from bench.experiments.run_on_ray import Order, RunStopped, perform
from bench.train.failures import Diverged
from bench.train.lock import RunLockedError
from bench.train.settings import Settings

RUN = ("run 1 of 2", "mobile BS, seed 0")


class Handle:
    """An actor's methods, called here and now; what they return is had from its future alone.

    A task that waits in ray.get, which nothing here has, lends its CPUs to another.
    """

    def __init__(self, board):
        for name in ("begin", "tell", "say", "news"):
            setattr(self, name, SimpleNamespace(remote=self._called(getattr(board, name))))

    @staticmethod
    def _called(method):
        def remote(*arguments):
            future = Future()
            future.set_result(method(*arguments))
            return SimpleNamespace(future=lambda: future)

        return remote


@pytest.fixture
def order(grids, tmp_path):
    def make(place="run 1 of 2", need_s=None, folder=tmp_path):
        run = grids.experiment(grids.tiny_recipe(tmp_path)).runs[0]
        settings = Settings(Path("home"), device="cpu", threads=1)
        return Order("mobile BS", 0, run.recipe, settings, "test", 1, folder, place, need_s)

    return make


@pytest.fixture
def training(monkeypatch, tmp_path):
    """Let the next trainings end with these errors; no time passes while a lock is waited for."""
    monkeypatch.chdir(tmp_path)
    node = SimpleNamespace(util=SimpleNamespace(get_node_ip_address=lambda: "10.0.0.7"))
    monkeypatch.setattr(run_on_ray, "import_extra", lambda *_: node)
    clock = itertools.count(step=30.0)
    monkeypatch.setattr(run_on_ray.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(run_on_ray.time, "sleep", lambda _: None)

    def script(*errors):
        left = list(errors)

        def train(*_):
            raise left.pop(0)

        monkeypatch.setattr(grid_execution, "train", train)
        return left

    return script


def test_a_budget_ends_with_the_first_run_that_does_not_fit_though_a_later_one_would():
    board = Board(1000.0)
    assert board.begin("run 1 of 3", "mobile BS, seed 0", 50.0) == 1
    assert board.begin("run 2 of 3", "mobile BS, seed 1", 5000.0) == 0
    assert board.begin("run 3 of 3", "mobile BS, seed 2", 1.0) == 0
    shares, lines, unfit = board.news()
    assert (list(shares), len(lines)) == (["run 1 of 3"], 1)
    assert unfit.startswith("not started: mobile BS, seed 1 needs about 5000 s")


def test_without_a_budget_an_unknown_duration_is_no_hindrance_and_within_one_it_is():
    assert Board(None).begin(*RUN, None) == 1
    assert Board(1e9).begin(*RUN, None) == 0


def test_a_run_that_begins_again_is_said_to_and_lines_are_told_once():
    board = Board(None)
    assert [board.begin(*RUN, 1.0), board.begin(*RUN, 1.0)] == [1, 2]
    board.tell("run 1 of 2", 0.5)
    shares, (first, second), _ = board.news()
    assert shares == {"run 1 of 2": 0.5}
    assert ("again" in first, "again" in second) == (False, True)
    assert board.news()[1] == []


def test_a_run_that_does_not_fit_is_not_trained(order, training):
    left = training(Diverged("loss is nan", 3))
    board = Handle(Board(10.0))
    assert perform(order(need_s=5000.0), board) is None
    assert len(left) == 1


def test_a_run_that_diverges_has_failed(order, training):
    training(Diverged("loss is nan", 3))
    state = perform(order(), Handle(Board(None)))
    assert str(state) == "failed (loss is nan)"


def test_the_lock_of_a_lost_process_is_waited_for_and_that_of_another_command_is_not(order, training):
    locked = "runs/tiny: process 123 on host is working on this run"
    board = Handle(Board(None))
    left = training(RunLockedError(locked), Diverged("loss is nan", 3))
    assert perform(order(), board).status == "locked"
    assert len(left) == 1
    left = training(RunLockedError(locked), RunLockedError(locked), Diverged("loss is nan", 3))
    assert perform(order(), board).status == "failed"
    assert left == []


def test_a_lock_that_stays_is_not_waited_for_without_end(order, training):
    board = Handle(Board(None))
    board.begin.remote(*RUN, None)
    left = training(*(RunLockedError("process 123") for _ in range(100)))
    assert perform(order(), board).status == "locked"
    assert len(left) > 90


def test_a_run_that_is_stopped_is_left_to_ray_to_repeat(order, training):
    training(Interrupted("stopped by SIGTERM at step 3", 15))
    with pytest.raises(RunStopped, match="step 3"):
        perform(order(), Handle(Board(None)))


def test_the_variables_of_the_slurm_step_that_started_ray_are_not_the_runs(order, training, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    training(Diverged("loss is nan", 3))
    assert perform(order(), Handle(Board(None))).status == "failed"


def test_what_no_run_can_use_is_returned_with_the_run_and_what_to_do(order, training):
    training(RefusedInput("data/a.png: damaged", then="fetch it anew"))
    error = perform(order(), Handle(Board(None)))
    assert (type(error), error.then) == (RefusedInput, "fetch it anew")
    assert "mobile BS, seed 0: data/a.png" in str(error)


@pytest.mark.usefixtures("training")
def test_a_node_without_the_commands_folder_is_named(order, tmp_path):
    error = perform(order(folder=tmp_path / "elsewhere"), Handle(Board(None)))
    assert "elsewhere" in str(error)
    assert "10.0.0.7" in str(error)
    assert "share" in error.then
