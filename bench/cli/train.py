"""``carnet-bench train``: a recipe, trained and evaluated."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.options import (
    Budget,
    Data,
    DataRoot,
    Device,
    Devices,
    Home,
    Json,
    Threads,
    TrainingPrecision,
    WeightsFile,
)
from bench.cli.output import command_line, log, print_json, print_scores, require_valid_score
from bench.cli.parsing import number, parse_duration, whole_number
from bench.cli.progress import watching
from bench.errors import UsageError
from bench.object_store import shown

Journal = StrEnum("Journal", ["wandb", "mlflow"])


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="Recipe name, or a .toml file.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Further overrides.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe key.")
    ] = None,
    lambda_: Annotated[
        float | None,
        typer.Option("--lambda", **number(0, 1_000_000), help="Weight of SCLoss, Eq. 3 (scloss_weight)."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A name of `models`, or FILE.py:FUNCTION.")
    ] = None,
    data: Data = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", **whole_number(0, 2**63 - 1), help="Seed of weights, order and augmentation."),
    ] = None,
    precision: Annotated[
        TrainingPrecision | None, typer.Option("--precision", help="fp16 needs --device cuda.")
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "none"] | None,
        typer.Option(
            "--split", help="Split to evaluate at the end; default: test, or val where test has no labels."
        ),
    ] = None,
    budget: Budget = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    weights_file: WeightsFile = None,
    device: Device = "auto",
    devices: Devices = None,
    strategy: Annotated[
        Literal["auto", "ddp"], typer.Option("--strategy", help="auto is ddp for several devices.")
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option(
            "--workers", **whole_number(0, 256), help="Data-loading processes (results do not depend on it)."
        ),
    ] = 0,
    journal: Annotated[
        list[Journal] | None, typer.Option("--log", help="Also log there, next to TensorBoard's event file.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train a recipe and evaluate the result.

    The recipe `default` fits any data set: its crop comes from the images' size. With --budget the epochs are
    those that fit the time, measured first on a few steps.

    Several devices share each batch, by --devices on this machine, or by torchrun or Slurm's srun, on several
    machines too. Another number of processes is another run: it never resumes this one's checkpoints.

    Rerun the same command to resume an interrupted run at its last checkpoint. Learning curves are in the
    run's folder: tensorboard --logdir runs

    \b
    Example:
      carnet-bench train camvid-quick --seed 1
      carnet-bench train default --data photos/data.toml --budget 1h
      carnet-bench train scenes-quick --set epochs=2 batch=4 ema_decay=0.999 --lambda 0
      carnet-bench train camvid-quick --precision bf16 --workers 2 --log mlflow
      carnet-bench train camvid-scratch --model nets/mine.py:build --data photos/data.toml
      torchrun --nproc-per-node 2 -m bench train camvid-quick
    """  # noqa: D301
    from bench.experiments.train_budget import ALL, keep_plan, recipe_within
    from bench.fabric import ALONE, PRECISIONS, number_of_processes
    from bench.train import recipe as recipes
    from bench.train.run import train as train_recipe
    from bench.train.score import evaluate_run
    from bench.train.settings import Settings
    from bench.train.splits import open_split, scored_split

    changes = recipes.parse_changes(
        [*(setting or []), *(more or [])],
        scloss_weight=lambda_,
        model=model,
        data=data,
        seed=seed,
        precision=None if precision is None else PRECISIONS[precision],
    )
    settings = Settings(
        home,
        data_root,
        weights_file,
        device,
        threads,
        command_line(),
        workers=workers,
        devices=devices,
        strategy=strategy,
        log=tuple(dict.fromkeys(journal or [])),
    )
    budget_s = None if budget is None else parse_duration(budget)
    if budget_s is not None and ("epochs" in changes or number_of_processes(devices) > 1):
        other = "epochs" if "epochs" in changes else "--devices"
        raise UsageError(
            f"--budget chooses the epochs by the time of a step on one device; drop it or {other}"
        )
    resolved = recipes.load(recipe, changes, data_root=data_root, home=home)
    scored = split or scored_split(resolved)
    if scored != "none":
        open_split(resolved, scored, data_root, home)  # refused before the training rather than after it
    plan = None
    if budget_s is not None:
        to_score = None if scored == "none" else scored
        resolved, plan = recipe_within(resolved, budget_s, ALL, settings, scored=to_score, log=log)
    with watching() as watch:
        run = train_recipe(resolved, settings, watch, log)
        log(f"run: {run.folder}")
        outcome = None
        if scored != "none":
            # the other processes have ended with the training
            here = dataclasses.replace(settings, devices=ALONE)
            outcome, _ = evaluate_run(
                run.folder, scored, here, lambda done, n: watch(scored, done, n, 0), resolved.model
            )
    if plan is not None:
        keep_plan(plan, run.folder)
    if as_json:
        print_json(
            {
                "run": shown(str(run.folder)),
                "training_record": run.record.id,
                "accuracy_record": outcome.id if outcome else None,
                "values": (outcome or run.record).stored["values"],
                "valid": (outcome or run.record).valid,
                "reasons": (outcome or run.record).reasons,
            }
        )
    elif outcome:
        print_scores(outcome)
    if outcome:
        require_valid_score(outcome)
