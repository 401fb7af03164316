"""The counts that a row of a table needs, each in the unit in which the paper prints it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal

from baselines.method import Method
from bench.cost.costs import Costs, Counts
from bench.cost.kept import kept_costs
from bench.errors import NotMeasured, RefusedInput
from bench.paper import Cell, Row, Table
from bench.reproduce.table_result import Measured, joined
from bench.reproduce.verdict.counts import judge_count, judge_file_size, judge_scaled_count
from bench.reproduce.verdict.words import Verdict

COMPONENTS = ("bs", "carmodule", "crp", "others")

_COUNT_OF_UNIT = {
    "thop2019 G": "thop2019_gops",
    "2xMAC G": "gflops",
    "MAC G": "gmacs",
    "GiMAC": "gmacs",
    "M": "params_m",
    "MiB": "params_m",
}
# what a method that the paper does not print is counted in: the rule of the paper's own rows, and what most
# people mean
_UNITS_BESIDE = {"flops": ("thop2019 G", "MAC G"), "params": ("M",)}
_SCALED = "scaled-from-360x640"
_REFERENCE_HW = (360, 640)
_GIBI = 1e9 / 2**30
_BYTES_PER_PARAM = 4  # float32
_WITHOUT_CRF, _CRF = "network", "crf"


@dataclass(frozen=True)
class RowCosts:
    """The counts of one method at its row's size.

    Attributes:
        total: Counts of the whole network and of its components.
        reference_gmacs: 1e9 multiply-adds at 360x640, for a value scaled from there; else None.
    """

    total: Costs
    reference_gmacs: float | None = None

    def in_printed_unit(self, cell: Cell) -> float | None:
        """Return the count of a cell in its printed unit, unrounded; None when it was not counted.

        Operations are the network's, without a conditional random field behind it.
        """
        counts = self.counts_of(cell.column)
        value: float | None = None if counts is None else counts.values()[_COUNT_OF_UNIT[cell.unit]]
        if value is None:
            return None
        if cell.unit == "GiMAC":
            return value * _GIBI
        if cell.unit == "MiB":
            return (value - self.total.training_only_m) * 1e6 * _BYTES_PER_PARAM / 2**20
        return value

    def judge(self, cell: Cell, measured: float) -> Verdict:
        """Judge a count by the rule of its unit."""
        found = self._judge(cell, measured)
        notes = (self._released_note(cell), self._training_note(cell), self.crf_note(cell.column, cell.unit))
        return replace(found, note=joined(found.note, *notes))

    def counts_of(self, column: str) -> Counts | None:
        """Return the counts that a column is about; None for a component that there is not."""
        if column in COMPONENTS:
            return self.total.components.get(column)
        if column == "flops":
            return self.total.components.get(_WITHOUT_CRF, self.total)
        return self.total

    def crf_note(self, column: str, unit: str) -> str | None:
        """Say how much the conditional random field would add to a cost, if the method has one."""
        crf = self.total.components.get(_CRF)
        added = None if crf is None or column != "flops" else crf.values()[_COUNT_OF_UNIT[unit]]
        if added is None:
            return None
        return f"the network without its CRF, whose products would add {added:.4g} {unit}"

    def _released_note(self, cell: Cell) -> str | None:
        """Say what thop itself returns where the paper's count assumes something of the authors' modules."""
        counts = self.counts_of(cell.column)
        released = None if counts is None else counts.thop0022_gops
        if (
            cell.unit != "thop2019 G"
            or counts is None
            or released is None
            or released == counts.thop2019_gops
        ):
            return None
        word = judge_count(released, cell.printed, cell.unit).verdict
        return (
            f"thop 0.0.22 itself returns {released:.3f} G on our modules ({word}); "
            f"counted here as if {self.total.assumed}"
        )

    def _training_note(self, cell: Cell) -> str | None:
        """Give both figures of a network with parts that run in training only."""
        without = self.total.inference_params_m
        if cell.column != "params" or without is None or not self.total.training_only_m:
            return None
        if cell.unit == "MiB":
            return f"{self.total.params_m:.3f} M with the parts that run in training only"
        word = judge_count(without, cell.printed, cell.unit).verdict
        return f"without the parts that run in training only {without:.3f} M ({word})"

    def _judge(self, cell: Cell, measured: float) -> Verdict:
        if cell.unit == "MiB" and self.total.inference_params_m is not None:
            return judge_file_size(self.total.inference_params_m, cell.printed)
        if _SCALED in cell.marks and self.reference_gmacs is not None and cell.size_hw is not None:
            ratio = Decimal(_area(cell.size_hw)) / _area(_REFERENCE_HW)
            return judge_scaled_count(self.reference_gmacs * _GIBI, ratio, cell.printed)
        return judge_count(measured, cell.printed, cell.unit)


def count_row(row: Row, method: Method) -> RowCosts:
    """Count what the cells of a row need, at the size and with the classes that they name.

    Raises:
        NotMeasured, RefusedInput: The network cannot be counted or built.
    """
    cells = [cell for cell in row.cells.values() if cell is not None and cell.unit in _COUNT_OF_UNIT]
    which = {_COUNT_OF_UNIT[cell.unit] for cell in cells}
    if "thop2019_gops" in which and method.family == "carnet":
        which.add("thop0022_gops")
    size_hw, classes = method.size_hw, method.num_classes
    time = row.cells.get("time")
    if time is not None:
        # what a printed time asks of its card, see `bench.reproduce.verdict.plausibility`
        which |= {"gmacs", "params_m"}
    sized = [*cells, *([] if time is None else [time])]
    if sized:
        size_hw, classes = sized[0].size_hw or size_hw, sized[0].classes or classes
    # Table 4 cuts a CARNet; the others are cut only where there is a CRF, which costs no pass of its own
    cut = method.family != "carnet" or any(cell.column in COMPONENTS for cell in cells)
    total = kept_costs(method, classes, size_hw, which, components=cut)
    reference = None
    if any(_SCALED in cell.marks for cell in cells):
        reference = kept_costs(method, classes, _REFERENCE_HW, ("gmacs",), components=False).gmacs
    return RowCosts(total, reference)


def count_beside(method: Method, table: Table) -> tuple[list[Measured], float | None]:
    """Count a method that is not in the table, under the table's columns, at its size and classes.

    Returns:
        The numbers, each with the reason where there is none; and the parameters in 1e6, also of a method
        that does not take the table's size.
    """
    wanted = [
        (column, unit)
        for column in table.columns
        for unit in (("thop2019 G",) if column in COMPONENTS else _UNITS_BESIDE.get(column, ()))
    ]
    total, reason = _costs_beside(method, table, {_COUNT_OF_UNIT[unit] for _, unit in wanted} | {"params_m"})
    costs = RowCosts(total)
    numbers = []
    for column, unit in wanted:
        counts = costs.counts_of(column)
        value = None if counts is None else counts.values()[_COUNT_OF_UNIT[unit]]
        if value is not None:
            note = costs.crf_note(column, unit)
        elif counts is None and reason is None:
            note = "has no such component"
        else:
            note = reason or joined(*total.notes) or "not counted"
        numbers.append(Measured(method.name, column, unit, value, note))
    return numbers, total.params_m


def _costs_beside(method: Method, table: Table, which: Collection[str]) -> tuple[Costs, str | None]:
    """Return the counts at the table's size; where that fails the parameters alone, and why."""
    own_size_hw = method.sizes.fitting(method.size_hw)
    try:
        return kept_costs(method, table.num_classes, table.size_hw or own_size_hw, which), None
    except (NotMeasured, RefusedInput) as error:
        reason = str(error).removeprefix(f"{method.name}: ")
    try:
        return kept_costs(method, table.num_classes, own_size_hw, ("params_m",), components=False), reason
    except (NotMeasured, RefusedInput):
        return Costs(), reason


def _area(size_hw: tuple[int, int]) -> int:
    return size_hw[0] * size_hw[1]
