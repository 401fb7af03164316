"""``carnet-bench publish``: a run's final weights, added to the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import FolderHome, Json
from bench.cli.output import print_json


def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's folder.")],
    home: FolderHome = Path(),
    as_json: Json = False,
) -> None:
    """Add a run's final weights to results/weights.

    The file is named after the training record and listed in results/weights/README.md.

    \b
    Example:
      carnet-bench publish runs/camvid-quick-0123456789ab
    """  # noqa: D301
    from bench.train.publish import publish as publish_weights

    path = publish_weights(run, home)
    if as_json:
        print_json({"weights": str(path)})
    else:
        typer.echo(str(path))
