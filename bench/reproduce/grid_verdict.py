"""What Table 5 prints for the difference of two variants that a grid has compared, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.evaluate.differences import Difference
from bench.paper import rows
from bench.paper.studies import table5_variants
from bench.paper.variant import Variant
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.accuracy import judge_difference


@dataclass(frozen=True)
class PrintedDifference:
    """A printed difference and the verdict on its sign.

    Attributes:
        percent: In points of percent.
        verdict, note: As `bench.reproduce.verdict.accuracy.judge_difference` gives them.
    """

    percent: Decimal
    verdict: str
    note: str | None

    @property
    def line(self) -> str:
        """Both in one line."""
        return f"the paper {self.percent:+} on nyudv2: {self.verdict}{f' ({self.note})' if self.note else ''}"


def judge_grid_difference(
    first: Variant, second: Variant, found: Difference | None
) -> PrintedDifference | None:
    """Judge the measured difference, second less first; None where the paper prints none."""
    printed = printed_difference(first, second)
    if printed is None:
        return None
    judged = v.Verdict(v.NOT_MEASURED) if found is None else judge_difference(found, printed)
    return PrintedDifference(printed, judged.verdict, judged.note)


def as_json(judged: PrintedDifference | None) -> dict[str, Any]:
    """Return what ``ablate --json`` adds to a variant."""
    return {
        "printed_difference_percent": None if judged is None else float(judged.percent),
        "verdict": None if judged is None else judged.verdict,
    }


def printed_difference(first: Variant, second: Variant) -> Decimal | None:
    """Return the points of percent by which Table 5 prints the second above the first, or None."""
    printed = _printed(first.backbone) if first.backbone == second.backbone else {}
    if first not in printed or second not in printed:
        return None
    return printed[second] - printed[first]


def _printed(backbone: str) -> dict[Variant, Decimal]:
    found = [row.cells["miou"] for row in rows("table5") if row.name.endswith(f"-{backbone}")]
    cells = [cell for cell in found if cell is not None]
    labelled = table5_variants(backbone) if cells else []
    return {variant: Decimal(cell.value) for (_, variant), cell in zip(labelled, cells, strict=True)}
