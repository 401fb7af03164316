"""The counts of every method, digit by digit: those of the definitions (two counters), then our own."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from baselines.registry import METHODS
from bench.cost.costs import COUNTED, Costs
from bench.cost.count import count_costs

GOLDEN = Path(__file__).parents[1] / "golden"


def rows() -> Iterator[dict[str, str]]:
    for file in sorted((GOLDEN / "baselines").glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            yield from csv.DictReader(lines)


@cache
def counted(method: str, classes: int, height: int, width: int) -> Costs:
    return count_costs(METHODS[method], classes, (height, width), COUNTED)


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id="-".join([*list(row.values())[:6]])) for row in rows()],
)
def test_a_count_equals_its_golden_digits(row: dict[str, str]) -> None:
    costs = counted(row["method"], int(row["classes"]), int(row["height"]), int(row["width"]))
    value = getattr(costs.components[row["component"]], row["quantity"])
    if row["quantity"] == "params_m" and row["component"] in ("total", "network"):
        value -= costs.training_only_m  # the definitions count what runs at inference
    digits = len(row["value"].partition(".")[2])
    assert f"{value:.{digits}f}" == row["value"], row["origin"]


def test_every_method_has_all_four_counts_at_its_own_size() -> None:
    found = {
        (row["method"], int(row["classes"]), int(row["height"]), int(row["width"]), row["quantity"])
        for row in rows()
        if row["component"] == "total"
    }
    wanted = {
        (method.name, method.num_classes, *method.size_hw, quantity)
        for method in METHODS.values()
        if method.loss != "carnet.loss:CARNetLoss"  # those are in carnet_costs.csv
        for quantity in COUNTED
        if quantity != "thop0022_gops"  # that of CARNets alone is another number
    }
    assert sorted(wanted - found) == []
