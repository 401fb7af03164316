"""``carnet-bench audit``: whether the published records, tables, pages and figures are intact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import FolderHome, Json
from bench.cli.output import log, print_json
from bench.cli.progress import showing
from bench.errors import RefusedInput


def audit_home(
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Read only records whose files have changed; count nothing anew."),
    ] = False,
    home: FolderHome = Path(),
    as_json: Json = False,
) -> None:
    """Check the published records, tables and figures.

    A record is intact when its name is the digest of what defines it, its content is what was written, its
    arrays have the digest that it names, and its values are those of its samples, confusion matrices, curve
    and losses. Each published table, page, figure and caption, and each block of numbers in README.md and
    docs, is rebuilt from the records and compared byte for byte; an edited digit is reported with its cell or
    line. A figure that other versions of matplotlib have drawn is compared by digest and caption. Exit code 3
    on any finding.

    --quick trusts what was read before: a record is read again only where its file's size, times or inode
    changed, its values are not recomputed, and counts and figures that are kept are not made anew. Tables,
    pages and figures are rebuilt and compared all the same.

    \b
    Example:
      carnet-bench audit
      carnet-bench audit --quick
      carnet-bench audit --home published --json
    """  # noqa: D301
    from bench.audit import audit
    from bench.heap import few_collections

    if not (home / "results").is_dir():
        raise RefusedInput(f"{home / 'results'}: no such folder", then="name the project folder with --home")
    with few_collections(), showing() as tell:
        found = audit(home, lambda what: tell("audit", 0, None, stage=f"auditing {what}"), quick=quick)
    for note in found.notes:
        log(note)
    if as_json:
        print_json(found.as_json())
    else:
        typer.echo(f"{found.records} records and {found.tables} tables checked")
        for one in found.damage:
            typer.echo(f"{one.file}: {one.found}")
    if found.damage:
        first = found.damage[0]
        raise RefusedInput(
            f"{len(found.damage)} findings, first: {first.file}: {first.found}",
            then="restore records from version control; rebuild tables with carnet-bench reproduce",
        )
