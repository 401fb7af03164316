"""The options that several commands have, each with one name and one explanation."""

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Folder of results/, reports/ and runs/.")
]
DataHome = Annotated[
    Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Home folder; its data/ is looked in last.")
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="The data set's own folder; beats CARNET_DATA.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads of torch.")]
OwnModel = Annotated[
    str | None, typer.Option("--model", help="path/file.py:build, when the run is of a network of yours.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
