"""``carnet-bench evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import DataRoot, Device, Home, Json, OwnModel, Threads
from bench.cli.output import command_line, log, print_json, print_scores
from bench.cli.parsing import parse_scales, parse_size
from bench.cli.progress import watching
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.evaluate.views import Views


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("evaluate")(evaluate)


def evaluate(
    source: Annotated[Path, typer.Argument(help="A run's folder, or a weights file that a run wrote.")],
    split: Annotated[str, typer.Option("--split", help="train is refused.")] = "test",
    model: OwnModel = None,
    scales: Annotated[
        list[str] | None, typer.Option("--scales", help="Factors, as 0.5,1,1.5 or the option repeated.")
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Each scale mirrored too.")] = False,
    msc: Annotated[bool, typer.Option("--msc", help="--scales 0.5,0.75,1,1.25,1.5,1.75 --flip.")] = False,
    window: Annotated[
        str | None, typer.Option("--window", help="HEIGHTxWIDTH: each view in windows of this size.")
    ] = None,
    stride: Annotated[
        str | None, typer.Option("--stride", help="HEIGHTxWIDTH between windows; else two thirds of one.")
    ] = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Evaluate the final weights of a run: one confusion matrix, at the labels' own size.

    Each image is shown once and whole, unless scales, --flip or --window ask for more views of it: then the
    probabilities of all of them are averaged. How an image was shown is part of the record's identity. When
    the same evaluation is on record, the two are compared image by image.

    \b
    Example:
      carnet-bench evaluate results/weights/carnet-mobile-0123456789ab.safetensors --split test
      carnet-bench evaluate runs/camvid-quick-0123456789ab --msc
      carnet-bench evaluate runs/cityscapes-paper-0123456789ab --split val --window 768x768 --stride 512x512
    """  # noqa: D301
    from bench.train.run import Settings
    from bench.train.score import evaluate_run

    views = _views(scales or [], flip, msc, window, stride)
    settings = Settings(home, data_root, None, device, threads, tuple(command_line()))
    with watching() as watch:
        record, same = evaluate_run(
            source, split, settings, lambda done, n: watch(split, done, n, 0), model, views=views
        )
    if same:
        log(f"every image's confusion matrix equals that of record {record.id}")
    if as_json:
        print_json(
            {
                "accuracy_record": record.id,
                "same_as_recorded": same,
                "protocol": record.stored["identity"]["protocol"],
                "values": record.stored["values"],
                "notes": record.notes,
            }
        )
    else:
        print_scores(record)


def _views(scales: list[str], flip: bool, msc: bool, window: str | None, stride: str | None) -> Views:
    from bench.evaluate.views import MSC, SINGLE, Views

    if msc and scales:
        raise UsageError("--msc names its scales itself; allowed is either --msc or --scales")
    factors = MSC.scales if msc else parse_scales(scales) or SINGLE.scales
    sizes = [None if text is None else parse_size(text) for text in (window, stride)]
    return Views(factors, flip or msc, *sizes)
