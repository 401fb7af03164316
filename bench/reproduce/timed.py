"""The time cells of a table on this machine: as many rows as the budget holds, each at its printed size."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.cost.count import count_costs
from bench.errors import NotMeasured, RefusedInput
from bench.models import available
from bench.paper.cells import load_table
from bench.reproduce.affordable import Candidate, Clock, affordable, network_on
from bench.results.store import add_record
from bench.speed.device import measuring_conditions, open_device
from bench.speed.measure import measure_speed
from bench.speed.protocol import Protocol
from bench.speed.roofline import measure_rates
from bench.train.run import Settings

_SAMPLES = 20
"""Of each network: a median with its spread. ``carnet-bench time`` takes 100, which p99 needs."""
_RATE_S = 0.2

Conditions = tuple[tuple[int, int], int]
"""Input size and number of classes: what is timed under the same ones is timed against each other."""


def time_table(
    table: str,
    budget_s: float,
    settings: Settings,
    progress: Callable[[str, float], None] = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
    *,
    clock: Clock = time.monotonic,
) -> None:
    """Time the built rows of a table that the budget holds, and write their records.

    The CARNet rows come first, then the others, those with fewer multiply-adds before those with more. What
    does not fit is named in the log. A measurement that is not valid is written too, with its reasons; the
    table leaves it out.

    Parameters
    ----------
    table
        Of ``bench.paper.cells.TABLES``; one without times is left as it is.
    budget_s
        For everything done here, in seconds.
    settings
        Home, device, threads and command.
    progress
        Is told the stage and the share of it that is done (0..1).
    log
        Is told what was not timed and what was not valid.
    clock
        Monotonic seconds.
    """
    until_s = clock() + budget_s

    def left_s() -> float:
        return until_s - clock()

    for rows in _rows_to_time(table):
        progress("choosing what fits", 0.0)
        device = open_device(settings.device)
        # counted before the conditions: the counters see no operation in inference mode
        candidates = [_counted(row) for row in rows if _in_time(row, left_s(), log)]
        if not candidates:
            continue
        with measuring_conditions(settings.threads):
            rate = measure_rates(device, seconds=_RATE_S).gemm_gmacs_per_s
            chosen, refused = affordable(candidates, left_s, rate, network_on(device), clock)
        for name, reason in refused.items():
            log(f"{name}: not timed, {reason}")
        groups: dict[Conditions, list[Candidate]] = defaultdict(list)
        for one in chosen:
            groups[one.size_hw, one.num_classes].append(one)
        waiting_s = sum(one.need_s for one in chosen)
        for group in groups.values():
            need_s = sum(one.need_s for one in group)
            _time_together(group, left_s() * need_s / waiting_s, settings, progress, log)
            waiting_s -= need_s


def _time_together(
    group: Sequence[Candidate],
    budget_s: float,
    settings: Settings,
    progress: Callable[[str, float], None],
    log: Callable[[str], None],
) -> None:
    try:
        records = measure_speed(
            [one.method for one in group],
            group[0].size_hw,
            num_classes=group[0].num_classes,
            threads=settings.threads,
            device=settings.device,
            protocol=Protocol(samples=_SAMPLES, budget_s=budget_s),
            command=settings.command,
            progress=progress,
        )
    except (NotMeasured, RefusedInput) as error:
        # one network that fails must not take the table's other numbers with it
        log(f"{', '.join(one.method.name for one in group)}: not timed, {error}")
        return
    for record in records:
        add_record(record, settings.home)
        if not record.valid:
            log(f"{record.identity['model']}: time not valid, {'; '.join(record.reasons)}")


def _rows_to_time(table: str) -> tuple[list[Candidate], list[Candidate]]:
    """Return the built methods of a table's time cells: the CARNets, then the others."""
    methods = available()
    carnets: list[Candidate] = []
    others: list[Candidate] = []
    for cell in load_table(table):
        method = methods.get(cell.row)
        if cell.column != "time" or method is None:
            continue
        if cell.size_hw is not None and cell.classes is not None:
            rows = carnets if cell.row.startswith("carnet-") else others
            rows.append(Candidate(method, cell.size_hw, cell.classes))
    return carnets, others


def _in_time(one: Candidate, left_s: float, log: Callable[[str], None]) -> bool:
    if left_s > 0:
        return True
    log(f"{one.method.name}: not timed, no time left")
    return False


def _counted(one: Candidate) -> Candidate:
    try:
        costs = count_costs(one.method, one.num_classes, one.size_hw, ("gmacs",), components=False)
    except (NotMeasured, RefusedInput):
        return one
    return replace(one, gmacs=costs.gmacs)
