"""One run of a grid as a task of Ray: what a node knows of it, does, and reports to the command."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from baselines.registry import METHODS
from bench.errors import BenchError, Interrupted, RefusedInput, UsageError
from bench.experiments.grid_execution import do_run
from bench.experiments.grid_plan import GridRun
from bench.experiments.grid_state import DONE, FAILED, LOCKED, Ledger, State
from bench.extras import import_extra
from bench.models import resolve
from bench.train.recipe import Recipe
from bench.train.settings import Settings

_LOCK_S = 120.0
"""How long a repeated run waits for the lock of the process that it replaces: a process outlives its node's
Ray by a second or so, and a file server keeps the locks of a lost machine for its lease (NFSv4: 90 s)."""
_LOCK_EVERY_S = 2.0
_TELL_EVERY_S = 1.0


@dataclass(frozen=True)
class Named:
    """The subject of a run on a node: of a user's own network only the recipe's word for it travels."""

    name: str


@dataclass(frozen=True)
class Order:
    """What a node knows of a run.

    Attributes:
        name, seed, recipe: Of the run.
        settings, scored: Of its ledger.
        threads: Threads of torch, which a node chooses otherwise.
        folder: Working folder of the command, from which all paths are taken.
        place: Its number for a reader, e.g. ``run 2 of 12``.
        need_s: Expected seconds; None where unknown.
    """

    name: str
    seed: int
    recipe: Recipe
    settings: Settings
    scored: str
    threads: int
    folder: Path
    place: str
    need_s: float | None

    @property
    def run(self) -> GridRun[Named]:
        """The run."""
        return GridRun(Named(self.name), self.seed, self.recipe)


class RunStopped(Exception):  # noqa: N818 - named for what happened
    """A run was stopped after a checkpoint, by a node that is drained: Ray repeats it elsewhere."""


def perform(order: Order, board: Any) -> State | BenchError | None:
    """Train and score a run on a node.

    Args:
        order: The run.
        board: Handle of the `bench.experiments.grid_board.Board`.

    Returns:
        Its new state; None when it did not fit into the budget; an error that ends the whole grid.

    Raises:
        RunStopped: After a checkpoint.
    """
    ray = import_extra("ray", "cluster")
    try:
        os.chdir(order.folder)
    except OSError as error:
        return RefusedInput(
            f"{order.folder}: {error.strerror} on the node {ray.util.get_node_ip_address()}",
            then="run the command in a folder on a file system that all nodes of the cluster share",
        )
    # not by ray.get: Ray lends the CPUs of a task that waits there to another one, and never takes them back
    begun = board.begin.remote(order.place, order.run.title, order.need_s).future().result()
    if not begun:
        return None
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        del os.environ[name]  # of the step that started Ray; a run is one process
    torch.set_num_threads(order.threads)
    run = order.run
    try:
        method = resolve(run.recipe.model)
        ledger = Ledger(order.settings, order.scored, {**METHODS, method.name: method})
        return _performed(run, ledger, order.place, board, patience_s=_LOCK_S if begun > 1 else 0.0)
    except Interrupted as error:
        raise RunStopped(str(error)) from None
    except (UsageError, RefusedInput) as error:
        # a plain error of its class: it must survive the way from process to process
        kind = UsageError if isinstance(error, UsageError) else RefusedInput
        return kind(f"{run.title}: {error}", error.then)


def _performed(run: GridRun[Any], ledger: Ledger, place: str, board: Any, *, patience_s: float) -> State:
    """Do a run; the lock of the process that it replaces is waited for."""
    told_s = 0.0

    def watch(stage: str, done: int, total: int, _loss: float) -> None:
        nonlocal told_s
        if stage == "train" and time.monotonic() - told_s >= _TELL_EVERY_S:
            told_s = time.monotonic()
            board.tell.remote(place, done / total)

    until_s = time.monotonic() + patience_s
    while True:
        state = ledger.state(run)
        if state.status in (DONE, FAILED):  # the lost process had come so far
            return state
        now = do_run(run, state, ledger, watch, lambda line: board.say.remote(f"{place}: {line}"))
        if now.status != LOCKED or time.monotonic() >= until_s:
            return now
        time.sleep(_LOCK_EVERY_S)
        ledger.reread()
