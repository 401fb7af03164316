"""The command line: one file per command, named as the command; no logic, heavy imports late."""

import contextlib
import errno
import gc
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import (
    ablate,
    audit,
    check,
    compare,
    cost,
    curves,
    data,
    evaluate,
    export,
    features,
    models,
    predict,
    publish,
    records,
    report,
    reproduce,
    score,
    submit,
    time,
    train,
)
from bench.cli.options import wants_document
from bench.cli.output import stdout_for_documents
from bench.cli.process import Stop, stopped_by_signals, unbroken_streams
from bench.cli.spread import SpreadCommand
from bench.errors import BenchError, Interrupted, NotMeasured, RefusedInput
from bench.object_store import shown

HELP = """Benchmark and reproduce real-time semantic segmentation, built around CARNet (IEEE Access 2020).

\b
Example:
  carnet-bench reproduce table1 --data scenes --budget 10m
"""

_INTERRUPTED = 128 + signal.SIGINT
_OF_THE_SYSTEM = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS),
    *(errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN),
}
"""Refusals that name no file and are nobody's bug: of space, memory, open files and processes."""

_NO_HOME = "/nonexistent"  # the name that Debian's users without a home have
_NO_MEMORY = ("DefaultCPUAllocator", "not enough memory", "out of memory")
_LONGEST_NAME = 200  # characters of a path in a message

app = typer.Typer(
    name="carnet-bench",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from bench import __version__

        print(f"carnet-bench {__version__}")
        raise typer.Exit


@app.callback(help=HELP)
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Take the options that precede any command."""


app.command("reproduce")(reproduce.reproduce)
app.command("ablate", cls=SpreadCommand)(ablate.ablate)
app.command("compare")(compare.compare)
app.command("audit")(audit.audit_home)
app.command("check")(check.check)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("score")(score.score)
app.command("curves")(curves.curves)
app.command("report")(report.report)
app.add_typer(records.group)
app.command("publish")(publish.publish)
app.command("predict")(predict.predict)
app.command("features", cls=SpreadCommand)(features.features)
app.command("submit")(submit.submit)
app.command("time")(time.time_networks)
app.command("export")(export.export)
app.command("cost")(cost.cost)
app.command("models")(models.models)
app.add_typer(data.group)


def main() -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never a traceback.

    With ``--json`` stdout holds one whole document or none. A finding that is itself the result (bad files in
    ``data check``, a timing that is not valid, a count that is missing) is printed before its exit code.
    SIGINT, SIGTERM and SIGHUP end any command with a line and the code that shells give them.
    """
    with unbroken_streams() as out, stopped_by_signals() as stop:
        if out is None:
            code = _failed("error: stdout is closed", "redirect it, e.g. > /dev/null", RefusedInput.exit_code)
        else:
            code = _run(stop)
            out.flush()
            if out.error is not None:
                why = f"error: stdout: cannot write ({out.error.strerror})"
                code = _failed(
                    why, "give it a file or a pipe that takes all of it", code or RefusedInput.exit_code
                )
    # the process ends: without this Python would first look among all records for cycles, twice
    gc.freeze()
    sys.exit(code)


def _run(stop: Stop) -> int:
    """Run the command and return its exit code."""
    try:
        _require_folders()
        with stdout_for_documents() if wants_document(sys.argv) else contextlib.nullcontext():
            app()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        # typer turns an interrupt inside a command into 130
        if stop.number is None and code != _INTERRUPTED:
            return code
    except KeyboardInterrupt:
        pass
    except Exception as error:
        # what a signal broke is not the reason; an end after a checkpoint has its own words
        if stop.number is None or isinstance(error, Interrupted):
            return _explained(error)
    number = stop.number or signal.SIGINT
    return _failed(f"error: stopped by {signal.Signals(number).name}", "rerun the command", 128 + number)


def _require_folders() -> None:
    """Refuse a working folder that is gone; where the system knows no home, name one that does not exist."""
    try:
        Path.cwd()
    except OSError as error:  # torch's libraries would end the process for it
        raise RefusedInput(f"the working folder: {error.strerror}", then="cd to another folder") from error
    try:
        Path.home()
    except RuntimeError:  # in a container; packages ask for it when they are imported
        os.environ["HOME"] = _NO_HOME


def _explained(error: Exception) -> int:
    """Say what ended the command, and return the exit code."""
    if isinstance(error, BenchError):
        return _failed(f"error: {error}", error.then, error.exit_code)
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _OF_THE_SYSTEM):
        name = "the system" if error.filename is None else os.fsdecode(error.filename)
        if len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}... ({len(name)} characters)"
        then = "check the path, its permissions and the free space"
        return _failed(f"error: {name}: {error.strerror or error}", then, RefusedInput.exit_code)
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY):
        then = "take a smaller --size or batch, or stop other programs"
        return _failed(f"error: out of memory ({type(error).__name__})", then, NotMeasured.exit_code)
    traceback.print_exception(error)  # our bug, or a user's module's: that shows where
    return _failed("error: this is a bug in carnet-bench", "report the command and the lines above", 1)


def _failed(message: str, then: str | None, exit_code: int) -> int:
    print(shown(message), file=sys.stderr)
    if then:
        print(f"next: {shown(then)}", file=sys.stderr)
    return exit_code
