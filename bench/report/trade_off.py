"""Fig. 4's axes: printed accuracies against each cost, what was measured here apart, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.reproduce.table_result import Beside, Point, Reproduction

Place = tuple[float, float]


@dataclass(frozen=True)
class CostAxis:
    """One cost of Table 1's methods.

    Attributes:
        name: Short name, part of file names and ids.
        label: What the numbers of the table's rows are, with their unit.
        quantity: What both the table's rows and ``measured`` are, with the unit.
        values: Cost of the table's rows, by registry name.
        more_is_better: A larger number is the better one, as for frames per second.
        measured: Cost of what was measured here, by registry name.
    """

    name: str
    label: str
    quantity: str
    values: Mapping[str, float]
    measured: Mapping[str, float]
    more_is_better: bool = False


def cost_axes(table1: Reproduction) -> tuple[CostAxis, ...]:
    """Return the paper's own axis, and those in true units: parameters, multiply-adds and frame rates."""
    printed = {
        column: {
            row.name: float(cell.value) for row in table1.rows if (cell := row.cells[column]) is not None
        }
        for column in ("params", "fps")
    }
    params = {point.row: point.params_m for point in table1.points}
    gmacs = dict(table1.gmacs) | _beside(table1.beside, "flops", "MAC G")
    rates = {
        row: result.measured
        for (row, column), result in table1.results.items()
        if column == "fps" and result.measured is not None
    } | _beside(table1.beside, "fps", "fps")
    macs = "Multiply-adds at the printed input size (G)"
    fps = "Frames per second"
    return (
        CostAxis("params-printed", "Parameters as printed (M)", "Parameters (M)", printed["params"], params),
        CostAxis("params-true", "True parameters (M)", "Parameters (M)", dict(table1.params_m), params),
        CostAxis("macs", macs, macs, dict(table1.gmacs), gmacs),
        CostAxis("fps", f"{fps} as printed", fps, printed["fps"], rates, more_is_better=True),
    )


def printed_places(axis: CostAxis, table1: Reproduction) -> dict[str, Place]:
    """Return cost and printed mIoU in percent of the rows that have both."""
    cells = {row.name: row.cells["miou"] for row in table1.rows}
    return {
        row: (cost, float(cell.value))
        for row, cost in axis.values.items()
        if (cell := cells[row]) is not None
    }


def measured_places(axis: CostAxis, table1: Reproduction) -> list[tuple[Point, Place]]:
    """Return what was scored here with its cost and mIoU in percent, where the cost is known."""
    return [
        (point, (axis.measured[point.row], point.miou_percent))
        for point in table1.points
        if point.row in axis.measured
    ]


def front(points: Mapping[str, Place], *, more_is_better: bool) -> list[str]:
    """Return the rows that no other beats in both numbers, from the cheapest to the dearest.

    Args:
        points: Cost and accuracy of each row.
        more_is_better: A larger first number is the better one, as for frames per second.
    """
    sign = -1 if more_is_better else 1
    ordered = sorted(points, key=lambda row: (sign * points[row][0], -points[row][1]))
    found: list[str] = []
    for row in ordered:
        if not found or points[row][1] > points[found[-1]][1]:
            found.append(row)
    return found


def _beside(methods: tuple[Beside, ...], column: str, unit: str) -> dict[str, float]:
    return {
        one.name: number.value
        for one in methods
        for number in one.under(column)
        if number.unit == unit and number.value is not None
    }
