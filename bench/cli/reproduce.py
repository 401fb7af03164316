"""``carnet-bench reproduce``: a table of the paper, printed beside measured, with a verdict on every cell."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.cli.output import log, print_json
from bench.cli.parsing import parse_duration
from bench.cli.progress import timing, watching
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.train.run import Settings

_TABLE_S = 20.0
"""What counting and drawing a table takes at most, start of Python included."""

_BESIDE_S = 2.0
"""The same for each method beside the table."""

_TIMED_SHARE = 0.2
"""Of the rest of the budget, when the table has times; a training step tells more by running longer."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("reproduce")(reproduce)


def reproduce(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="table1, table2, table3 or table4.")],
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Set this beside the table: path/file.py:build, or a name of `models`; may be repeated.",
        ),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Set the modern peers beside the table; none is in the paper.")
    ] = False,
    data: Annotated[
        str | None, typer.Option("--data", help="Train and evaluate on this data set first; needs --budget.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option("--budget", help="Time for the whole command, e.g. 90s, 10m or 1h; needs --data."),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option("--data-root", help="The data set's own folder; beats CARNET_DATA.")
    ] = None,
    weights_file: Annotated[
        Path | None, typer.Option("--weights-file", help="For --data: the encoder's weights, safetensors.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="For --data: auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="For --data: CPU threads of torch.")
    ] = None,
    home: Annotated[
        Path,
        typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Folder of results/, reports/ and runs/."),
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Print a table of the paper beside what is counted and measured here, with a verdict on every cell.

    Costs are counted now. Times and accuracies come from the records in HOME/results/records; with --data
    and --budget a network is trained and evaluated first. Written are HOME/results/tables/TABLE.csv,
    HOME/reports/TABLE.md and, for table1, HOME/reports/pareto.png and .svg.

    Networks given by --model, installed ones (entry points carnet_bench.models) and --peers stand in a
    section of their own below, measured at the table's size and classes.

    \b
    Example:
      carnet-bench reproduce table4
      carnet-bench reproduce table1 --peers --model mynet.py:build
      carnet-bench reproduce table1 --data scenes --budget 10m
      carnet-bench reproduce table1 --json > table1.json
    """  # noqa: D301
    from bench.report.terminal import terminal_tables
    from bench.report.write import write_report
    from bench.reproduce.beside import methods_beside
    from bench.reproduce.tables import check_name
    from bench.reproduce.tables import reproduce as judge

    check_name(table)
    beside = methods_beside(table, own or [], peers=peers)
    measured = None
    if data is not None or budget is not None:
        budget_s = _budget_s(data, budget)
        from bench.train.run import Settings

        command = ("carnet-bench", *sys.argv[1:])
        settings = Settings(home, data_root, weights_file, device, threads, command)
        # the budget is for the whole command: what the table itself takes is kept back
        table_s = min(_TABLE_S + _BESIDE_S * len(beside), 0.2 * budget_s)
        measured = _measure(table, str(data), budget_s - table_s, settings)
    columns = (TextColumn("counting {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(table, total=None)
        judged = judge(
            table,
            home,
            progress=lambda row, done, rows: bar.update(task, description=row, completed=done, total=rows),
            prefer=() if measured is None else (measured,),
            beside=beside,
        )
    written = write_report(judged, home)
    if as_json:
        print_json(judged.as_json())
    else:
        console = Console()
        drawn, notes = terminal_tables(judged)
        for one in drawn:
            console.print(one)
        for note in notes:
            console.print(note, markup=False, highlight=False)
    for path in written:
        log(f"wrote {path}")


def _budget_s(data: str | None, budget: str | None) -> float:
    if data is None or budget is None:
        missing = "--data NAME" if data is None else "--budget TIME"
        raise UsageError(f"{missing} is missing: give both, e.g. --data scenes --budget 10m, or neither")
    return parse_duration(budget)


def _measure(table: str, data: str, left_s: float, settings: "Settings") -> str:
    """Train and evaluate what fits the budget, then time; return the id of the accuracy record."""
    from bench.paper.cells import TABLES
    from bench.reproduce.budget import run_within_budget
    from bench.reproduce.timed import time_table

    timed_s = _TIMED_SHARE * left_s if "time" in TABLES[table].columns else 0.0
    with watching() as watch:
        accuracy = run_within_budget(data, left_s - timed_s, settings, watch, log)
    if timed_s:
        with timing() as show:
            time_table(table, timed_s, settings, show, log)
    return accuracy.id
