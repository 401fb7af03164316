"""From a TOML file that a user wrote to its table; whatever is not one is refused by name."""

from __future__ import annotations

import reprlib
import tomllib
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput, no_file

_LARGEST_BYTES = 100_000
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
            raise RefusedInput(no_file(path), then)
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
