"""``carnet-bench ablate``: variants of CARNet, each trained with several seeds, scored and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.grid_output import require_no_failure, require_results, show_plan
from bench.cli.grid_run import require_cluster, train_grid
from bench.cli.options import (
    Address,
    Budget,
    Cluster,
    Data,
    DataRoot,
    Device,
    DryRun,
    Home,
    Json,
    Seeds,
    Threads,
    WeightsFile,
)
from bench.cli.output import command_line, log, print_json, print_lines
from bench.cli.parsing import parse_duration

Values = list[str] | None


def ablate(
    components: Annotated[
        Values,
        typer.Option(
            "--components", metavar="bs|car|scloss|crp...", help="Rows of Table 5, each with all before it."
        ),
    ] = None,
    modules: Annotated[
        Values, typer.Option("--modules", metavar="0..4...", help="Number of CARModules (N of Fig. 8).")
    ] = None,
    scloss: Annotated[
        Values, typer.Option("--scloss", metavar="0..4...", help="Number of SCLoss terms (Fig. 9).")
    ] = None,
    lambdas: Annotated[
        Values, typer.Option("--lambda", metavar="NUMBER...", help="Weight of SCLoss, Eq. 3 (Fig. 10).")
    ] = None,
    form: Annotated[
        Values,
        typer.Option(
            "--scloss-form",
            metavar="paper|bce...",
            help="paper: Eq. 5 as printed; bce: absent classes also count.",
        ),
    ] = None,
    between: Annotated[
        Values,
        typer.Option(
            "--between-convs", metavar="linear|relu...", help="Activation in a ResNet's adjustments."
        ),
    ] = None,
    backbone: Annotated[
        Values,
        typer.Option(
            "--backbone",
            metavar="mobile|resnet50|resnet101|resnet152...",
            help="Encoder; default: the recipe's.",
        ),
    ] = None,
    data: Data = None,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", help="Recipe name or .toml file; default: DATA-study, else DATA-ablation."),
    ] = None,
    seeds: Seeds = 3,
    budget: Budget = None,
    cluster: Cluster = None,
    address: Address = None,
    dry_run: DryRun = False,
    home: Home = Path(),
    data_root: DataRoot = None,
    weights_file: WeightsFile = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train and compare variants of CARNet.

    Each flag's values are an axis; the grid is every combination of them. Several values may follow one flag,
    or the flag may be repeated. Without --data and --recipe the grid trains on CamVid where it is found, else
    on synthetic scenes (nine runs take about 10 minutes on 2 cores).

    Anything not varied is the full network (4 CARModules, an SCLoss term on each, CRP, lambda 0.2), with one
    exception: --modules without --components, --scloss, --lambda and --scloss-form varies BS+CARModule, as in
    Fig. 8, without SCLoss and CRP. Impossible combinations are skipped and listed. Combinations that train
    the same network (lambda 0, no SCLoss term, BS+CARModule+CRP) are one run, and a recorded run is never
    repeated: without --threads and --device whatever these were, else with the same.

    All variants of a seed are trained before the next seed. With --budget, a run that does not fit is not
    started. Rerun the same command to resume at the interrupted step. Each variant is compared with the first
    one, with 95 % intervals over seeds and images.

    With --cluster ray (extra `cluster`) each run is a task of Ray, which takes --threads CPUs, and a GPU with
    --device cuda; Ray repeats a run whose node is lost, and it resumes at its last checkpoint. All nodes
    share the file system of --home.

    \b
    Example:
      carnet-bench ablate --lambda 0 0.2 0.4
      carnet-bench ablate --lambda 0 0.2 0.4 --dry-run
      carnet-bench ablate --components bs car scloss crp --threads 1 --budget 2h
      carnet-bench ablate --modules 0 1 2 3 4 --recipe nyudv2-ablation --seeds 3
      carnet-bench ablate --lambda 0 0.2 0.4 --threads 1 --cluster ray
      carnet-bench ablate --scloss-form paper bce --backbone mobile resnet50
    """  # noqa: D301
    from bench.experiments.grid import default_data, experiment_of, require_one_backbone
    from bench.experiments.grid_axes import axes_of
    from bench.experiments.grid_execution import look
    from bench.experiments.grid_result import outcomes
    from bench.experiments.grid_state import Ledger
    from bench.experiments.grid_text import document_of, result_lines
    from bench.reproduce.grid_verdict import as_json as difference_as_json
    from bench.reproduce.grid_verdict import judge_grid_difference
    from bench.train.settings import Settings

    axes = axes_of(
        backbone=backbone or (),
        components=components or (),
        modules=modules or (),
        scloss=scloss or (),
        lambdas=lambdas or (),
        scloss_form=form or (),
        between_convs=between or (),
    )
    budget_s = None if budget is None else parse_duration(budget)
    require_cluster(cluster, address)
    if data is None and recipe is None:
        data = default_data(data_root, home)
        if data == "scenes":
            log("CamVid not found (CARNET_DATA, HOME/data, --data-root): using synthetic scenes instead")
    experiment = experiment_of(axes, name_or_path=recipe, data=data, seeds=seeds)
    require_one_backbone(experiment.runs, weights_file)
    settings = Settings(home, data_root, weights_file, device, threads, command_line())
    ledger = Ledger(settings, experiment.scored)
    progress = look(experiment, ledger)
    if dry_run:
        show_plan(progress, ledger, as_json=as_json)
        return
    train_grid(progress, ledger, cluster=cluster, address=address, budget_s=budget_s)
    found = outcomes(progress, home)
    judged = {
        one.subject: judge_grid_difference(found[0].subject, one.subject, one.difference) for one in found[1:]
    }
    variants = [{**one.as_json(), **difference_as_json(judged.get(one.subject))} for one in found]
    remarks = {variant: one.line for variant, one in judged.items() if one is not None}
    document = {**document_of(progress), "variants": variants}
    if as_json:
        print_json(document)
    else:
        print_lines(result_lines(progress, found, remarks))
    require_results(progress)
    require_no_failure(progress)
