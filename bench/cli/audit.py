"""``carnet-bench audit``: whether the published records and tables are what was measured."""

from __future__ import annotations

from pathlib import Path

import typer

from bench.cli.options import Home, Json
from bench.cli.output import print_json
from bench.errors import RefusedInput


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("audit")(audit_home)


def audit_home(home: Home = Path(), as_json: Json = False) -> None:
    """Check every record below HOME/results and make its tables again, byte for byte.

    A record is whole when its name is the digest of what defines it, its content is what was written, and its
    arrays have the digest that it names. A table (1 to 4) is whole when the records and the counts give the
    same file; an edited digit is named with its cell. Exit code 3 when anything is not whole. That a network
    does not answer from memory is checked whenever it is timed.

    \b
    Example:
      carnet-bench audit
      carnet-bench audit --home published --json
    """  # noqa: D301
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from bench.audit import audit

    if not (home / "results").is_dir():
        raise RefusedInput(f"{home / 'results'}: no such folder", then="name a home with --home")
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("records", total=None)
        found = audit(home, lambda what: bar.update(task, description=what))
    if as_json:
        print_json(found.as_json())
    else:
        typer.echo(f"{found.records} records and {found.tables} tables looked at")
        for one in found.damage:
            typer.echo(f"{one.file}: {one.found}")
    if found.damage:
        first = found.damage[0]
        raise RefusedInput(
            f"{len(found.damage)} findings, first: {first.file}: {first.found}",
            then="restore records from version control; make tables again with carnet-bench reproduce",
        )
