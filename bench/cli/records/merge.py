"""``carnet-bench records merge``: unite the records of several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Home, Json
from bench.cli.output import log, print_json
from bench.cli.parsing import stored_home
from bench.cli.progress import watching


def merge_records(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER|URL...",
            parser=stored_home,
            help="Homes of other machines, or their results/records.",
        ),
    ],
    home: Home = Path(),
    as_json: Json = False,
) -> None:
    """Add the records of other machines to this home.

    Every file is checked before it is written, and keeps its id. Nothing is overwritten: where both sides
    hold other values under one id, the record here stays and the other one is named (exit code 3).

    \b
    Example:
      carnet-bench records merge ../machine-b ../machine-c
      carnet-bench records merge /mnt/shared/results/records --home results-of-all
    """  # noqa: D301
    from bench.errors import RefusedInput
    from bench.object_store import shown
    from bench.results.merge import merge

    with watching() as watch:
        merged = merge(folders, home, lambda done, count: watch("records", done, count, 0.0))
    for line in merged.refused:
        log(f"left out: {line}")
    if as_json:
        print_json(
            {
                "added": [str(path) for path in merged.added],
                "present": merged.present,
                "refused": [shown(one) for one in merged.refused],
            }
        )
    else:
        typer.echo(f"{len(merged.added)} records added, {merged.present} were here already")
    if merged.refused:
        raise RefusedInput(
            f"{len(merged.refused)} records left out; they are named above",
            then="measure the same thing again on one machine, or drop the damaged files",
        )
