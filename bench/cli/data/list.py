"""``carnet-bench data list``: the data sets, found here or not."""

from pathlib import Path
from typing import Any

import typer

from bench.cli.options import FolderHome, Json
from bench.cli.output import print_json
from bench.errors import RefusedInput


def list_data(home: FolderHome = Path(), as_json: Json = False) -> None:
    """List the data sets: what is here, where, and how to get the rest.

    \b
    Example:
      carnet-bench data list
    """  # noqa: D301
    from bench.data import catalogue

    rows: list[dict[str, Any]] = []
    for name in catalogue.names():
        entry = catalogue.entry(name)
        synthetic = catalogue.is_synthetic(name)
        folder, problem = None, None
        try:
            folder = None if synthetic else catalogue.find(name, home)
        except RefusedInput as error:  # the others are listed all the same
            problem = str(error)
        rows.append(
            {
                "name": name,
                "title": entry.title,
                "synthetic": synthetic,
                "available": synthetic or folder is not None,
                "folder": None if folder is None else str(folder),
                "problem": problem,
                "how_to_get": entry.how_to_get,
                "terms": entry.terms,
                "fetched_without_registration": [source.file for source in entry.sources],
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "synthetic" if row["synthetic"] else row["folder"] or row["problem"] or "not here"
        typer.echo(f"{row['name']:13}{row['title']}")
        typer.echo(f"{'':13}{state}" + ("" if row["available"] else f": {row['how_to_get']}"))
        if not row["synthetic"]:
            typer.echo(f"{'':13}terms: {row['terms']}")
