"""Ratios of times that the paper's tables claim."""

from __future__ import annotations

PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "table2": tuple((f"lwrf-{name}", f"carnet-{name}") for name in ("resnet50", "resnet101", "resnet152"))
}
"""By table: the slower row and the faster one of each claim. Section IV.C calls the operations of these rows
comparable, and Table 2 prints times that differ by 1.8 to 2 times."""

CLAIMS = {
    "table2": "The paper calls the operations of these rows comparable and prints times that differ by 1.8 "
    "to 2 times. Its LWRF times are those that the LWRF authors publish, taken with an older software stack; "
    "here both are timed in one run, round by round."
}
"""By table: how its claimed ratios came about."""


def partners(table: str, row: str) -> tuple[str, ...]:
    """Return the rows that a row's time is claimed to differ from, which must be timed in the same run."""
    return tuple(other for pair in PAIRS.get(table, ()) if row in pair for other in pair if other != row)
