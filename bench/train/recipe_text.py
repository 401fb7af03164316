"""From ``--set key=value`` to values that a record can hold."""

from __future__ import annotations

import math
import tomllib
from typing import Any

from bench.errors import RefusedInput, UsageError
from bench.toml_text import brief

_DEEPEST = 8
_LARGEST_INTEGER = 2**63 - 1


def parse_changes(settings: list[str], **flags: Any) -> dict[str, Any]:
    """Return ``--set key=value`` pairs as a table; the value is TOML, a bare word is a string.

    Args:
        settings: The pairs; each is one key.
        flags: Values of options that stand for a key; None was not given.

    Raises:
        UsageError: A setting without ``=``, with several lines that are more than one value, or a key that is
            given two values.
    """
    pairs = [_pair(setting) for setting in settings]
    changes: dict[str, Any] = {}
    for key, value in [*pairs, *((key, value) for key, value in flags.items() if value is not None)]:
        if changes.setdefault(key, value) != value:
            first = brief(changes[key])
            raise UsageError(f"{key} is given twice: {first} and {brief(value)}; expected one value")
    return changes


def _pair(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not key:
        raise UsageError(f"--set {brief(setting)}: expected key=value")
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        table = {"value": text}
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--set {key}: {brief(text)} cannot be read ({error})") from error
    value = table.pop("value")
    if table or (isinstance(value, str) and "\n" in value):
        raise UsageError(
            f"--set {key}: {len(text.splitlines())} lines, expected one value",
            then="give each KEY=VALUE its own --set, or lines of TOML as a recipe file",
        )
    return key, value


def require_plain(value: Any, where: str, depth: int = 0) -> None:
    """Refuse a value that a record cannot hold as it is.

    Raises:
        RefusedInput: A date or time, a number that is not finite or needs more than 64 bits, text with
            control characters, or tables and lists nested deeper than 8.
    """
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if depth > _DEEPEST:
        raise RefusedInput(f"{where}: nested deeper than {_DEEPEST}")
    for one in inner:
        require_plain(one, where, depth + 1)
    texts = [*value] if isinstance(value, dict) else [value] if isinstance(value, str) else []
    if not all(text.isprintable() for text in texts):
        expected = "printable text"
    elif isinstance(value, float) and not math.isfinite(value):
        expected = "a finite number"
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        expected = f"a number from {-_LARGEST_INTEGER} to {_LARGEST_INTEGER}"
    elif not isinstance(value, dict | list | tuple | str | int | float | None):
        expected = f"a number, text, true, false, a list or a table, not a {type(value).__name__}"
    else:
        return
    raise RefusedInput(f"{where} = {brief(value)}; expected {expected}")
