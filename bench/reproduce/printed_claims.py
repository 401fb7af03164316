"""The paper's claims judged by the paper's own numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.errors import RefusedInput
from bench.paper import TABLES, Cell, load_table
from bench.paper.ledger import NAME, PaperClaim, find_cells
from bench.reproduce.verdict.consistency import InPrint, Number, evaluate
from bench.reproduce.verdict.plausibility import IMPLAUSIBLE, Work, judge_times


def cells_of(claim: PaperClaim) -> dict[str, list[Cell]]:
    """Return the cells a claim rests on, by the name its expressions use.

    Raises:
        RefusedInput: There is no such cell.
    """
    return {name: find_cells(place) for name, place in claim.cells.items()}


def column(number: Number) -> dict[str, Number]:
    """Return the printed column that a number stands in, by row.

    Raises:
        ValueError: The number is no printed cell.
    """
    cell = cell_of(number)
    return {one.row: Number.printed(one) for one in load_table(cell.table) if one.column == cell.column}


def cell_of(number: Number) -> Cell:
    """Return the printed cell that a number is.

    Raises:
        ValueError: It is none.
    """
    if number.cell is None:
        raise ValueError("expected the name of a printed cell")
    return number.cell


def dominating(number: Number, costs: Mapping[str, Number]) -> dict[str, tuple[float, float]]:
    """Return cost and accuracy of the rows with a cost as low and an accuracy as high, one of them better.

    Accuracies are those printed in the number's table; a row that lacks one of the two does not take part.
    """
    cell = cell_of(number)
    scores = {one.row: float(one.value) for one in load_table(cell.table) if one.column == "miou"}
    points = {row: (cost.value, scores[row]) for row, cost in costs.items() if row in scores}
    own_cost, own_score = points[cell.row]
    return {
        row: (cost, score)
        for row, (cost, score) in points.items()
        if cost <= own_cost and score >= own_score and (cost, score) != (own_cost, own_score)
    }


class PrintedNumbers:
    """What expressions on the paper's own numbers may call.

    Args:
        work_of: Returns what each printed time of a table asks of its card, by row.
    """

    def __init__(self, work_of: Callable[[str], Mapping[str, Work]]) -> None:
        self.functions = {
            "larger": lambda number: sum(other > number for other in column(number).values()),
            "smaller": lambda number: sum(other < number for other in column(number).values()),
            "undominated": lambda number: not dominating(number, column(number)),
            "marked": lambda number, mark: mark in cell_of(number).marks,
            "size": lambda number: cell_of(number).input_size,
            "same_everywhere": lambda number: len({one.printed for one in _alike(number)}) == 1,
            "possible": lambda table: not _implausible(table, work_of(table)),
        }

    def judge(self, claim: PaperClaim) -> tuple[InPrint, str]:
        """Return the verdict on a claim, and the numbers it rests on or why it cannot be checked.

        Raises:
            RefusedInput: An expression of the ledger is wrong; the message names the claim.
        """
        if claim.printed is None:
            return InPrint.NOT_CHECKABLE, claim.why or ""
        cells = {name: found[0] for name, found in cells_of(claim).items()}
        names = {name: Number.printed(cell) for name, cell in cells.items()}
        found = truth(claim, claim.printed, names, self.functions)
        shown = ", ".join(f"{cell.place} {cell.printed}" for cell in cells.values())
        return InPrint.CONSISTENT if found else InPrint.INCONSISTENT, shown


def truth(claim: PaperClaim, expression: str, names: Mapping[str, Any], functions: Mapping[str, Any]) -> Any:
    """Evaluate an expression of a claim.

    Raises:
        RefusedInput: It is wrong; the message names file and claim.
    """
    try:
        return evaluate(expression, names, functions)
    except ValueError as error:
        raise RefusedInput(f"{NAME}: claim {claim.id}: {error}") from error


def _alike(number: Number) -> list[Cell]:
    cell = cell_of(number)
    return find_cells(f"{cell.table}/{cell.row}/{cell.column}")


def _implausible(table: str, work: Mapping[str, Work]) -> list[str]:
    """Return the rows whose printed time is too short on every card that the paper's name fits."""
    cells = [cell for cell in load_table(table) if cell.column == "time"]
    times = judge_times(TABLES[table], cells, work)
    return [
        time.row for time in times if time.shares and all(one.verdict == IMPLAUSIBLE for one in time.shares)
    ]
