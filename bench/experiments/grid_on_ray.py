"""The runs of a grid as tasks of Ray, on the cores of one machine or on the nodes of a cluster.

Ray queues the runs, starts each where its CPUs and its GPU are free, and repeats one whose node or process is
lost. A run resumes from its own checkpoints and writes its own records, so the nodes share the home's file
system.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.data.catalogue import PARENT_VARIABLE
from bench.errors import BenchError, Interrupted, UsageError
from bench.experiments.grid_board import Board
from bench.experiments.grid_cost import Estimates
from bench.experiments.grid_execution import Progress, estimate_left, result_of
from bench.experiments.grid_plan import GridRun
from bench.experiments.grid_state import DONE, FAILED, Ledger, State
from bench.experiments.run_on_ray import Order, RunStopped, perform
from bench.extras import import_extra
from bench.results.provenance import usable_cores
from bench.train.run import Watch
from bench.train.stopping import stop_requests

MAX_RETRIES = 5
"""How often Ray repeats a run whose node or process is lost."""

_EXTRA = "cluster"
_NEXT = "rerun the same command to resume each run at its last checkpoint; finished runs are not repeated"
_ADDRESS = (
    "give the address that `ray start --head` printed, HOST:PORT, or auto on a node of the cluster; "
    "set RAY_AUTH_MODE=token where the cluster has a token"
)
_STOP_S = 120.0
"""How long stopped runs may take to end their step and write a checkpoint."""
_ANSWER_S = 10.0
_EVERY_S = 1.0
_STORE_BYTES = 100 * 2**20  # runs exchange next to nothing: images and weights stay in files

Log = Callable[[str], None]
Show = Callable[[float, str], None]
"""Called with the share of the grid that is done, and how many runs are in which state."""


def execute_on_ray(
    progress: Progress[Any],
    ledger: Ledger,
    address: str | None = None,
    *,
    budget_s: float | None = None,
    watch: Watch = lambda *_: None,
    show: Show = lambda *_: None,
    log: Log = lambda _: None,
) -> None:
    """Do what is left of a grid as tasks of Ray; each takes the CPUs of its threads, and a GPU with cuda.

    What `bench.experiments.grid_execution.execute` says of runs that fail, are locked or do not fit into the
    budget holds here; whether a run fits is decided when Ray starts it. A run whose node or process is lost
    more than `MAX_RETRIES` times is left where its last checkpoint is.

    Args:
        progress, ledger, budget_s, log: As in `execute`.
        address: Address of a running cluster, of which this machine is a node; None starts one on this
            machine, which ends with the grid.
        watch: Called while steps are measured, which is done here.
        show: Called with the progress of all runs.

    Raises:
        Interrupted: All runs were stopped, after a checkpoint each.
        UsageError, RefusedInput: No such cluster, too few CPUs; what no run of the grid can use.
    """
    cores = usable_cores()
    if address is None and cores is not None and ledger.threads > cores:
        raise UsageError(
            f"a run takes {ledger.threads} CPUs; this machine has {cores} for it", then="give fewer --threads"
        )
    started_s = time.monotonic()
    estimates = estimate_left(progress, ledger, watch, log)
    if not progress.to_do:
        return
    with _cluster(address) as ray:
        _tell_room(ray, ledger, log)
        left_s = None if budget_s is None else budget_s - (time.monotonic() - started_s)
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote(left_s)
        task = ray.remote(perform).options(
            num_cpus=ledger.threads,
            num_gpus=int(ledger.device == "cuda"),
            max_retries=MAX_RETRIES,
            retry_exceptions=[RunStopped],
        )
        orders = _orders(progress, ledger, estimates)
        tasks = {task.remote(order, board): (run, order.place) for run, order in orders.items()}
        _follow(ray, tasks, board, progress, ledger, show=show, log=log)
        if progress.unfit is not None:
            log(progress.unfit)


def _orders(progress: Progress[Any], ledger: Ledger, estimates: Estimates) -> dict[GridRun[Any], Order]:
    settings = ledger.settings
    if ledger.device == "cpu":  # a node may have a GPU that was not counted on
        settings = replace(settings, device="cpu")
    count, to_do = len(progress.states), progress.to_do
    return {
        run: Order(
            run.subject.name,
            run.seed,
            run.recipe,
            settings,
            ledger.scored,
            ledger.threads,
            Path.cwd(),
            f"run {place} of {count}",
            estimates.left_s(run, state),
        )
        for place, (run, state) in enumerate(progress.states.items(), start=1)
        if run in to_do
    }


def _follow(
    ray: Any,
    tasks: dict[Any, tuple[GridRun[Any], str]],
    board: Any,
    progress: Progress[Any],
    ledger: Ledger,
    *,
    show: Show,
    log: Log,
) -> None:
    """Wait for the runs, and show them; a signal or an error stops those that are left."""
    waiting = list(tasks)
    with stop_requests() as request:
        try:
            while waiting:
                ended, waiting = ray.wait(waiting, timeout=_EVERY_S)
                shares, lines, progress.unfit = ray.get(board.news.remote())
                for line in lines:
                    log(line)
                for one in ended:
                    run, place = tasks[one]
                    state = _state_of(ray, one, run, ledger)
                    if state is not None:
                        progress.states[run] = state
                        log(f"{place}: {run.title}: {result_of(state)}")
                show(*_in_words(progress, shares, [tasks[one][1] for one in waiting], len(tasks)))
                if request.number is not None:
                    name = signal.Signals(request.number).name
                    left = f"{len(progress.to_do)} of {len(progress.states)} runs are left"
                    raise Interrupted(f"stopped by {name}; {left}", request.number, then=_NEXT)
        except BaseException:
            if waiting:
                log("stopping the runs, each after a checkpoint")
                for one in waiting:
                    ray.cancel(one)
                ray.wait(waiting, num_returns=len(waiting), timeout=_STOP_S)
            raise


def _in_words(
    progress: Progress[Any], shares: dict[str, float], left: list[str], count: int
) -> tuple[float, str]:
    """Return the share that is done of ``count`` runs to do, and how many runs are in which state."""
    running = [place for place in left if place in shares]
    counts = {
        "done": len(progress.of(DONE)),
        "running": len(running),
        "waiting": len(left) - len(running),
        "failed": len(progress.of(FAILED)),
    }
    share = (count - len(left) + sum(shares[place] for place in running)) / count
    return share, ", ".join(f"{number} {state}" for state, number in counts.items() if number)


def _state_of(ray: Any, task: Any, run: GridRun[Any], ledger: Ledger) -> State | None:
    """Return the state of a run whose task has ended; None where it did not fit into the budget."""
    errors = import_extra("ray.exceptions", _EXTRA)
    try:
        found: State | BenchError | None = ray.get(task)
    except errors.RayError as error:
        if isinstance(error, errors.RayTaskError) and not isinstance(error.cause, RunStopped):
            raise  # a bug, or a network of the user's own
        why = f"lost {MAX_RETRIES + 1} times: {str(error).strip().splitlines()[0]}"
        ledger.reread()
        return replace(ledger.state(run), remark=why)
    if isinstance(found, BenchError):
        raise found
    return found


def _tell_room(ray: Any, ledger: Ledger, log: Log) -> None:
    """Say how many runs the nodes can do at a time."""
    needs = {"CPU": ledger.threads, **({"GPU": 1} if ledger.device == "cuda" else {})}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    at_once = sum(min(int(node.get(name, 0) // need) for name, need in needs.items()) for node in nodes)
    need = " and ".join(f"{count} {name}" for name, count in needs.items())
    if not at_once:  # nodes may still come, by hand or by an autoscaler
        log(f"Ray: no node has {need} yet, so the runs wait for one")
        return
    have = " and ".join(f"{sum(node.get(name, 0) for node in nodes):g} {name}" for name in needs)
    log(
        f"Ray: {have} in {len(nodes)} {'node' if len(nodes) == 1 else 'nodes'}, {need} a run: "
        f"{at_once} {'run' if at_once == 1 else 'runs'} at a time"
    )


def require_ray(address: str | None) -> None:
    """Refuse what shows before any work: an address where nothing answers, or no Ray here.

    Raises:
        UsageError: Ray cannot be imported; no HOST:PORT, such as the address of Ray Client, whose command is
            on no node (the progress of the runs is kept on the command's); nothing answers within some
            seconds (Ray itself would try for minutes).
    """
    if address not in (None, "auto"):
        host, _, port = address.rpartition(":")
        if not host or "/" in host or not port.isdecimal():
            raise UsageError(f"--address '{address}': expected HOST:PORT or auto", then=_ADDRESS)
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
        except (OSError, OverflowError) as error:
            raise UsageError(f"--address {address}: nothing answers ({error})", then=_ADDRESS) from error
    import_extra("ray", _EXTRA)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine; yield Ray."""
    ray = import_extra("ray", _EXTRA)
    import_extra("ray.util.scheduling_strategies", _EXTRA)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would send reports on the machine
    given = os.environ.get(PARENT_VARIABLE)
    quiet = {
        "log_to_driver": False,  # the runs speak through the board; what a network prints is in Ray's logs
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": {PARENT_VARIABLE: given}} if given else None,
    }
    before = signal.getsignal(signal.SIGTERM)
    try:
        if address is None:
            own = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
            ray.init("local", num_cpus=usable_cores(), **own, **quiet)
        else:
            ray.init(address, **quiet)
    except Exception as error:  # Ray's plain ones, too: it gives up on a node that takes 30 s to start
        where = "Ray on this machine" if address is None else f"--address {address}"
        then = "rerun the command; is the machine busy?" if address is None else _ADDRESS
        raise UsageError(f"{where}: {error}", then) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray takes it
    try:
        yield ray
    finally:
        ray.shutdown()
