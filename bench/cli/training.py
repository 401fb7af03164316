"""``carnet-bench train`` and ``carnet-bench evaluate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.output import log, print_json
from bench.cli.progress import watching

Home = Annotated[
    Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Folder of results/, reports/ and runs/.")
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="The data set's own folder; beats CARNET_DATA.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads of torch.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command("train")(train)
    app.command("evaluate")(evaluate)
    app.command("publish")(publish)
    app.command("curves")(curves)


def train(
    recipe: Annotated[str, typer.Argument(help="Recipe name, or a .toml file.")],
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value over the recipe.")] = None,
    lambda_: Annotated[
        float | None, typer.Option("--lambda", help="Weight of SCLoss, Eq. 3 (scloss_weight).")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Registry name or file.py:build.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0)] = None,
    split: Annotated[str, typer.Option("--split", help="Evaluated at the end; 'none' skips it.")] = "test",
    home: Home = Path(),
    data_root: DataRoot = None,
    weights_file: Annotated[
        Path | None, typer.Option("--weights-file", help="The encoder's weights, safetensors.")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Train a recipe, resuming what is there, then evaluate it.

    The same command again continues an interrupted run at its last checkpoint.

    \b
    Example:
      carnet-bench train camvid-quick --seed 1
      carnet-bench train scenes-quick --set epochs=2 --set batch=4 --lambda 0
    """  # noqa: D301
    from bench.train import recipe as recipes
    from bench.train.run import Settings
    from bench.train.run import train as train_recipe
    from bench.train.score import evaluate_run

    changes = recipes.parse_changes(setting or [])
    flags = {"scloss_weight": lambda_, "model": model, "seed": seed}
    changes.update({key: value for key, value in flags.items() if value is not None})
    settings = Settings(home, data_root, weights_file, device, threads, tuple(_command()))
    with watching() as watch:
        run = train_recipe(recipes.load(recipe, changes), settings, watch)
        log(f"run: {run.folder}")
        outcome = None
        if split != "none":
            outcome, _ = evaluate_run(run.folder, split, settings, lambda done, n: watch(split, done, n, 0))
    if as_json:
        print_json(
            {
                "run": str(run.folder),
                "training_record": run.record.id,
                "accuracy_record": outcome.id if outcome else None,
                "values": outcome.values if outcome else run.record.values,
            }
        )
    elif outcome:
        _print_scores(outcome.identity["data"], outcome.values, outcome.notes)


def evaluate(
    source: Annotated[Path, typer.Argument(help="A run's folder, or a weights file that a run wrote.")],
    split: Annotated[str, typer.Option("--split", help="train is refused.")] = "test",
    home: Home = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Evaluate the final weights of a run: whole images, one confusion matrix.

    When the same evaluation is on record, the two are compared image by image.

    \b
    Example:
      carnet-bench evaluate results/weights/carnet-mobile-0123456789ab.safetensors --split test
    """  # noqa: D301
    from bench.train.run import Settings
    from bench.train.score import evaluate_run

    settings = Settings(home, data_root, None, device, threads, tuple(_command()))
    with watching() as watch:
        record, same = evaluate_run(source, split, settings, lambda done, n: watch(split, done, n, 0))
    if same:
        log(f"every image's confusion matrix equals that of record {record.id}")
    if as_json:
        print_json({"accuracy_record": record.id, "same_as_recorded": same, "values": record.values})
    else:
        _print_scores(record.identity["data"], record.values, record.notes)


def publish(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    home: Home = Path(),
    as_json: Json = False,
) -> None:
    """Put a run's final weights into results/weights, named after their record, and list them there.

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


def curves(
    data: Annotated[str, typer.Option("--data", help="Data set.")],
    home: Home = Path(),
    as_json: Json = False,
) -> None:
    """Draw validation mIoU and training loss over epochs, from the training records of a data set.

    \b
    Example:
      carnet-bench curves --data camvid
    """  # noqa: D301
    from bench.report.curves import write_curves

    paths = write_curves(data, home)
    if as_json:
        print_json({"written": [str(path) for path in paths]})
    else:
        for path in paths:
            typer.echo(str(path))


def _command() -> list[str]:
    return ["carnet-bench", *sys.argv[1:]]


def _print_scores(data: dict[str, Any], values: dict[str, Any], notes: list[str]) -> None:
    typer.echo(f"{data['name']} {data['split']}, {values['images']} images")
    for name, iou in values["iou"].items():
        typer.echo(f"  {name:<14} {'-' if iou is None else f'{100 * iou:6.2f} %'}")
    typer.echo(f"  {'mIoU':<14} {100 * values['miou']:6.2f} %")
    for note in notes:
        typer.echo(f"  note: {note}")
