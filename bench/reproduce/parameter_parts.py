"""Fig. 7: the parameters of CARNet's components in its four versions, counted at 150 classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.cost.kept import kept_costs
from bench.paper import Cell, load_table
from bench.reproduce.verdict.counts import judge_count
from bench.reproduce.verdict.words import Verdict, tally

NAME = "fig7"
CAPTION = "Parameters of CARNet's components, 150 classes"
VERSIONS = ("carnet-resnet152", "carnet-resnet101", "carnet-resnet50", "carnet-mobile")
PARTS = {"bs": "BS", "carmodule": "CARModule", "crp": "CRP", "others": "Others"}
"""Components by the name under which they are counted, with the paper's."""
CLASSES = 150
"""ADE20K's: with them the counts are those that the text gives."""

_ALL_RESNETS = "carnet-resnet*"


@dataclass(frozen=True)
class Part:
    """One bar of the figure.

    Attributes:
        row, title: Registry name and title of the version.
        part: A key of `PARTS`.
        params_m: Learnable numbers in 1e6, those that run in training only among them.
        printed: What Section IV.E.1 says of it, or None; the figure's own bars carry no numbers.
        found: Verdict on the printed number, None without one.
    """

    row: str
    title: str
    part: str
    params_m: float
    printed: Cell | None
    found: Verdict | None

    def as_json(self) -> dict[str, Any]:
        """Return the bar as ``reproduce fig7 --json`` prints it."""
        return {
            "row": self.row,
            "column": self.part,
            "printed": None if self.printed is None else self.printed.printed,
            "measured": self.params_m,
            "unit": "M",
            "verdict": None if self.found is None else self.found.verdict,
            "note": None if self.found is None else self.found.note,
        }


def count_parts(
    methods: Mapping[str, Method] = METHODS, progress: Callable[[str, int, int], None] = lambda *_: None
) -> tuple[Part, ...]:
    """Count every bar of the figure and judge those that the text gives a number for.

    Args:
        methods: By registry name.
        progress: Told the version in work, the versions done and the versions in all.

    Raises:
        NotMeasured, RefusedInput: A version cannot be counted; ``results/paper/text.csv`` is damaged.
    """
    printed = {(cell.row, cell.column): cell for cell in load_table("text")}
    found = []
    for done, row in enumerate(VERSIONS):
        progress(row, done, len(VERSIONS))
        method = methods[row]
        costs = kept_costs(method, CLASSES, which=("params_m",))
        for part in PARTS:
            params_m = costs.components[part].params_m or 0.0
            cell = printed.get((row, f"{part}_params"))
            if cell is None and row.startswith(_ALL_RESNETS.removesuffix("*")):
                cell = printed.get((_ALL_RESNETS, f"{part}_params"))
            verdict = None if cell is None else judge_count(params_m, cell.printed, cell.unit)
            found.append(Part(row, method.title, part, params_m, cell, verdict))
    progress("", len(VERSIONS), len(VERSIONS))
    return tuple(found)


def summary(parts: Iterable[Part]) -> dict[str, int]:
    """Return how often each verdict occurs among the printed numbers."""
    return tally([one.found.verdict for one in parts if one.found is not None])


def as_json(parts: Iterable[Part]) -> dict[str, Any]:
    """Return the document of ``reproduce fig7 --json``."""
    bars = tuple(parts)
    return {"table": NAME, "cells": [one.as_json() for one in bars], "summary": summary(bars)}
