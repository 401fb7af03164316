"""``carnet-bench curves``: learning curves of the recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import Home, Json
from bench.cli.output import print_json


def curves(
    data: Annotated[str, typer.Option("--data", help="Data set, e.g. camvid.")],
    own: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="FILE.py:FUNCTION", help="A network of your own; may be repeated."),
    ] = None,
    home: Home = Path(),
    as_json: Json = False,
) -> None:
    """Plot the learning curves of recorded runs.

    Validation mIoU and training loss over epochs, from the training records of one data set. Runs of a
    network of your own are shown when --model names its file; the figure is then own-curves-DATA.

    \b
    Example:
      carnet-bench curves --data camvid
      carnet-bench curves --data scenes --model mynet.py:build
    """  # noqa: D301
    from bench.models import resolve
    from bench.report.curves import write_curves

    paths = write_curves(data, home, own=[resolve(name) for name in own or []])
    if as_json:
        print_json({"written": [str(path) for path in paths]})
    else:
        for path in paths:
            typer.echo(str(path))
