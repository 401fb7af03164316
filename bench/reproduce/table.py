"""Tables 1 to 4 of the paper: every printed cell next to what is counted or measured here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import NotMeasured, RefusedInput, unknown
from bench.paper import TABLES, Cell, Row, Table, notes_of, rows
from bench.reproduce.cost_cells import RowCosts, count_row
from bench.reproduce.extra_methods import points_of, set_beside, with_these
from bench.reproduce.record_cells import judge_miou, judge_speed
from bench.reproduce.record_choice import Choice, Records
from bench.reproduce.table_result import Beside, OtherTimes, Point, Reproduction, Result, joined
from bench.reproduce.time_choice import Times
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.counts import round_as
from bench.reproduce.verdict.order import Ranks, judge_ranks
from bench.reproduce.verdict.plausibility import Work, judge_times

REPRODUCIBLE = ("table1", "table2", "table3", "table4")
"""The tables there is a command for."""

FITTED = (
    "The costs of the CARNet rows were the constraints of the search that recovered the architecture, "
    "so their equality is no independent confirmation of it."
)

NO_NETWORK = "no such network"

Progress = Callable[[str, int, int], None]


def check_name(name: str, also: Sequence[str] = ()) -> None:
    """Raise UsageError with the choices, these and ``also``, unless the name is one of them."""
    if name not in (*REPRODUCIBLE, *also):
        raise unknown("table", name, [*REPRODUCIBLE, *also])


def reproduce(
    name: str,
    home: Path,
    methods: Mapping[str, Method] = METHODS,
    progress: Progress = lambda *_: None,
    prefer: Collection[str] = (),
    *,
    beside: Sequence[Method] = (),
    form: str = "",
    machine: str | None = None,
) -> Reproduction:
    """Judge every printed cell of a table: costs are counted now, times and accuracies come from records.

    Args:
        name: One of `REPRODUCIBLE`.
        home: Holds ``results/records``.
        methods: By registry name.
        progress: Told the row in work, the rows done and the rows in all.
        prefer: Ids of records to show before all others.
        beside: Methods that are not in the table, to be measured as its rows are.
        form: Engine and precision of the times to show, as `SpeedIdentity.form` names them; empty is eager
            fp32.
        machine: Part of the name of the machine whose times are shown; None is the one that made the
            preferred records, else this one.

    Raises:
        UsageError: No such table, or no time of such a machine; the message lists the choices.
        RefusedInput: The folder of records cannot be read.
    """
    check_name(name)
    table, printed_rows, tried = TABLES[name], tuple(rows(name)), notes_of(name)
    cells = (row.cells.get("time") for row in printed_rows)
    timed = [(cell.row, cell.size_hw, cell.classes) for cell in cells if cell is not None]
    if timed:
        timed += [(method.name, table.size_hw, table.num_classes) for method in beside]
    known = with_these(methods, beside)
    records = Records(home, known, prefer)
    times = Times(home, known, timed, prefer=prefer, form=form, machine=machine)
    results: dict[tuple[str, str], Result] = {}
    params_m: dict[str, float] = {}
    points: list[Point] = []
    work_of: dict[str, Work] = {}
    steps = len(printed_rows) + len(beside)
    for done, row in enumerate(printed_rows):
        progress(row.name, done, steps)
        method = methods.get(row.name)
        work = _Work(row, method, table, *_costs(row, method), home, records, times)
        if method is not None and work.costs is not None and work.costs.total.params_m is not None:
            params_m[row.name] = work.costs.total.params_m
            points += points_of(method, params_m[row.name], table, records, in_table=True)
        counts = None if work.costs is None else work.costs.counts_of("flops")
        if work.costs is not None and counts is not None and counts.gmacs is not None:
            work_of[row.name] = Work(counts.gmacs, work.costs.total.inference_params_m)
        for column, cell in row.cells.items():
            if cell is not None:
                result = _with_note(_judge(cell, work), tried.get((row.name, column)))
                results[row.name, column] = _labelled(result, method)
    placed: list[Beside] = []
    for done, method in enumerate(beside, start=len(printed_rows)):
        progress(method.name, done, steps)
        placed.append(set_beside(method, table, records, times))
        known_m = placed[-1].params_m
        if known_m is not None:
            points += points_of(method, known_m, table, records, in_table=False)
    progress("", steps, steps)
    shown = [result for (_, column), result in results.items() if column == "time"]
    return Reproduction(
        table,
        printed_rows,
        results,
        (FITTED,) if any(result.fitted for result in results.values()) else (),
        params_m,
        tuple(points),
        frozenset(row.name for row in printed_rows if _is_reconstruction(methods.get(row.name))),
        tuple(placed),
        _ranks(shown, times) if shown else None,
        times.claims(name),
        judge_times(table, [result.cell for result in shown], work_of),
        form,
        str(times.machine) if shown else "",
        _elsewhere(table, printed_rows, methods, times),
        gmacs={row: work.gmacs for row, work in work_of.items()},
    )


def _elsewhere(
    table: Table, printed_rows: Sequence[Row], methods: Mapping[str, Method], times: Times
) -> tuple[OtherTimes, ...]:
    """Judge the times of the other machines."""
    cells = [cell for row in printed_rows for cell in row.cells.values() if cell is not None]
    found = []
    for machine, by_row in times.elsewhere().items():
        results = [
            _labelled(Result(cell, *judge_speed(cell, table, Choice((by_row[cell.row],)))), methods[cell.row])
            for cell in cells
            if cell.column in ("time", "fps") and cell.row in by_row
        ]
        ranks = _ranks([result for result in results if result.cell.column == "time"], times)
        by_place = {(result.cell.row, result.cell.column): result for result in results}
        found.append(OtherTimes(str(machine), by_place, ranks))
    return tuple(found)


def _ranks(shown: Sequence[Result], times: Times) -> Ranks:
    """Judge the order of the times; each is that of the record which its cell shows."""
    printed = {result.cell.row: float(result.cell.value) for result in shown}
    measured = {
        result.cell.row: (result.measured, record)
        for result in shown
        if result.measured is not None and (record := times.record(result.record)) is not None
    }
    return judge_ranks(printed, measured)


@dataclass(frozen=True)
class _Work:
    """A row with what is known of it; ``reason`` says why there are no counts."""

    row: Row
    method: Method | None
    table: Table
    costs: RowCosts | None
    reason: str | None
    home: Path
    records: Records
    times: Times


def _costs(row: Row, method: Method | None) -> tuple[RowCosts | None, str | None]:
    """Return the counts a row needs, or why there are none."""
    if method is None:
        return None, NO_NETWORK
    try:
        return count_row(row, method), None
    except (NotMeasured, RefusedInput) as error:
        return None, str(error)


def _judge(cell: Cell, work: _Work) -> Result:
    if work.method is None:
        return Result(cell, None, v.NOT_MEASURED, NO_NETWORK)
    name = work.row.name
    if cell.column == "miou":
        return Result(cell, *judge_miou(cell, work.table, work.records.accuracy(name, work.table), work.home))
    if cell.column in ("time", "fps"):
        choice = work.times.choose(name, cell.size_hw, cell.classes)
        return Result(cell, *judge_speed(cell, work.table, choice))
    if work.costs is None:
        return Result(cell, None, v.NOT_MEASURED, work.reason)
    measured = work.costs.in_printed_unit(cell)
    if measured is None:
        return Result(cell, None, v.NOT_MEASURED, "; ".join(work.costs.total.notes) or "not counted")
    found = work.costs.judge(cell, measured)
    note = found.note
    if cell.column == "others" and found.verdict == v.OFF:
        note = joined(note, _remainder_note(cell, work.row, work.costs))
    matches = found.verdict in (v.EQUAL, v.WITHIN_ONE_DIGIT)
    return Result(cell, measured, found.verdict, note, fitted=matches and work.method.family == "carnet")


def _remainder_note(cell: Cell, row: Row, costs: RowCosts) -> str | None:
    """Explain Others where the printed value is what the row's other cells, rounded, leave of the total."""
    if costs.total.thop2019_gops is None:
        return None
    total = round_as(costs.total.thop2019_gops, cell.printed)
    rest = [other.value for other in row.cells.values() if other is not None and other.column != cell.column]
    if total - sum(rest) != cell.value:
        return None
    way = " - ".join(str(number) for number in (total, *rest))
    return f"printed is the remainder of the other cells after their rounding: {way} = {cell.printed}"


def _with_note(result: Result, tried: str | None) -> Result:
    """Add what is known of a cell whose number is not reached by counting, once there is a network."""
    return result if result.note == NO_NETWORK else replace(result, note=joined(result.note, tried))


def _is_reconstruction(method: Method | None) -> bool:
    return method is not None and method.reconstruction


def _labelled(result: Result, method: Method | None) -> Result:
    """Mark what is our reconstruction, whatever its numbers say: it is a count of its own in the summary."""
    if not _is_reconstruction(method) or result.verdict == v.NOT_MEASURED:
        return result
    return replace(result, verdict=v.RECONSTRUCTION, note=joined(result.verdict, result.note), fitted=False)
