"""The last lines of ``reproduce``: what was learnt, in plain words, and the command worth running next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.data.catalogue import is_synthetic
from bench.reproduce.table_result import Reproduction, Result
from bench.results.record import AccuracyRecord

_NAMED = 3
"""Rows without a valid time that are named with the reason."""


def conclusion(found: Reproduction, home: Path, trained: AccuracyRecord | None = None) -> list[str]:
    """Return at most four lines; none where nothing was measured and nothing is left to measure.

    Args:
        found: The judged table.
        home: Project folder, for the command to run next.
        trained: The accuracy record of a training by this command.
    """
    times = {row: result for (row, column), result in found.results.items() if column == "time"}
    invalid = {row: why for row, result in times.items() if (why := _why_invalid(result))}
    untimed = [row for row, result in times.items() if result.measured is None]
    lines = [] if trained is None else [_trained(trained)]
    if times:
        lines.append(f"Timed here: {len(times) - len(untimed)} of {len(times)} rows.{_listed(invalid)}")
    at = "" if home == Path() else f" --home {home}"
    if untimed and not found.form:
        quiet = "; stop other programs first" if invalid else ""
        lines.append(
            f"Worth running next: carnet-bench reproduce {found.table.name} --time{at} "
            f"(rows without a valid time: {len(untimed)}{quiet})"
        )
    elif trained is not None:
        lines.append(
            f"Worth running next: carnet-bench ablate --lambda 0 0.2 0.4{at} "
            "(trains three variants of CARNet with three seeds each and compares them)"
        )
    return lines


def _why_invalid(result: Result) -> str | None:
    _, mark, why = (result.note or "").partition("not valid: ")
    return why if mark and result.measured is None else None


def _listed(invalid: Mapping[str, str]) -> str:
    if not invalid:
        return ""
    named = "; ".join(f"{row} ({why})" for row, why in list(invalid.items())[:_NAMED])
    more = f" and {len(invalid) - _NAMED} more" if len(invalid) > _NAMED else ""
    return f" Not valid: {named}{more}."


def _trained(record: AccuracyRecord) -> str:
    recipe, data = record.identity.run.recipe, record.identity.data
    synthetic = "synthetic " if is_synthetic(data.name) else ""
    return (
        f"Learnt: {recipe.model}, trained for {recipe.epochs} epochs, reaches "
        f"{100 * record.values.miou:.1f} % mIoU on {record.values.images} {synthetic}images of "
        f"{data.name} {data.split} (one seed)."
    )
