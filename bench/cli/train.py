"""``carnet-bench train``: a recipe, trained and evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.options import DataRoot, Device, Home, Json, Threads
from bench.cli.output import command_line, log, print_json, print_scores
from bench.cli.progress import watching


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("train")(train)


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe name, or a .toml file.")],
    more: Annotated[list[str] | None, typer.Argument(help="More key=value, as after --set.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value over the recipe.")] = None,
    lambda_: Annotated[
        float | None, typer.Option("--lambda", help="Weight of SCLoss, Eq. 3 (scloss_weight).")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Registry name or file.py:build.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0)] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="fp32, bf16 or fp16 (on cuda only).")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Evaluated at the end: test, or val where test has no labels; 'none'."),
    ] = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    weights_file: Annotated[
        Path | None, typer.Option("--weights-file", help="The encoder's weights, safetensors.")
    ] = None,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option("--devices", min=1, help="That share each batch, a process each.")
    ] = 1,
    strategy: Annotated[
        str, typer.Option("--strategy", help="auto or ddp; auto is ddp for several devices.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that read data; no result changes.")
    ] = 0,
    journal: Annotated[
        list[str] | None, typer.Option("--log", help="wandb or mlflow, beside TensorBoard's event file.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train a recipe, resuming what is there, then evaluate it.

    The same command again continues an interrupted run at its last checkpoint. The curve is in the run's
    folder: tensorboard --logdir runs

    \b
    Example:
      carnet-bench train camvid-quick --seed 1
      carnet-bench train scenes-quick --set epochs=2 batch=4 ema_decay=0.999 --lambda 0
      carnet-bench train camvid-quick --precision bf16 --workers 2 --log mlflow
      carnet-bench train camvid-scratch --model nets/mine.py:build
    """  # noqa: D301
    from bench.errors import unknown
    from bench.fabric import PRECISIONS
    from bench.train import recipe as recipes
    from bench.train.run import Settings
    from bench.train.run import train as train_recipe
    from bench.train.score import evaluate_run
    from bench.train.splits import scored_split

    changes = recipes.parse_changes([*(setting or []), *(more or [])])
    if precision is not None and precision not in PRECISIONS:
        raise unknown("precision", precision, list(PRECISIONS))
    named = None if precision is None else PRECISIONS[precision]
    flags = {"scloss_weight": lambda_, "model": model, "seed": seed, "precision": named}
    changes.update({key: value for key, value in flags.items() if value is not None})
    settings = Settings(
        home,
        data_root,
        weights_file,
        device,
        threads,
        tuple(command_line()),
        workers=workers,
        devices=devices,
        strategy=strategy,
        log=tuple(dict.fromkeys(journal or [])),
    )
    resolved = recipes.load(recipe, changes)
    with watching() as watch:
        run = train_recipe(resolved, settings, watch)
        log(f"run: {run.folder}")
        outcome = None
        scored = split or scored_split(resolved, data_root, home)
        if scored != "none":
            outcome, _ = evaluate_run(
                run.folder, scored, settings, lambda done, n: watch(scored, done, n, 0), resolved.model
            )
    if as_json:
        print_json(
            {
                "run": str(run.folder),
                "training_record": run.record.id,
                "accuracy_record": outcome.id if outcome else None,
                "values": (outcome or run.record).stored["values"],
            }
        )
    elif outcome:
        print_scores(outcome)
