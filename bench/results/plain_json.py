"""JSON of a record: strict when read, the same bytes whenever it is digested."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from bench.errors import RefusedInput


def canonical(document: Any) -> bytes:
    """Return the JSON that digests are of: sorted keys, no spaces, no NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def plain(value: Any, where: str) -> Any:
    """Return the value as JSON reads it back.

    Raises:
        RefusedInput: What JSON cannot hold, naming where.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str) and not value.isascii() and value != value.encode(errors="replace").decode():
        raise RefusedInput(f"{where} holds half of a character (a lone surrogate); expected text")
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedInput(f"{where} is {value}; expected a finite number, or null when not measured")
        return value
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise RefusedInput(f"{where} has the key {wrong[0]!r}; expected text keys")
        return {plain(key, f"key of {where}"): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise RefusedInput(f"{where} is a {type(value).__name__}; expected a number, text, list, object or null")


def strict_json(text: str | bytes) -> Any:
    """Return a JSON document; a key given twice, NaN or infinity is a ValueError."""
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        duplicate = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {duplicate!r} twice")
    return dict(pairs)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a value")


def fault(error: ValidationError) -> str:
    """Return the first fault in one line: key, what was found and what is expected."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        return f"{key} is a key that this version does not know"
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}"
    found = first["input"]
    shown = repr(found) if isinstance(found, bool | int | float | str) else f"a {type(found).__name__}"
    return f"{key} is {shown[:80]}; expected {first['msg'].removeprefix('Input should be ')}"
