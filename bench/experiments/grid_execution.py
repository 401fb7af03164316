"""Train and score what is left of a grid, run after run; every run is resumed where it was stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

from bench.data.kept import keep_samples
from bench.errors import Interrupted, NotMeasured
from bench.experiments.duration import about, why_unfit
from bench.experiments.grid_cost import Estimates, total_s
from bench.experiments.grid_plan import Experiment, GridRun, S
from bench.experiments.grid_state import DONE, FAILED, LOCKED, TRAINED, Ledger, State
from bench.train.lock import RunLockedError
from bench.train.run import Watch, train
from bench.train.score import evaluate_run
from bench.train.splits import open_split
from bench.train.stopping import StopRequest, stop_requests

_NEXT = "rerun the same command to resume this run at this step; finished runs are not repeated"


@dataclass
class Progress(Generic[S]):
    """Progress of a grid.

    Attributes:
        experiment: The grid.
        states: State of each run, in the order of training.
        unfit: Why the next run was not started within the budget; None when no run was left out.
    """

    experiment: Experiment[S]
    states: dict[GridRun[S], State] = field(default_factory=dict)
    unfit: str | None = None

    def of(self, *statuses: str) -> list[GridRun[S]]:
        """Return the runs in one of these states, in the order in which they are trained."""
        return [run for run, state in self.states.items() if state.status in statuses]

    @property
    def to_do(self) -> list[GridRun[S]]:
        """The runs that are left to do, in the order in which they are trained."""
        return [run for run, state in self.states.items() if state.status not in (DONE, FAILED)]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do; a diverged run is not left to do."""
        return not self.to_do


def look(experiment: Experiment[S], ledger: Ledger) -> Progress[S]:
    """Return the progress of a grid; nothing is trained."""
    return Progress(experiment, {run: ledger.state(run) for run in experiment.runs})


def measure_left(progress: Progress[Any], estimates: Estimates, watch: Watch = lambda *_: None) -> None:
    """Measure a few steps of each subject to do that has no step time on record here."""
    estimates.measure(progress.to_do, lambda done, count: watch("measuring steps", done, count, 0.0))


def execute(
    progress: Progress[Any],
    ledger: Ledger,
    *,
    budget_s: float | None = None,
    watch: Watch = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Do what is left: all subjects of a seed before the next seed.

    The expected time of all runs is logged first, from records or a few measured steps. A run that diverges,
    or does not fit into memory, is noted and the grid continues; so it does when another process works on a
    run.

    Args:
        progress: As returned by `look`; kept up to date.
        ledger: The records, and the settings of the training.
        budget_s: Seconds from now, measured steps included. A run that does not fit into what is left is not
            started, nor any after it, so that the finished runs stay balanced over the subjects. None is no
            limit.
        watch: Called with ``runs`` done and their number, and as training calls it.
        log: Called with the total, and each run's start and end.
        clock: Monotonic seconds.

    Raises:
        Interrupted: After a checkpoint of the current run.
        UsageError, RefusedInput: Data, weights or options that no run of the grid can use.
    """
    started = clock()
    count = len(progress.states)
    estimates = estimate_left(progress, ledger, watch, log)
    for place, (run, state) in enumerate(list(progress.states.items()), start=1):
        watch("runs", place - 1, count, 0.0)
        if state.status in (DONE, FAILED):
            continue
        if budget_s is not None:
            left_s = budget_s - (clock() - started)
            progress.unfit = why_unfit(run.title, estimates.left_s(run, state), left_s)
            if progress.unfit is not None:
                log(progress.unfit)
                return
        log(f"run {place} of {count}: {run.title} ({state})")
        progress.states[run] = now = do_run(run, state, ledger, watch, log)
        log(f"  {result_of(now)}")
    watch("runs", count, count, 0.0)


def estimate_left(
    progress: Progress[Any], ledger: Ledger, watch: Watch, log: Callable[[str], None]
) -> Estimates:
    """Return what the runs cost; the expected time of what is left is logged."""
    estimates = Estimates(ledger)
    measure_left(progress, estimates, watch)
    if to_do := progress.to_do:
        total = total_s([estimates.left_s(run, progress.states[run]) for run in to_do])
        log(f"{len(to_do)} of {len(progress.states)} runs to do: {about(total)}")
    return estimates


def do_run(
    run: GridRun[Any], state: State, ledger: Ledger, watch: Watch, log: Callable[[str], None]
) -> State:
    """Train and score one run; return its new state, which is ``locked`` when another process works on it."""
    try:
        failure = _failure_of(run, state, ledger, watch, log)
    except RunLockedError as error:
        return replace(state, status=LOCKED, remark=str(error))
    ledger.reread()
    now = ledger.state(run)
    return now if failure is None else replace(now, status=FAILED, remark=failure)


def result_of(state: State) -> str:
    """Return what is logged of a run that has ended."""
    if state.status == LOCKED:
        return f"left to its process: {state.remark}"
    return str(state) if state.accuracy is None else f"mIoU {100 * state.accuracy.values.miou:.2f} %"


def _failure_of(
    run: GridRun[Any], state: State, ledger: Ledger, watch: Watch, log: Callable[[str], None]
) -> str | None:
    """Train and score one run; return why it failed, or None."""
    settings, scored = ledger.settings, ledger.scored
    source: Path | None = None
    if state.status == TRAINED and state.training is not None:
        source = ledger.weights(run, state.training)
    try:
        if source is None:
            source = train(run.recipe, settings, watch, log).folder
        with stop_requests() as request:
            # before the scoring, whose time and memory are recorded
            keep_samples(open_split(run.recipe, scored, settings.data_root, settings.home))
            evaluate_run(
                source,
                scored,
                settings,
                lambda done, n: _shown(watch, scored, (done, n), request),
                run.recipe.model,
            )
    except Interrupted as error:
        number = error.exit_code - 128
        raise Interrupted(f"{run.title}: {error}", number, then=_NEXT) from error
    except NotMeasured as error:
        return str(error)
    return None


def _shown(watch: Watch, scored: str, images: tuple[int, int], request: StopRequest) -> None:
    """Show how many images are scored; a signal ends scoring at once, as it is repeated as a whole."""
    watch(scored, *images, 0.0)
    if request.number is not None:
        name = signal.Signals(request.number).name
        raise Interrupted(f"stopped by {name} while scoring {scored}; the weights are saved", request.number)
