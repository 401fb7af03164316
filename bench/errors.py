"""What can go wrong for a user, one class an exit code.

0 done; 1 our bug; 2 usage; 3 refused input; 4 measured but not valid, or nothing measured;
5 regression found; 130/143 interrupted after a checkpoint.
"""


class BenchError(Exception):
    """An error that is the user's to mend: its message names what was found and what was allowed.

    Parameters
    ----------
    message
        The file or name, what was found, what was allowed.
    then
        What to run or do next; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, then: str | None = None) -> None:
        super().__init__(message)
        self.then = then


class UsageError(BenchError):
    """The command line asks for something that does not exist (exit 2)."""

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


def unknown(kind: str, name: str, have: list[str]) -> UsageError:
    """Build the error for a name that is not there; it lists what is."""
    return UsageError(f"no {kind} '{name}'; have {', '.join(have)}")
