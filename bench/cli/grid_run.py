"""How ``ablate`` and ``compare`` train their grids: run after run here, or as tasks of Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.cli.output import log
from bench.cli.progress import showing, watching
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.experiments.grid_execution import Progress
    from bench.experiments.grid_state import Ledger


def require_cluster(cluster: str | None, address: str | None) -> None:
    """Refuse, before any work, a cluster that cannot be used.

    Raises:
        UsageError: An address without ``--cluster``, or of another kind; Ray is not installed.
    """
    if cluster is None:
        if address is not None:
            raise UsageError("--address needs --cluster ray", then="add --cluster ray, or drop --address")
        return
    from bench.experiments.grid_on_ray import require_ray

    require_ray(address)


def train_grid(
    progress: Progress[Any],
    ledger: Ledger,
    *,
    cluster: str | None,
    address: str | None,
    budget_s: float | None,
) -> None:
    """Train and score what is left of a grid."""
    if cluster is None:
        from bench.experiments.grid_execution import execute

        with watching() as watch:
            execute(progress, ledger, budget_s=budget_s, watch=watch, log=log)
        return
    from bench.experiments.grid_on_ray import execute_on_ray

    with showing(keep=True) as tell:
        execute_on_ray(
            progress,
            ledger,
            address,
            budget_s=budget_s,
            watch=lambda stage, done, total, _: tell(stage, done, total),
            show=lambda share, states: tell("grid", share, 1.0, note=states),
            log=log,
        )
