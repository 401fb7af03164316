"""What ``ablate`` and ``compare`` say of a grid alike: the plan of a dry run, and why there is no result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.cli.output import print_json, print_lines
from bench.cli.progress import watching
from bench.errors import NotMeasured

if TYPE_CHECKING:
    from bench.experiments.grid_execution import Progress
    from bench.experiments.grid_state import Ledger


def show_plan(progress: Progress[Any], ledger: Ledger, *, as_json: bool) -> None:
    """Measure a few steps of what has no step time on record, and print what a grid would do."""
    from bench.experiments.grid_cost import Estimates
    from bench.experiments.grid_execution import measure_left
    from bench.experiments.grid_text import plan_document, plan_lines

    estimates = Estimates(ledger)
    with watching() as watch:
        measure_left(progress, estimates, watch)
    if as_json:
        print_json(plan_document(progress, estimates))
    else:
        print_lines(plan_lines(progress, estimates))


def require_results(progress: Progress[Any]) -> None:
    """Refuse a grid without a finished run.

    Raises:
        NotMeasured: No run is finished.
    """
    from bench.experiments.grid_state import DONE

    if not progress.of(DONE):
        then = "give a longer --budget" if progress.unfit else None
        raise NotMeasured("no run is finished, so nothing was measured", then)


def require_no_failure(progress: Progress[Any]) -> None:
    """Refuse, after everything else is shown, a grid with runs that failed.

    Raises:
        NotMeasured: With the number of runs that failed.
    """
    from bench.experiments.grid_state import FAILED

    if failed := progress.of(FAILED):
        raise NotMeasured(f"{len(failed)} of {len(progress.states)} runs failed; they are listed above")
