"""Counts and golden outputs compared with the baseline's: equal, or a finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.gate.findings import Finding
from bench.gate.fingerprint import TOLERANCE, difference, from_dict

Methods = Mapping[str, Mapping[str, Any]]
"""Measurements by method, see ``bench.gate.measuring``."""
_REMOVED = "no longer a method; one of your own is named with --method FILE.py:FUNCTION"
Conditions = tuple[Mapping[str, Any], Mapping[str, Any]]
"""Conditions of the golden outputs in the baseline and here."""


def compare_methods(
    before: Methods, now: Methods, kinds: Iterable[str], conditions: Conditions
) -> list[Finding]:
    """Compare each method with itself in the baseline; those on one side only are listed.

    Args:
        before, now: Measurements of the baseline and of the tree under test.
        kinds: ``counts``, ``golden`` or both.
        conditions: Conditions of the golden outputs on either side (`bench.gate.golden.conditions`): under
            equal ones the outputs must be bit-identical, else within `TOLERANCE`.
    """
    findings = []
    for kind in kinds:
        for name in [*before, *(name for name in now if name not in before)]:
            if name not in now:
                findings.append(Finding(kind, name, "removed", _REMOVED))
            elif name not in before:
                verdict = "failed" if kind in now[name].get("failed", {}) else "added"
                note = now[name].get("failed", {}).get(kind, "not in the baseline")
                findings.append(Finding(kind, name, verdict, note))
            else:
                findings.append(_compared(kind, name, before[name], now[name], conditions))
    return findings


def _compared(
    kind: str, name: str, before: Mapping[str, Any], now: Mapping[str, Any], conditions: Conditions
) -> Finding:
    if kind in now.get("failed", {}):
        if kind in before:
            return Finding(kind, name, "failed", now["failed"][kind])
        return Finding(kind, name, "not measured", f"fails as in the baseline: {now['failed'][kind]}")
    if kind not in before:
        return Finding(kind, name, "added", "not in the baseline")
    if kind == "counts":
        return _counts(name, before[kind], now[kind])
    return _golden(name, before[kind], now[kind], conditions)


def _counts(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Finding:
    keys = list(dict.fromkeys((*before, *now)))
    changed = {key: (before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)}
    if not changed:
        return Finding("counts", name, "equal")
    note = "; ".join(f"{key} {_from_to(old, new)}" for key, (old, new) in changed.items())
    values = {key: {"before": old, "now": new} for key, (old, new) in changed.items()}
    return Finding("counts", name, "changed", note, values)


def _from_to(old: int | None, new: int | None) -> str:
    if old is None or new is None:
        return f"{'none' if old is None else f'{old:,}'} -> {'none' if new is None else f'{new:,}'}"
    return f"{old:,} -> {new:,} ({new - old:+,})"


def _golden(name: str, before: Mapping[str, Any], now: Mapping[str, Any], conditions: Conditions) -> Finding:
    first, second = from_dict(before), from_dict(now)
    if first.shape != second.shape:
        return Finding("golden", name, "changed", f"shape {list(first.shape)} -> {list(second.shape)}")
    relative = difference(first, second)
    values = {"relative_difference": relative}
    if relative == 0.0 and first == second:
        return Finding("golden", name, "equal", "", values)
    said = f"differs by {relative:.2g} of the largest logit"
    if not unlike(*conditions):
        return Finding("golden", name, "changed", f"{said}; expected bit-identical", values)
    note = f"{said}, at most {TOLERANCE:g} expected"
    return Finding("golden", name, "within tolerance" if relative <= TOLERANCE else "changed", note, values)


def unlike(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words what differs between two sets of conditions; empty when nothing does."""
    return ", ".join(
        f"{key} {before.get(key)} in the baseline, {now.get(key)} here"
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    )
