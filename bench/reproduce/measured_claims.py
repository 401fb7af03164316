"""The paper's claims judged by what is counted and measured here, in true units.

Operations are multiply-adds, parameters are learnable numbers that run at inference: a file size printed
under "Params", or operations in a source's own unit, are replaced by the count. No accuracy on the paper's
data is measured here, so a claim on costs at an accuracy takes the printed accuracies.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache, partial
from pathlib import Path

from baselines.method import Method
from bench.cost.costs import Costs
from bench.cost.kept import kept_costs
from bench.data.catalogue import entry
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.differences import Difference
from bench.paper import Cell, load_table
from bench.paper.ledger import PaperClaim
from bench.paper.studies import PANELS
from bench.reproduce.cost_cells import COMPONENTS, RowCosts
from bench.reproduce.feature_claims import judge_ranges
from bench.reproduce.gain_order import gain_over_gain
from bench.reproduce.printed_claims import cell_of, cells_of, column, dominating, truth
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_records import AblationRecords
from bench.reproduce.study_result import Panel, combined
from bench.reproduce.table_result import Result
from bench.reproduce.time_choice import Times
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import judge_difference
from bench.reproduce.verdict.consistency import Number
from bench.reproduce.verdict.counts import judge_count
from bench.reproduce.verdict.plausibility import Work

_ANY_RESNET = "carnet-resnet50"
"""Stands for ``carnet-*`` and ``carnet-resnet*``, whose decoders are the same."""
_AT_EIGHTH = "car_modules.2"
"""The CARModule at 1/8 of the input, whose cost Section I prints."""
_COUNTED_HW, _COUNTED_CLASSES = (512, 1024), 19
_TEXT_PARTS = {
    "bs_params": "bs",
    "carmodule_params": "carmodule",
    "crp_params": "crp",
    "others_params": "others",
}


class MeasuredNumbers:
    """What is counted and measured here, for the expressions of claims.

    Args:
        home: Holds ``results/records``.
        methods: By registry name.
    """

    def __init__(self, home: Path, methods: Mapping[str, Method]) -> None:
        self._methods, self._home = methods, home
        self._costs = cache(partial(self._counted, ("gmacs", "params_m")))
        self._printed_costs = cache(partial(self._counted, ("thop2019_gops",)))
        self._study = cache(lambda name: reproduce_study(name, home, methods))
        self._ablations = cache(lambda: AblationRecords(home, methods))
        self._times = cache(lambda: Times(home, methods))
        self._seen: list[str] = []
        self.functions = {
            "count": self._agrees,
            "parameters": self._are_parameters,
            "larger": lambda number: sum(other > number for other in self._column(number).values()),
            "smaller": lambda number: sum(other < number for other in self._column(number).values()),
            "undominated": self._undominated,
            "gmacs": self._gmacs,
            "time_ratio": self._time_ratio,
            "gain": self._gain,
            "gain_over": self._gain_over,
            "exceeds": self._exceeds,
            "statement": self._statement,
            "value_range": self._value_range,
            "all_of": lambda *verdicts: combined(verdicts),
            "splits": lambda data, split: (entry(data).expected or {})[split],
            "classes": lambda data: len(entry(data).classes),
        }

    def judge(self, claim: PaperClaim) -> tuple[v.Word, str]:
        """Return the verdict on a claim, and the numbers it rests on or what it would take.

        Raises:
            RefusedInput: An expression of the ledger is wrong; the message names the claim.
        """
        if claim.measured is None:
            return v.NOT_MEASURED, claim.needs or ""
        self._seen = []
        try:
            names = {name: self._number(found[0]) for name, found in cells_of(claim).items()}
            found = truth(claim, claim.measured, names, self.functions)
        except NotMeasured as error:
            return v.NOT_MEASURED, str(error)
        shown = [
            f"{cell_of(number).place} {number.value:.4g} {_unit(cell_of(number))}"
            for number in names.values()
            if number.value == number.value
        ]
        word = found if isinstance(found, v.Word) else v.REPRODUCED if found else v.CONTRADICTED
        return word, ", ".join(self._seen or shown)

    def work(self, table: str) -> dict[str, Work]:
        """Return what each printed time of a table asks of its card, by row, where it is counted."""
        found = {}
        for cell in load_table(table):
            if cell.column == "time" and cell.row in self._methods:
                try:
                    costs = self._costs(*self._case(cell))
                except (NotMeasured, RefusedInput):
                    continue
                counts = RowCosts(costs).counts_of("flops")
                if counts is not None and counts.gmacs is not None:
                    found[cell.row] = Work(counts.gmacs, costs.inference_params_m)
        return found

    def judge_cell(self, cell: Cell) -> Result:
        """Judge a number of the running text by counting; its accuracies and times are not measured."""
        if cell.column in ("time", "fps", "miou"):
            return Result(cell, None, v.NOT_MEASURED, "quoted from another paper")
        value = self._in_printed_unit(cell)
        if value is None:
            return Result(cell, None, v.NOT_MEASURED, "not counted")
        found = judge_count(value, cell.printed, cell.unit)
        return Result(cell, value, found.verdict, found.note, fitted=found.verdict != v.OFF)

    def _number(self, cell: Cell) -> Number:
        """Return the true number of a cell; NaN for one that no expression on counts may use."""
        value = self._value(cell)
        return Number.exact(float("nan") if value is None else value, cell)

    def _value(self, cell: Cell) -> float | None:
        name = cell.column
        if name in ("time", "fps", "miou"):
            return None
        costs = self._costs(*self._case(cell))
        if name == "params":
            return costs.inference_params_m
        if cell.table == "text" and name not in COMPONENTS:
            return self._of_text(name, costs)
        counts = RowCosts(costs).counts_of(name)
        return None if counts is None else counts.gmacs

    def _of_text(self, name: str, costs: Costs) -> float | None:
        """Return a number that only the running text prints, in its unit."""
        parts = {component: counts.params_m or 0.0 for component, counts in costs.components.items()}
        if name == "decoder_params":
            return parts["total"] - parts["bs"]
        if name == "carmodule_params_each":
            return parts["carmodule"] / 4
        return self._one_module_mops() if name == "carmodule_flops_each" else parts[_TEXT_PARTS[name]]

    def _case(self, cell: Cell) -> tuple[str, int, tuple[int, int]]:
        method = self._methods[_ANY_RESNET if cell.row.endswith("*") else cell.row]
        size_hw = cell.size_hw or (_COUNTED_HW if method.family == "carnet" else method.size_hw)
        return method.name, cell.classes or _COUNTED_CLASSES, size_hw

    def _counted(self, which: tuple[str, ...], name: str, classes: int, size_hw: tuple[int, int]) -> Costs:
        return kept_costs(self._methods[name], classes, size_hw, which)

    def _one_module_mops(self) -> float:
        import torch  # noqa: PLC0415 - not wanted where the counts are kept

        from bench.cost.components import inputs_of  # noqa: PLC0415
        from bench.cost.counters import thop2019_ops  # noqa: PLC0415
        from bench.cost.meta import build_on_meta  # noqa: PLC0415

        model, _ = build_on_meta(self._methods[_ANY_RESNET], _COUNTED_CLASSES)
        image = torch.empty(1, 3, *_COUNTED_HW, device="meta")
        given = inputs_of(model, [_AT_EIGHTH], (image,))[_AT_EIGHTH]
        return thop2019_ops(model.get_submodule(_AT_EIGHTH), given, {}) / 1e6

    def _column(self, number: Number) -> dict[str, Number]:
        """Return the true numbers of a printed column, by row; rows that are not counted are left out."""
        found = {}
        for row, printed in column(number).items():
            try:
                found[row] = self._number(cell_of(printed))
            except (NotMeasured, RefusedInput):
                continue
        return {row: one for row, one in found.items() if one.value == one.value}

    def _agrees(self, number: Number) -> bool:
        """Return whether a count is the printed number, in its unit, to one unit of the last digit."""
        cell = cell_of(number)
        value = self._in_printed_unit(cell)
        if value is None:
            raise NotMeasured(f"{cell.row}: {cell.column} is not counted")
        self._seen.append(f"{cell.place} {value:.5g} {cell.unit}")
        return judge_count(value, cell.printed, cell.unit).verdict != v.OFF

    def _in_printed_unit(self, cell: Cell) -> float | None:
        if cell.unit == "thop2019 G":
            costs = self._printed_costs(*self._case(cell))
            counts = costs.components[cell.column] if cell.column in COMPONENTS else costs
            return counts.thop2019_gops
        return self._costs(*self._case(cell)).params_m if cell.column == "params" else self._value(cell)

    def _are_parameters(self, number: Number) -> bool:
        cell = cell_of(number)
        self._seen.append(f"{number.value:.4g} M parameters, printed {cell.printed}")
        return judge_count(number.value, cell.printed, "M").verdict != v.OFF

    def _undominated(self, number: Number) -> bool:
        better = dominating(number, self._column(number))
        self._seen += [f"dominated by {row}: {cost:.4g}, {miou:g} %" for row, (cost, miou) in better.items()]
        self._seen += [] if better else [f"{number.value:.4g}: no other row is as cheap and as accurate"]
        return not better

    def _gmacs(self, row: str, height: int, width: int) -> Number:
        counts = RowCosts(self._costs(row, _COUNTED_CLASSES, (height, width))).counts_of("flops")
        if counts is None or counts.gmacs is None:
            raise NotMeasured(f"{row}: not counted at {height}x{width}")
        self._seen.append(f"{row} at {height}x{width}: {counts.gmacs:.4g} GMAC")
        return Number.exact(counts.gmacs)

    def _time_ratio(self, table: str, slower: str, faster: str, factor: float) -> v.Word:
        times = {cell.row: cell for cell in load_table(table) if cell.column == "time"}
        if faster not in times:
            raise NotMeasured(f"{table} prints no time of {faster}")
        ratio = self._times().ratio(times[slower], times[faster])
        if ratio.ratio is None:
            raise NotMeasured(ratio.note)
        self._seen.append(f"{ratio.ratio:.3g} times, {ratio.low:.3g} to {ratio.high:.3g}, on {ratio.where}")
        return ratio.verdict_on(factor)

    def _panel(self, study: str, backbone: str) -> Panel:
        return next(one for one in self._study(study).panels if one.title == PANELS[backbone])

    def _gain(self, study: str, backbone: str, number: int) -> v.Word:
        panel = self._panel(study, backbone)
        gain = panel.gains[number - 1]
        self._seen.append(f"{gain.label}: {_points(gain.difference)} ({panel.about})")
        return v.Word(gain.verdict)

    def _gain_over(self, study: str, label: str) -> v.Word:
        """Judge the gain of the variant that a figure calls best over one of the others."""
        panel = self._study(study).panels[0]
        gain = next(one for one in panel.gains if one.over == label)
        self._seen.append(f"over {label}: {_points(gain.difference)} ({panel.about})")
        return v.Word(gain.verdict)

    def _exceeds(self, study: str, backbone: str, number: int, other: int) -> v.Word:
        """Judge whether one gain of a study is larger than another."""
        found = gain_over_gain(study, backbone, number, other, self._ablations())
        panel = self._panel(study, backbone)
        larger, smaller = (panel.gains[one - 1].label.rpartition("+")[2] for one in (number, other))
        self._seen.append(f"gain of {larger} less that of {smaller}: {_points(found)} ({panel.about})")
        return judge_difference(found, Decimal("+1")).verdict

    def _value_range(self, data: str, split: str, layer: str) -> v.Word:
        found = judge_ranges(self._home, data, split, layer)
        self._seen.append(found.line)
        return found.verdict

    def _statement(self, study: str) -> v.Word:
        panel = self._study(study).panels[0]
        self._seen.append(panel.statement.note or panel.about)
        return v.Word(panel.statement.verdict)


def _points(difference: Difference | None) -> str:
    if difference is None:
        return "not measured"
    return f"{100 * difference.mean:+.2f} points, {100 * difference.low:+.2f} to {100 * difference.high:+.2f}"


def _unit(cell: Cell) -> str:
    if cell.column in (*COMPONENTS, "flops"):
        return "GMAC"
    return "M operations" if cell.unit == "thop2019 M" else "M parameters"
