"""What can go wrong for a user, one class an exit code.

0 done; 1 bug in carnet-bench; 2 usage; 3 refused input; 4 measured but not valid, or nothing measured;
5 regression found; 130/143 interrupted after a checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 20_000
"""Characters of a message: a list of tensor names is long, the text of a damaged file may be endless."""


class BenchError(Exception):
    """An error that the user can fix: its message names what was found and what was expected.

    What was found may be anything: the message shows characters that a terminal would obey as text, and is
    cut where it is endless.

    Args:
        message: File or name, what was found, what was expected.
        then: Next step; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, then: str | None = None) -> None:
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]} ... ({len(message)} characters)"
        super().__init__("".join(map(_shown, message)))
        self.then = then


def _shown(character: str) -> str:
    return character if character.isprintable() or character == "\n" else ascii(character)[1:-1]


class UsageError(BenchError):
    """The command line names something that does not exist (exit 2)."""

    exit_code = 2


class RefusedInput(BenchError):  # noqa: N818 - named for what happened, as the exit code is
    """A file, data set, recipe or checkpoint is not acceptable (exit 3)."""

    exit_code = 3


class NotMeasured(BenchError):  # noqa: N818
    """The measurement is not valid, or nothing was measured (exit 4)."""

    exit_code = 4


class RegressionFound(BenchError):  # noqa: N818
    """A gate found a regression (exit 5)."""

    exit_code = 5


class Interrupted(BenchError):  # noqa: N818
    """Stopped by a signal after a checkpoint was written (exit 130 or 143)."""

    def __init__(self, message: str, signal_number: int, then: str | None = None) -> None:
        super().__init__(message, then)
        self.exit_code = 128 + signal_number


class Stopped(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP has come: the command ends wherever it is."""


def unknown(kind: str, name: str, choices: list[str]) -> UsageError:
    """Return the error for an unknown name, with the choices."""
    return UsageError(f"no {kind} '{name}'; choose from {', '.join(choices)}")


def no_file(path: Path) -> str:
    """Return what a path is that is no plain file, for a message."""
    found = "a folder" if path.is_dir() else "not a plain file" if path.exists() else "no such file"
    return f"{path}: {found}" + ("" if found == "no such file" else "; expected a file")
