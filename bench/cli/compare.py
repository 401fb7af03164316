"""``carnet-bench compare``: methods under one protocol, scored, counted and timed here, in one table."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.compare_given import given_entries, given_of
from bench.cli.grid_output import require_no_failure, require_results, show_plan
from bench.cli.grid_run import require_cluster, train_grid
from bench.cli.options import (
    Address,
    Budget,
    Cluster,
    Data,
    DataRoot,
    Deploy,
    Device,
    DryRun,
    EngineName,
    Home,
    Json,
    Models,
    Seeds,
    SizeOrImages,
    StatisticsName,
    Threads,
    TrainingPrecision,
)
from bench.cli.output import command_line, log, print_json, print_lines
from bench.cli.parsing import parse_duration, parse_size
from bench.cli.progress import timing
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baselines.method import Method
    from bench.experiments.comparison import Entrant
    from bench.experiments.comparison_times import Timing
    from bench.experiments.grid_execution import Progress
    from bench.experiments.grid_state import Ledger
    from bench.reproduce.comparison_result import Comparison, Entry
    from bench.results.record import SpeedRecord

_NAME = re.compile(r"\w[\w.-]{0,63}")
_REPORT_S = (15.0, 3.0)
"""Most seconds that counting and drawing take, start of Python included: in all, and for each method."""
_MOST_RESERVED = 0.2
_TIMED_SHARE = 0.2
"""Largest share of the budget for each, reports and times."""


def compare(
    models: Models,
    data: Data = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Recipe name or .toml file; default: DATA-compare, else `default`."),
    ] = None,
    seeds: Seeds = 3,
    size: SizeOrImages = None,
    engine: Annotated[EngineName, typer.Option("--engine", help="Engine that is timed; see `time`.")] = (
        EngineName.eager
    ),
    precision: Annotated[
        TrainingPrecision, typer.Option("--precision", help="Precision of the times.")
    ] = "fp32",
    deploy: Deploy = False,
    budget: Budget = None,
    cluster: Cluster = None,
    address: Address = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score",
            metavar="NAME=FOLDER",
            help="Add label PNGs made elsewhere, scored as by `score`; may be repeated.",
        ),
    ] = None,
    statistics: StatisticsName = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the reports; default: the data set's.")
    ] = None,
    from_records: Annotated[
        bool, typer.Option("--from-records", help="Judge what is on record; train and time nothing.")
    ] = False,
    dry_run: DryRun = False,
    home: Home = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train, score, count and time methods under one protocol.

    The differences are said with their intervals, so that it shows which are real. Without --data and
    --recipe the data is CamVid where it is found, else synthetic scenes.
    Images seen, crops, augmentation, schedule and evaluation are the recipe's; what a method needs of its own
    stands in the recipe's [methods.NAME]. A method that the recipe's ImageNet weights do not fit starts from
    scratch, and the column of starting weights says so. All methods are timed first, in one interleaved run;
    then all methods of a seed are trained before the next seed. With --budget, a run that does not fit is not
    started. Rerun the same command to resume at the interrupted step: finished runs, valid times of this
    machine and records are not repeated.

    With --cluster ray (extra `cluster`) the methods are timed here and the runs are tasks of Ray, which take
    --threads CPUs each, and a GPU with --device cuda; Ray repeats a run whose node is lost, and
    it resumes at its last checkpoint. All nodes share the file system of --home.

    Methods that cannot be told apart from the best are marked =, those on the front of mIoU against time F
    (all pairs, by seed and by image, corrected by Holm). With fewer than 3 seeds there are numbers and no
    verdicts; so for predictions from outside, which --score sets in the table, and for a network's file.
    Page, CSV, LaTeX and plots are written to HOME/reports/compare-NAME.*.

    MODEL may be a network's file, .onnx or OpenVINO's .xml: it cannot be trained, so the file itself is
    scored as it stands on the same split, and timed in the same run in --engine if that runs it, else in its
    own, if it takes images of this size and the methods run on the CPU.

    \b
    Example:
      carnet-bench compare enet carnet-mobile mynet.py:build --data scenes --budget 10m
      carnet-bench compare enet bisenet1 carnet-mobile --data camvid --threads 1 --dry-run
      carnet-bench compare enet bisenet1 carnet-mobile --data camvid --threads 1 --cluster ray
      carnet-bench compare enet carnet-mobile.onnx --data camvid --score deeplab-tf=from-tensorflow
      carnet-bench compare enet bisenet1 carnet-mobile --data camvid --threads 1 --from-records --json
    """  # noqa: D301
    from baselines.registry import METHODS
    from bench.experiments.comparison import comparison_of, input_size
    from bench.experiments.comparison_times import Timing, recorded_times
    from bench.experiments.grid import default_data
    from bench.experiments.grid_execution import look
    from bench.experiments.grid_state import DONE, Ledger
    from bench.experiments.grid_text import document_of, unfinished_lines
    from bench.report.compare_write import write_comparison
    from bench.report.recorded_comparisons import name_of
    from bench.reproduce.comparison import judge_comparison
    from bench.speed.variant import Variant
    from bench.train.settings import Settings

    began_s = time.monotonic()
    budget_s = None if budget is None else parse_duration(budget)
    size_hw = None if size is None else parse_size(size)
    if from_records and (dry_run or budget_s is not None):
        raise UsageError("--from-records trains and times nothing; drop it, or --budget and --dry-run")
    if from_records and cluster is not None:
        raise UsageError("--from-records trains nothing; drop it, or --cluster")
    require_cluster(cluster, address)
    trained, given = given_of(models, score or [], statistics)
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"--name '{name}'; expected 1 to 64 letters, digits, '.', '_' or '-'")
    experiment = comparison_of(
        trained,
        data=data or _data_of(recipe) or default_data(data_root, home),
        name_or_path=recipe,
        seeds=seeds,
        data_root=data_root,
        home=home,
    )
    settings = Settings(home, data_root, None, device, threads, command_line())
    entrants = experiment.grid.subjects
    given.require_names([one.name for one in entrants])
    ledger = Ledger(settings, experiment.scored, {**METHODS, **{one.name: one.method for one in entrants}})
    progress = look(experiment, ledger)
    networks = [one.network(experiment.recipe_of(one, 0)) for one in entrants]
    size_hw = size_hw or input_size(experiment.recipe)
    plan = Timing(
        [*networks, *given.timed(size_hw, device)],
        size_hw,
        _classes(experiment.recipe.data),
        settings,
        Variant(str(engine), precision, deploy),
    )
    if dry_run:
        show_plan(progress, ledger, as_json=as_json)
        return
    scored = given.scored(experiment, settings)  # refused before the training rather than after it
    if not from_records:
        budget_s = _time(plan, budget_s, began_s)
        train_grid(progress, ledger, cluster=cluster, address=address, budget_s=budget_s)
    if not progress.of(DONE):
        print_lines(unfinished_lines(progress)) if not as_json else print_json(document_of(progress))
    require_results(progress)
    times = recorded_times(plan, anywhere=from_records)
    entries = [*_entries(progress, networks, plan, times), *given_entries(scored, times)]
    title = name or name_of(experiment.recipe.data)
    judged = judge_comparison(title, entries, home, plan.size_hw)
    written = write_comparison(judged, home)
    _show(progress, judged, _weights(progress, ledger), as_json=as_json)
    for path in written:
        log(f"wrote {path}")
    require_no_failure(progress)


