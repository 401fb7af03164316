"""The baseline file: counts, golden outputs, accuracy records and speed ratios of one tree, as one JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bench.errors import RefusedInput
from bench.files import write_atomic
from bench.gate.fingerprint import from_dict
from bench.results.plain_json import fault, strict_json

SCHEMA = 1
NAME = Path("results") / "baseline.json"
"""Path of the committed file below the home folder."""

_STRICT = ConfigDict(strict=True, extra="forbid")
_WRITE = "write one with `carnet-bench check --update`"


@dataclass(frozen=True)
class Baseline:
    """What a tree is compared with.

    Attributes:
        commit: Commit of the tree that made it, followed by ``+`` if the code had uncommitted changes; None
            outside a repository.
        conditions: Conditions of the golden outputs (``bench.gate.golden.conditions``).
        methods: Counts and golden output by method (``bench.gate.measuring``).
        accuracy: Scores by record id (``bench.gate.accuracy``).
        speed: Ratios to the reference workload with their conditions (``bench.gate.ratios``); None: not
            measured.
    """

    commit: str | None
    conditions: dict[str, Any]
    methods: dict[str, dict[str, Any]]
    accuracy: dict[str, dict[str, Any]]
    speed: dict[str, Any] | None


class _Measured(BaseModel):
    model_config = _STRICT
    counts: dict[str, int | None] = {}
    golden: Annotated[dict[str, Any], AfterValidator(from_dict)] = {}
    failed: dict[str, str] = {}


class _Scored(BaseModel):
    model_config = _STRICT
    run: str
    title: str
    miou: Annotated[float, Field(ge=0.0, le=1.0)]
    weights_sha256: str
    matrices_sha256: str | None


class _Ratios(BaseModel):
    model_config = _STRICT
    ratios: list[Annotated[float, Field(gt=0.0, lt=1e6)]]
    reasons: list[str] = []


class _Timed(BaseModel):
    model_config = _STRICT
    conditions: dict[str, Any]
    models: dict[str, _Ratios]


class _Document(BaseModel):
    model_config = _STRICT
    version: int = Field(alias="schema")
    commit: str | None
    conditions: dict[str, Any]
    methods: dict[str, _Measured]
    accuracy: dict[str, _Scored]
    speed: _Timed | None


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

    Raises:
        RefusedInput: No such file, not JSON, NaN, another schema, keys or types that are not a baseline's.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise RefusedInput(f"{path}: cannot read ({said})", then=_WRITE) from error
    try:
        document = strict_json(text)
        _Document.model_validate(document)
    except ValidationError as error:
        raise RefusedInput(f"{path}: not a baseline: {fault(error)}", then=_WRITE) from error
    except (ValueError, RecursionError) as error:
        raise RefusedInput(f"{path}: not a baseline ({error})", then=_WRITE) from error
    if document["schema"] != SCHEMA:
        raise RefusedInput(f"{path}: schema {document['schema']!r}; this version reads {SCHEMA}", then=_WRITE)
    del document["schema"]
    return Baseline(**document)


def _pretty(value: Any, depth: int) -> str:
    """Return JSON with a line for each key, and lists of plain values on one line."""
    inner = "  " * (depth + 1)
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(key)}: {_pretty(item, depth + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
    return json.dumps(value, allow_nan=False)
