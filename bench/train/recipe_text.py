"""From the text of a recipe, or of ``--set``, to values that a record can hold."""

from __future__ import annotations

import math
import reprlib
import tomllib
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput, UsageError

_LARGEST_BYTES = 100_000
_DEEPEST = 8
_LARGEST_INTEGER = 2**63 - 1
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 200
_BRIEF.maxlist = _BRIEF.maxtuple = 10


def brief(value: Any) -> str:
    """Return a value as a message shows it, cut where it is long."""
    return _BRIEF.repr(value)


def text_of(path: Path, then: str | None = None) -> str:
    """Return the text of a TOML file, without the mark (BOM) that some editors put at its start.

    Args:
        path: The file.
        then: Next step where there is no such file.

    Raises:
        RefusedInput: No such file, one that cannot be read, that is too large, or that is not UTF-8.
    """
    try:
        if not path.is_file():
            raise RefusedInput(f"{path}: no such file", then)
        if path.stat().st_size > _LARGEST_BYTES:
            raise RefusedInput(f"{path}: {path.stat().st_size} bytes, expected at most {_LARGEST_BYTES}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RefusedInput(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise RefusedInput(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error


def as_table(text: str, source: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises:
        RefusedInput: Not TOML, or nested or long beyond what can be read.
    """
    try:
        return tomllib.loads(text)
    # a number of thousands of digits is a ValueError
    except (ValueError, RecursionError) as error:
        raise RefusedInput(f"{source}: not TOML ({error})") from error


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
