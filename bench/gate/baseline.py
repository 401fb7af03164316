"""The baseline file: counts, golden outputs, accuracy records and speed ratios of one tree, as one JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput
from bench.files import write_atomic
from bench.gate.fingerprint import from_dict
from bench.results.record import strict_json

SCHEMA = 1
NAME = Path("results") / "baseline.json"
"""Path of the committed file below the home folder."""

_WRITE = "write one with `carnet-bench check --update`"


@dataclass(frozen=True)
class Baseline:
    """What a tree is compared with.

    Attributes
    ----------
    commit
        Commit of the tree that made it, followed by ``+`` if the code had uncommitted changes; None outside a
        repository.
    conditions
        Conditions of the golden outputs (``bench.gate.golden.conditions``).
    methods
        Counts and golden output by method (``bench.gate.measuring``).
    accuracy
        Scores by record id (``bench.gate.accuracy``).
    speed
        Ratios to the reference workload with their conditions (``bench.gate.ratios``); None: not measured.
    """

    commit: str | None
    conditions: dict[str, Any]
    methods: dict[str, dict[str, Any]]
    accuracy: dict[str, dict[str, Any]]
    speed: dict[str, Any] | None


def to_json(baseline: Baseline) -> str:
    """Return the file's content: methods and records sorted, a list on one line, so that a diff is short."""
    document = {"schema": SCHEMA, **asdict(baseline)}
    document["methods"] = dict(sorted(baseline.methods.items()))
    document["accuracy"] = dict(sorted(baseline.accuracy.items()))
    return _pretty(document, 0) + "\n"


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write the file whole or not at all."""
    write_atomic(path, to_json(baseline))


def read_baseline(path: Path) -> Baseline:
    """Read a baseline strictly.

    Raises
    ------
    RefusedInput
        No such file, not JSON, NaN, another schema, keys or types that are not a baseline's.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise RefusedInput(f"{path}: cannot read ({said})", then=_WRITE) from error
    try:
        document = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise RefusedInput(f"{path}: not a baseline ({error})", then=_WRITE) from error
    wanted: dict[str, type | tuple[type, ...]] = {
        "schema": int,
        "commit": (str, type(None)),
        "conditions": dict,
        "methods": dict,
        "accuracy": dict,
        "speed": (dict, type(None)),
    }
    keys = sorted(document) if isinstance(document, dict) else type(document).__name__
    if keys != sorted(wanted):
        raise RefusedInput(f"{path}: not a baseline: keys {keys}, expected {sorted(wanted)}", then=_WRITE)
    if document["schema"] != SCHEMA:
        raise RefusedInput(f"{path}: schema {document['schema']!r}; this version reads {SCHEMA}", then=_WRITE)
    for name, kind in wanted.items():
        if not isinstance(document[name], kind):
            raise RefusedInput(f"{path}: {name} is a {type(document[name]).__name__}", then=_WRITE)
    for name, method in document["methods"].items():
        _check_method(path, name, method)
    for identifier, record in document["accuracy"].items():
        if not isinstance(record, dict):
            raise RefusedInput(f"{path}: accuracy {identifier} is a {type(record).__name__}", then=_WRITE)
    del document["schema"]
    return Baseline(**document)


def _check_method(path: Path, name: str, method: Any) -> None:
    if not isinstance(method, dict) or not set(method) <= {"counts", "golden", "failed"}:
        raise RefusedInput(f"{path}: {name} is not the measurements of a method", then=_WRITE)
    counts = method.get("counts", {})
    wrong = [key for key, value in counts.items() if not isinstance(value, int | None)]
    if wrong:
        raise RefusedInput(f"{path}: {name}: {wrong[0]} is {counts[wrong[0]]!r}; expected a whole number")
    if "golden" in method:
        try:
            from_dict(method["golden"])
        except (KeyError, TypeError, ValueError) as error:
            raise RefusedInput(
                f"{path}: {name}: golden is not a fingerprint ({error})", then=_WRITE
            ) from error


def _pretty(value: Any, depth: int) -> str:
    """Return JSON with a line for each key, and lists of plain values on one line."""
    inner = "  " * (depth + 1)
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
    return json.dumps(value, allow_nan=False)
