"""``carnet-bench reproduce``: a table of the paper, printed vs measured, with a verdict per cell."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    Budget,
    DataRoot,
    Deploy,
    Device,
    EngineName,
    Json,
    ReportHome,
    TableName,
    Threads,
    TrainingPrecision,
    WeightsFile,
)
from bench.cli.output import command_line, log, print_json, print_lines
from bench.cli.parsing import parse_duration
from bench.cli.progress import showing, timing, watching
from bench.cli.reproduce_figures import FROM_DATA, print_data_figure
from bench.cli.reproduce_study import FROM_RECORDS, refuse_options, write_all, write_summary
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.experiments.train_budget import Shares
    from bench.results.record import AccuracyRecord
    from bench.speed.variant import Variant
    from bench.train.settings import Settings

_TABLE_S = 20.0
"""Most seconds that counting and rendering a table take, start of Python included."""

_BESIDE_S = 2.0
"""The same for each method below the table."""

_TIMING_S = "15m"
"""Default budget of ``--time``: all rows of Table 1 on two cores."""

_TIMED_SHARE = 0.2
"""Share of the rest of the budget for a table with times; more training tells more than more samples."""


def reproduce(
    table: Annotated[
        TableName,
        typer.Argument(metavar="TABLE", help="table1-5, fig1, fig4-12, claims, summary or all."),
    ],
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Add FILE.py:FUNCTION, or a name of `models`, below the table; may be repeated.",
        ),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Add the modern peers below the table; none is in the paper.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="Train and evaluate on this data set; needs --budget. Of a figure: show it."
        ),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            "--weights",
            metavar="RUN|FILE",
            help="Of fig1, 5, 6, 11, 12: show these networks; may be repeated.",
        ),
    ] = None,
    timed: Annotated[
        bool, typer.Option("--time", help="Time the rows that have no valid time of this machine yet.")
    ] = False,
    budget: Budget = None,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="Engine whose times are shown, and taken; see `time`.")
    ] = EngineName.eager,
    precision: Annotated[
        TrainingPrecision, typer.Option("--precision", help="Precision of these times.")
    ] = "fp32",
    deploy: Deploy = False,
    machine: Annotated[
        str | None,
        typer.Option("--machine", help="Part of a machine's name: show its times; default: this machine's."),
    ] = None,
    data_root: DataRoot = None,
    weights_file: WeightsFile = None,
    device: Device = "auto",
    threads: Threads = None,
    home: ReportHome = Path(),
    as_json: Json = False,
) -> None:
    """Compare a table of the paper with what is measured here.

    Every printed cell gets a verdict. Operations are counted now; times and accuracies come from the records
    in HOME/results/records. With --data and --budget, CARNet-Mobile is first trained and evaluated on that
    data set, and the table's rows are timed in the rest of the budget. With --time, every row is timed at its
    printed input size, within --budget (default: 15m); rerun to continue with rows that have no valid time of
    this machine and code. Times are of eager fp32 unless --engine, --precision or --deploy say otherwise.

    A page and a CSV table are written to HOME/reports and HOME/results/tables. They also hold the agreement
    with the printed order (Kendall's tau-b), the ratios that the table claims, and whether the printed times
    are possible on the paper's GPU. Networks given by --model, installed ones (entry points
    carnet_bench.models) and --peers are listed below the table, measured at its input size and classes.

    table5, fig8, fig9 and fig10 are the paper's ablations, judged from the accuracy records alone (see
    `ablate`): each difference with its interval, and the paper's claim. fig4 draws accuracy against each cost
    of Table 1. fig7 counts the parameters of CARNet's components. claims judges every checkable sentence of
    the paper, by its own numbers and by what is measured here.

    fig1, fig5, fig6, fig11 and fig12 show images: segmentations next to the truth, and feature maps, of the
    published weights (or --weights) on the split that they are scored on. They need the data set; images are
    taken at even distances. summary rebuilds HOME/reports/reproduced.md from the tables that are there, and
    the blocks of numbers in HOME/README.md, HOME/results/README.md and HOME/docs. all writes everything, and
    the whole paper on one page, HOME/reports/index.html.

    \b
    Example:
      carnet-bench reproduce all
      carnet-bench reproduce table4
      carnet-bench reproduce table5
      carnet-bench reproduce fig5
      carnet-bench reproduce table1 --peers --model mynet.py:build
      carnet-bench reproduce table1 --data scenes --budget 10m
      carnet-bench reproduce table1 --time --threads 2
      carnet-bench reproduce table1 --machine H200
      carnet-bench reproduce table1 --json > table1.json
    """  # noqa: D301
    from bench.heap import few_collections
    from bench.report.conclusion import conclusion
    from bench.report.terminal import show_table
    from bench.report.write import write_report
    from bench.reproduce.extra_methods import methods_beside
    from bench.reproduce.table import check_name
    from bench.reproduce.table import reproduce as judge
    from bench.speed.variant import Variant, form_of_variant

    if table == "summary":
        write_summary(home)
        return
    check_name(table, also=(*FROM_RECORDS, *FROM_DATA, "all", "summary"))
    if table in FROM_DATA:
        refuse_options(table, model=own, peers=peers, time=timed, budget=budget, machine=machine)
        print_data_figure(
            table, home, weights or [], data=data, data_root=data_root, device=device, threads=threads,
            as_json=as_json,
        )  # fmt: skip
        return
    refuse_options(table, weights=weights)
    if table == "all":
        refuse_options(table, model=own, peers=peers, data=data, time=timed, budget=budget)
        write_all(home, machine, as_json=as_json)
        return
    if table in FROM_RECORDS:
        refuse_options(table, model=own, peers=peers, data=data, time=timed, budget=budget, machine=machine)
        FROM_RECORDS[table](table, home, as_json=as_json)
        return
    beside = methods_beside(table, own or [], peers=peers)
    variant = Variant(str(engine), precision, deploy)
    form = form_of_variant(variant, device)
    measured: list[str] = []
    trained: AccuracyRecord | None = None
    if data is not None or budget is not None or timed:
        if machine is not None:
            raise UsageError("--machine shows recorded times; drop it, or --data, --time and --budget")
        budget_s = _budget_s(data, budget, timed=timed)
        from bench.experiments.train_budget import Shares
        from bench.train.settings import Settings

        settings = Settings(home, data_root, weights_file, device, threads, command_line())
        shares = Shares(_TABLE_S + _BESIDE_S * len(beside), _TIMED_SHARE if _has_times(table) else 0.0)
        if timed:
            measured = _time(table, budget_s - shares.reserved_s(budget_s), settings, variant)
        else:
            trained, measured = _measure(table, str(data), budget_s, shares, settings, variant)
    with few_collections(), showing() as tell:
        judged = judge(
            table,
            home,
            progress=lambda row, done, rows: tell("counting operations", done, rows, note=row),
            prefer=measured,
            beside=beside,
            form=form,
            machine=machine,
        )
        written = write_report(judged, home)
    if as_json:
        print_json(judged.as_json())
    else:
        from rich.console import Console

        show_table(judged, Console())
    for path in written:
        log(f"wrote {path}")
    if not as_json and machine is None:  # what was learnt is said of this machine only
        print_lines(conclusion(judged, home, trained))


def _budget_s(data: str | None, budget: str | None, *, timed: bool) -> float:
    if timed:
        if data is not None:
            raise UsageError(
                f"--time and --data {data}: give one of them; --data also times, within its budget"
            )
        return parse_duration(budget or _TIMING_S)
    if data is None or budget is None:
        missing = "--data NAME (or --time)" if data is None else "--budget TIME"
        raise UsageError(f"{missing} is missing: give both, e.g. --data scenes --budget 10m, or neither")
    return parse_duration(budget)


def _measure(
    table: str, data: str, budget_s: float, shares: "Shares", settings: "Settings", variant: "Variant"
) -> tuple["AccuracyRecord", list[str]]:
    """Train and evaluate what fits the budget, then time; return the score and the ids of all records."""
    from bench.experiments.train_budget import run_within_budget

    began_s = time.monotonic()
    with watching() as watch:
        accuracy = run_within_budget(data, budget_s, shares, settings, watch, log=log)
    if not shares.timed:
        return accuracy, [accuracy.id]
    left_s = budget_s - shares.reserved_s(budget_s) - (time.monotonic() - began_s)
    # a machine that slowed in training must not leave the table without times
    timed = _time(table, max(left_s, 0.5 * shares.timed_s(budget_s)), settings, variant)
    return accuracy, [accuracy.id, *timed]


def _time(table: str, left_s: float, settings: "Settings", variant: "Variant") -> list[str]:
    """Time the rows that have no valid time yet; return the ids of the records to show."""
    from bench.experiments.table_times import time_table, warn_of_changes

    if not _has_times(table):
        log(f"{table} prints no times: nothing is timed")
        return []
    warn_of_changes(log)
    with timing() as show:
        done = time_table(table, left_s, settings, show, log, variant=variant)
    if done.left_out:
        log(f"not timed: {', '.join(done.left_out)}; rerun the command to continue")
    return done.records


def _has_times(table: str) -> bool:
    from bench.paper.cells import TABLES

    return table in TABLES and "time" in TABLES[table].columns
