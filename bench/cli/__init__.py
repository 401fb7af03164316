"""The command line: one file per command, named as the command; no logic, heavy imports late."""

import contextlib
import sys
import traceback
from typing import Annotated

import typer

from bench.cli import (
    ablate,
    audit,
    check,
    cost,
    curves,
    data,
    evaluate,
    export,
    models,
    predict,
    publish,
    records,
    reproduce,
    submit,
    time,
    train,
)
from bench.cli.options import wants_document
from bench.cli.output import stdout_for_documents
from bench.cli.spread import SpreadCommand
from bench.errors import BenchError

HELP = """Benchmark and reproduce real-time semantic segmentation, built around CARNet (IEEE Access 2020).

\b
Example:
  carnet-bench reproduce table1 --data scenes --budget 10m
"""

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
app.command("audit")(audit.audit_home)
app.command("check")(check.check)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("curves")(curves.curves)
app.command("records")(records.records)
app.command("publish")(publish.publish)
app.command("predict")(predict.predict)
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
    """
    try:
        with stdout_for_documents() if wants_document(sys.argv) else contextlib.nullcontext():
            app()
    except BenchError as error:
        _stop(f"error: {error}", error.then, error.exit_code)
    except KeyboardInterrupt:
        # typer turns an interrupt inside a command into 130; this one came from outside a command
        sys.exit(130)
    except Exception:  # anything else is our bug, so the traceback is shown
        traceback.print_exc()
        _stop("error: this is a bug in carnet-bench", "report the command and the lines above", 1)


def _stop(message: str, then: str | None, exit_code: int) -> None:
    print(message, file=sys.stderr)
    if then:
        print(f"next: {then}", file=sys.stderr)
    sys.exit(exit_code)