def _weights(progress: Progress[Entrant], ledger: Ledger) -> dict[str, list[str]]:
    """Return the files of each method's final weights that are here, in the order of the seeds."""
    found: dict[str, list[str]] = {}
    for run, state in progress.states.items():
        path = None if state.training is None else ledger.weights(run, state.training)
        if path is not None:
            found.setdefault(run.subject.name, []).append(str(path))
    return found


def _show(
    progress: Progress[Entrant], judged: Comparison, weights: dict[str, list[str]], *, as_json: bool
) -> None:
    from bench.experiments.grid_text import document_of, unfinished_lines

    if as_json:
        print_json({**document_of(progress), **judged.as_json(), "weights": weights})
        return
    from rich.console import Console

    from bench.report.compare_terminal import show_comparison

    show_comparison(judged, Console())
    first = next((one.name for one in judged.standings if one.name in weights), None)
    print_lines([] if first is None else [f"weights of {first}: {weights[first][0]}"])
    print_lines(unfinished_lines(progress))


def _data_of(recipe: str | None) -> str | None:
    """Return the data set that a recipe names; None for one that fits any."""
    from bench.train import recipe as recipes

    return None if recipe in (None, recipes.DEFAULT) else recipes.load(str(recipe)).data


def _classes(data: str) -> int:
    from bench.data.catalogue import entry

    return len(entry(data).classes)


def _time(plan: Timing, budget_s: float | None, began_s: float) -> float | None:
    """Time the methods; return what is left of the budget for the training."""
    from bench.experiments.comparison_times import SECONDS_EACH, time_methods

    timed_s = None
    if budget_s is not None:
        timed_s = min(_TIMED_SHARE * budget_s, SECONDS_EACH * len(plan.networks))
    with timing() as show:
        time_methods(plan, budget_s=timed_s, progress=show, log=log)
    if budget_s is not None:
        whole, each = _REPORT_S
        reserved_s = min(whole + each * len(plan.networks), _MOST_RESERVED * budget_s)
        budget_s -= reserved_s + time.monotonic() - began_s
    return budget_s


def _entries(
    progress: Progress[Entrant], networks: Sequence[Method], plan: Timing, times: dict[str, SpeedRecord]
) -> list[Entry]:
    """Return what is on record of each method, with its counts."""
    from bench.experiments.grid_result import scores_of
    from bench.reproduce.comparison import counted
    from bench.reproduce.comparison_result import Entry

    return [
        Entry(
            entrant.method,
            network,
            counted(network, plan.num_classes, plan.size_hw),
            scores_of(progress, entrant),
            {
                run.seed: state.training
                for run, state in progress.states.items()
                if run.subject == entrant and state.training is not None
            },
            times.get(entrant.name),
        )
        for entrant, network in zip(progress.experiment.grid.subjects, networks, strict=True)
    ]
