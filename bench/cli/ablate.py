"""``carnet-bench ablate``: variants of CARNet times seeds, trained, scored and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import DataRoot, Device, Home, Json, Threads
from bench.cli.output import command_line, log, print_json
from bench.cli.parsing import parse_duration
from bench.cli.progress import watching
from bench.cli.spread import SpreadCommand

Values = list[str] | None


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("ablate", cls=SpreadCommand)(ablate)


def ablate(
    components: Annotated[
        Values,
        typer.Option(
            "--components",
            metavar="VALUE...",
            help="bs car scloss crp: rows of Table 5, each with all before.",
        ),
    ] = None,
    modules: Annotated[
        Values, typer.Option("--modules", metavar="VALUE...", help="0 to 4 CARModules (N of Fig. 8).")
    ] = None,
    scloss: Annotated[
        Values, typer.Option("--scloss", metavar="VALUE...", help="0 to 4 terms of SCLoss (Fig. 9).")
    ] = None,
    lambdas: Annotated[
        Values, typer.Option("--lambda", metavar="VALUE...", help="Weights of SCLoss, Eq. 3 (Fig. 10).")
    ] = None,
    form: Annotated[
        Values,
        typer.Option(
            "--scloss-form",
            metavar="VALUE...",
            help="paper: Eq. 5 as printed; bce: absent classes count too.",
        ),
    ] = None,
    between: Annotated[
        Values,
        typer.Option(
            "--between-convs", metavar="VALUE...", help="linear or relu, in the adjustments of a ResNet."
        ),
    ] = None,
    backbone: Annotated[
        Values,
        typer.Option(
            "--backbone",
            metavar="VALUE...",
            help="mobile, resnet50, resnet101, resnet152; else the recipe's.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Data set; else the recipe's, or camvid.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Recipe name or .toml file; else DATA-ablation.")
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How many: 3 trains 0, 1, 2. Fewer than 3 are not judged.")
    ] = 3,
    budget: Annotated[
        str | None, typer.Option("--budget", help="90s, 10m or 2h: no run is begun that does not fit.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print runs, what is done and what is left to do; write nothing."),
    ] = False,
    home: Home = Path(),
    data_root: DataRoot = None,
    weights_file: Annotated[
        Path | None, typer.Option("--weights-file", help="The encoder's weights, safetensors.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train, score and compare variants of CARNet: each flag's list is an axis, and axes multiply.

    Several values may follow one flag, or the flag is repeated. What no axis says is the full network
    (4 CARModules, a term of SCLoss on each, CRP, lambda 0.2), with one exception: --modules without
    --components, --scloss, --lambda and --scloss-form varies BS+CARModule, as Fig. 8 does, without SCLoss and
    CRP. Impossible combinations are skipped and listed. Combinations that train alike (lambda 0, no term of
    SCLoss, BS+CARModule+CRP) are one run, and a run on record is never repeated.

    All variants of a seed are trained before the next seed. The same command again goes on at the run and
    the step where it was stopped. Differences are to the first variant, with 95 % intervals over seeds and
    images.

    \b
    Example:
      carnet-bench ablate --lambda 0 0.2 0.4 --dry-run
      carnet-bench ablate --components bs car scloss crp --threads 1 --budget 2h
      carnet-bench ablate --modules 0 1 2 3 4 --recipe nyudv2-ablation --seeds 3
      carnet-bench ablate --scloss-form paper bce --backbone mobile resnet50
    """  # noqa: D301
    from bench.errors import NotMeasured
    from bench.experiments.grid import experiment_of, require_one_backbone
    from bench.experiments.grid_axes import axes_of
    from bench.experiments.grid_cost import Estimates
    from bench.experiments.grid_execution import execute, look, measure_left
    from bench.experiments.grid_result import outcomes
    from bench.experiments.grid_state import DONE, FAILED, Ledger
    from bench.experiments.grid_text import document_of, plan_document, plan_lines, result_lines
    from bench.reproduce.grid_verdict import as_json as difference_as_json
    from bench.reproduce.grid_verdict import judge_grid_difference
    from bench.train.run import Settings

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
    experiment = experiment_of(axes, name_or_path=recipe, data=data, seeds=seeds)
    require_one_backbone(experiment.runs, weights_file)
    settings = Settings(home, data_root, weights_file, device, threads, tuple(command_line()))
    ledger = Ledger(settings, experiment.scored)
    progress = look(experiment, ledger)
    estimates = Estimates(ledger)
    with watching() as watch:
        if dry_run:
            measure_left(progress, estimates, watch)
        else:
            execute(progress, ledger, budget_s=budget_s, watch=watch, log=log)
    if dry_run:
        _print(plan_document(progress, estimates) if as_json else plan_lines(progress, estimates))
        return
    found = outcomes(progress, home)
    judged = {
        one.variant: judge_grid_difference(found[0].variant, one.variant, one.difference) for one in found[1:]
    }
    variants = [{**one.as_json(), **difference_as_json(judged.get(one.variant))} for one in found]
    remarks = {variant: one.line for variant, one in judged.items() if one is not None}
    document = {**document_of(progress), "variants": variants}
    _print(document if as_json else result_lines(progress, found, remarks))
    if not progress.of(DONE):
        then = "give a longer --budget" if progress.unfit else None
        raise NotMeasured("not finished, and nothing was measured", then)
    if failed := progress.of(FAILED):
        raise NotMeasured(f"{len(failed)} of {len(progress.states)} runs failed; they are listed above")


def _print(found: dict[str, Any] | list[str]) -> None:
    if isinstance(found, dict):
        print_json(found)
    else:
        for line in found:
            typer.echo(line)
