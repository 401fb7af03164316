"""A study of the paper's Section IV.E.3 and 4 as data: levels, differences and statements, each judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.evaluate.differences import Difference, Interval
from bench.paper import Cell
from bench.reproduce.table_result import Result
from bench.reproduce.verdict import words as v
from bench.results.value_types import CurvePoint


@dataclass(frozen=True)
class Level:
    """One variant of a study, measured.

    Attributes:
        label: As the paper calls it, e.g. ``BS+CARModule`` or ``N = 4``.
        cell: The printed mIoU; None in a figure, whose numbers the text does not have.
        interval: Mean mIoU over the seeds, as fractions; None is "not measured".
        seeds, by_seed: Those measured, and the mIoU of each as a fraction.
        records: Ids of their records.
        verdict: On the printed number where there is one, else ``not measured`` or None.
        note: What the verdict leaves unsaid, or None.
    """

    label: str
    cell: Cell | None
    interval: Interval | None
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]
    records: tuple[str, ...]
    verdict: str | None
    note: str | None

    @property
    def result(self) -> Result | None:
        """The printed cell next to what was found, in percent; None where nothing is printed."""
        if self.cell is None or self.verdict is None:
            return None
        measured = None if self.interval is None else 100 * self.interval.mean
        return Result(self.cell, measured, self.verdict, self.note, self.records[0] if self.records else None)

    def as_json(self) -> dict[str, Any]:
        """Return what was measured, in percent."""
        std = None if self.interval is None else self.interval.std
        return {
            "label": self.label,
            **_numbers(self.interval),
            "std": None if std is None else 100 * std,
            "seeds": list(self.seeds),
            "by_seed": [100 * miou for miou in self.by_seed],
            "records": list(self.records),
            "note": self.note,
        }


@dataclass(frozen=True)
class Gain:
    """By how much one variant's mIoU exceeds another's.

    Attributes:
        label, over: Labels of both.
        printed: The paper's, in points of percent, with its sign; None where only the sign is stated, which
            is then +.
        difference: As measured; None is "not measured".
        verdict: ``reproduced``, ``contradicted``, ``not distinguishable`` or ``not measured``.
        among: Verdict among all gains of the statement: ``contradicted`` only where the interval still
            excludes 0 when its level is corrected for their number (Bonferroni).
        note: What the verdict leaves unsaid, or None.
    """

    label: str
    over: str
    printed: str | None
    difference: Difference | None
    verdict: str
    among: str
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the difference in points of percent."""
        return {
            "label": self.label,
            "over": self.over,
            "printed": self.printed,
            **_numbers(self.difference),
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True)
class Statement:
    """What the paper says of a study.

    Attributes:
        text: In our words.
        verdict: Verdict on all the differences it rests on, see `combined`.
        note: Which of them decided, or None.
    """

    text: str
    verdict: str
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the statement."""
        return {"statement": self.text, "verdict": self.verdict, "note": self.note}


@dataclass(frozen=True)
class Panel:
    """The part of a study with one backbone.

    Attributes:
        title: E.g. ``MobileNet-based model``.
        about: On which data and under which recipe it was measured; what the paper measured on.
        levels, gains: In the paper's order.
        statement: What the paper says of it.
        notes: What the records say besides.
    """

    title: str
    about: str
    levels: tuple[Level, ...]
    gains: tuple[Gain, ...]
    statement: Statement
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Probed:
    """What SCLoss learns in a variant, from the training records of its runs.

    Attributes:
        label: Form of SCLoss.
        about: On which data and under which recipe, in words.
        points: The epochs with a probe, of each seed.
    """

    label: str
    about: str
    points: Mapping[int, tuple[CurvePoint, ...]]


@dataclass(frozen=True)
class JudgedStudy:
    """A study, judged.

    Attributes:
        name: ``table5``, ``fig8``, ``fig9`` or ``fig10``.
        heading: E.g. ``Table 5``.
        caption: What it shows, in our words.
        improves: Each gain is over the row before (Table 5), not of the claimed best over every other.
        panels: One a backbone.
        probed: The variants whose training records hold probes of SCLoss; none in most studies.
    """

    name: str
    heading: str
    caption: str
    improves: bool
    panels: tuple[Panel, ...]
    probed: tuple[Probed, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """The printed cells; none for a figure."""
        found = [level.result for panel in self.panels for level in panel.levels]
        return tuple(result for result in found if result is not None)

    @property
    def summary(self) -> dict[str, int]:
        """How often each verdict occurs among the printed cells; among the statements for a figure."""
        verdicts = [result.verdict for result in self.results]
        return v.tally(verdicts or [panel.statement.verdict for panel in self.panels])

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``reproduce --json``."""
        return {
            "table": self.name,
            "cells": [result.as_json() for result in self.results],
            "levels": [_of(panel, level.as_json()) for panel in self.panels for level in panel.levels],
            "differences": [_of(panel, gain.as_json()) for panel in self.panels for gain in panel.gains],
            "statements": [_of(panel, panel.statement.as_json()) for panel in self.panels],
            "measured_on": {panel.title: panel.about for panel in self.panels},
            "summary": self.summary,
        }


def combined(verdicts: Iterable[str]) -> v.Word:
    """Return the verdict on a statement that claims all of some differences to be positive.

    ``contradicted`` when one of them is, ``not measured`` when one is missing, ``reproduced`` when all are,
    else ``not distinguishable``. Of many differences between equal variants one is soon the wrong way by
    chance, but hardly all are the right way: only contradictions need a correction, see `Gain.among`.
    """
    found = set(verdicts)
    if v.CONTRADICTED in found:
        return v.CONTRADICTED
    if v.NOT_MEASURED in found:
        return v.NOT_MEASURED
    return v.REPRODUCED if found == {v.REPRODUCED} else v.NOT_DISTINGUISHABLE


def _of(panel: Panel, document: dict[str, Any]) -> dict[str, Any]:
    return {"panel": panel.title, **document}


def _numbers(found: Interval | Difference | None) -> dict[str, Any]:
    if found is None:
        return {"measured": None, "low": None, "high": None, "unit": "%"}
    return {"measured": 100 * found.mean, "low": 100 * found.low, "high": 100 * found.high, "unit": "%"}
