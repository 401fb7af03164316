"""Train and score what is left of a grid, run after run; every run is resumed where it was stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.errors import Interrupted, NotMeasured
from bench.experiments.grid import Experiment, GridRun
from bench.experiments.grid_cost import Estimates
from bench.experiments.grid_state import DONE, FAILED, TRAINED, Ledger, State
from bench.train.run import Watch, train
from bench.train.score import evaluate_run
from bench.train.stopping import StopRequest, stop_requests

_NEXT = "the same command goes on with this run, at this step; finished runs are not repeated"


@dataclass
class Progress:
    """Where a grid is.

    Attributes
    ----------
    experiment
        The grid.
    states
        Of its runs, in their order.
    unfit
        Why the next run was not begun within the budget; None when nothing was left out for it.
    """

    experiment: Experiment
    states: dict[GridRun, State] = field(default_factory=dict)
    unfit: str | None = None

    def of(self, *statuses: str) -> list[GridRun]:
        """Return the runs in one of these states, in the order in which they are trained."""
        return [run for run, state in self.states.items() if state.status in statuses]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do; a run that diverged is not."""
        return len(self.of(DONE, FAILED)) == len(self.states)


def look(experiment: Experiment, ledger: Ledger) -> Progress:
    """Return where a grid is, without doing anything about it."""
    return Progress(experiment, {run: ledger.state(run) for run in experiment.runs})


def measure_left(progress: Progress, estimates: Estimates, watch: Watch = lambda *_: None) -> None:
    """Measure a few steps of each variant that is left to do and has no step time on record here."""
    to_do = [run for run, state in progress.states.items() if state.status not in (DONE, FAILED)]
    estimates.measure(to_do, lambda done, count: watch("steps", done, count, 0.0))


def execute(
    progress: Progress,
    ledger: Ledger,
    *,
    budget_s: float | None = None,
    watch: Watch = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Do what is left: all variants of a seed before the next seed.

    A run that diverges, or does not fit into memory, is noted and the grid goes on.

    Parameters
    ----------
    progress
        As `look` gives it; kept up to date.
    ledger
        Knows the records, and the settings of the training.
    budget_s
        Seconds from now; the steps that must be measured are in it. A run that does not fit into what is left
        is not begun, nor any after it: the runs that are there stay balanced over the variants. None is no
        limit.
    watch
        Is told ``runs`` done and all, besides what training tells.
    log
        Is told each run's beginning and end.
    clock
        Monotonic seconds.

    Raises
    ------
    Interrupted
        After a checkpoint of the run that was going on.
    UsageError, RefusedInput
        Data, weights or options that no run of the grid can do with.
    """
    started = clock()
    count = len(progress.states)
    estimates = Estimates(ledger)
    if budget_s is not None:
        measure_left(progress, estimates, watch)
    for place, (run, state) in enumerate(list(progress.states.items()), start=1):
        watch("runs", place - 1, count, 0.0)
        if state.status in (DONE, FAILED):
            continue
        if budget_s is not None:
            progress.unfit = _unfit(run, estimates.left_s(run, state), budget_s - (clock() - started))
            if progress.unfit is not None:
                log(progress.unfit)
                return
        log(f"run {place} of {count}: {run.title} ({state})")
        failure = _do(run, state, ledger, watch)
        ledger.reread()
        now = ledger.state(run)
        if failure is not None:
            now = replace(now, status=FAILED, remark=failure)
        progress.states[run] = now
        log(f"  {now}" if now.accuracy is None else f"  mIoU {100 * now.accuracy.values.miou:.2f} %")
    watch("runs", count, count, 0.0)


def _do(run: GridRun, state: State, ledger: Ledger, watch: Watch) -> str | None:
    """Train and score one run; return why it failed, or None."""
    settings, scored = ledger.settings, ledger.scored
    source: Path | None = None
    if state.status == TRAINED and state.training is not None:
        source = ledger.weights(run, state.training)
    try:
        if source is None:
            source = train(run.recipe, settings, watch).folder
        with stop_requests() as request:
            evaluate_run(source, scored, settings, lambda done, n: _shown(watch, scored, (done, n), request))
    except Interrupted as error:
        number = error.exit_code - 128
        raise Interrupted(f"{run.title}: {error}", number, then=_NEXT) from error
    except NotMeasured as error:
        return str(error)
    return None


def _shown(watch: Watch, scored: str, images: tuple[int, int], request: StopRequest) -> None:
    """Show how many images are scored; a signal ends a scoring at once, for it is repeated whole."""
    watch(scored, *images, 0.0)
    if request.number is not None:
        name = signal.Signals(request.number).name
        raise Interrupted(
            f"stopped by {name} while {scored} was scored; the weights are there", request.number
        )


def _unfit(run: GridRun, need_s: float | None, left_s: float) -> str | None:
    if need_s is None:
        return f"not begun: {run.title}; nothing says how long it takes"
    if need_s > left_s:
        return (
            f"not begun: {run.title} needs about {need_s:.0f} s, {max(0.0, left_s):.0f} s of the budget left"
        )
    return None
