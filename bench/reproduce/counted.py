"""The counts that a row of a table needs, each in the unit in which the paper prints it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from baselines.registry import Method
from bench.cost.costs import Costs
from bench.paper import Cell, Row
from bench.reproduce.verdict import Verdict, judge_count, judge_file_size, judge_scaled_count

COMPONENTS = ("bs", "carmodule", "crp", "others")

_COUNT_OF_UNIT = {
    "thop2019 G": "thop2019_gops",
    "2xMAC G": "gflops",
    "MAC G": "gmacs",
    "GiMAC": "gmacs",
    "M": "params_m",
    "MiB": "params_m",
}
_SCALED = "scaled-from-360x640"
_REFERENCE_HW = (360, 640)
_GIBI = 1e9 / 2**30
_BYTES_A_PARAM = 4  # float32


@dataclass(frozen=True)
class RowCosts:
    """The counts of one method at its row's size.

    Attributes
    ----------
    total
        Of the whole network and of its components.
    reference_gmacs
        1e9 multiply-adds at 360x640, for a print that was scaled from there; else None.
    """

    total: Costs
    reference_gmacs: float | None = None

    def in_printed_unit(self, cell: Cell) -> float | None:
        """Return the count of a cell in its printed unit, unrounded; None when it was not counted."""
        counts = self.total.components.get(cell.column) if cell.column in COMPONENTS else self.total
        value: float | None = None if counts is None else counts.values()[_COUNT_OF_UNIT[cell.unit]]
        if value is None:
            return None
        if cell.unit == "GiMAC":
            return value * _GIBI
        if cell.unit == "MiB":
            return value * 1e6 * _BYTES_A_PARAM / 2**20
        return value

    def judge(self, cell: Cell, measured: float) -> Verdict:
        """Judge a count by the rule of its unit."""
        if cell.unit == "MiB" and self.total.params_m is not None:
            return judge_file_size(self.total.params_m, cell.printed)
        if _SCALED in cell.marks and self.reference_gmacs is not None and cell.size_hw is not None:
            ratio = Decimal(_area(cell.size_hw)) / _area(_REFERENCE_HW)
            return judge_scaled_count(self.reference_gmacs * _GIBI, ratio, cell.printed)
        return judge_count(measured, cell.printed, cell.unit)


def count_row(row: Row, method: Method) -> RowCosts:
    """Count what the cells of a row need, at the size and with the classes that they name.

    Raises
    ------
    NotMeasured, RefusedInput
        The network cannot be counted or built.
    """
    from bench.cost.count import count_costs  # noqa: PLC0415 - imports torch, which a table of dashes does not need

    cells = [cell for cell in row.cells.values() if cell is not None and cell.unit in _COUNT_OF_UNIT]
    which = {_COUNT_OF_UNIT[cell.unit] for cell in cells}
    size_hw, classes = method.size_hw, 19
    if cells:
        size_hw, classes = cells[0].size_hw or size_hw, cells[0].classes or classes
    components = any(cell.column in COMPONENTS for cell in cells)
    total = count_costs(method, classes, size_hw, which, components=components)
    reference = None
    if any(_SCALED in cell.marks for cell in cells):
        reference = count_costs(method, classes, _REFERENCE_HW, ("gmacs",), components=False).gmacs
    return RowCosts(total, reference)


def _area(size_hw: tuple[int, int]) -> int:
    return size_hw[0] * size_hw[1]
