"""Options that take several values after one flag: ``--lambda 0 0.2`` means ``--lambda 0 --lambda 0.2``."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperCommand

from bench.errors import UsageError

_NUMBER = re.compile(r"-\.?[0-9].*", re.DOTALL)


def spread(words: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return the words with a flag before each value, as a parser of repeated options wants them.

    A word that begins with a dash ends a flag's values unless it is a negative number, which is passed on so
    that the command can list the choices.

    Args:
        words: Words after the command's name, as typed; ``--flag=value`` may be followed by more values.
        flags: Flags that take several values.

    Raises:
        UsageError: A flag without a value.
    """
    spelled: list[str] = []
    flag, values = None, 0
    for place, word in enumerate(words):
        if word == "--":
            _require_value(flag, values)
            return [*spelled, *words[place:]]
        if word.startswith("-") and not _NUMBER.fullmatch(word):
            _require_value(flag, values)
            name, equals, value = word.partition("=")
            flag, values = (name if name in flags else None), 0
            if flag is None:
                spelled.append(word)
            elif equals:
                values = 1
                spelled.append(f"{flag}={value}")
        elif flag is None:
            spelled.append(word)
        else:
            values += 1
            spelled.append(f"{flag}={word}")
    _require_value(flag, values)
    return spelled


def _require_value(flag: str | None, values: int) -> None:
    if flag is not None and not values:
        raise UsageError(f"{flag} has no value; give one or more, e.g. {flag} A B C")


class SpreadCommand(TyperCommand):
    """A command whose repeatable options take several values after one flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give each value its flag, then parse as usual."""
        flags = {name for parameter in self.params if _is_repeatable(parameter) for name in parameter.opts}
        return super().parse_args(ctx, spread(args, flags))


def _is_repeatable(parameter: Any) -> bool:
    return bool(getattr(parameter, "multiple", False))
