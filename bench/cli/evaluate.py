"""``carnet-bench evaluate``: the score of trained weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.options import (
    Data,
    DataRoot,
    Device,
    Devices,
    Home,
    Json,
    Msc,
    OwnModel,
    StatisticsName,
    Threads,
)
from bench.cli.output import command_line, log, print_json, print_scores, require_valid_score
from bench.cli.parsing import parse_scales, parse_size, stored_source
from bench.cli.progress import watching
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.evaluate.views import Views


def evaluate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="WEIGHTS",
            parser=stored_source,
            help="A run's folder or a weights file, or the URL of one, or a .onnx or .xml file.",
        ),
    ],
    split: Annotated[
        Literal["val", "test"], typer.Option("--split", help="Split to score; never the training images.")
    ] = "test",
    model: OwnModel = None,
    data: Data = None,
    statistics: StatisticsName = None,
    scales: Annotated[
        list[str] | None, typer.Option("--scales", metavar="FACTORS", help="Input scales, e.g. 0.5,1,1.5.")
    ] = None,
    flip: Annotated[bool, typer.Option("--flip", help="Also mirror each scale.")] = False,
    msc: Msc = False,
    window: Annotated[
        str | None, typer.Option("--window", metavar="HEIGHTxWIDTH", help="Size of a sliding window.")
    ] = None,
    stride: Annotated[
        str | None,
        typer.Option("--stride", metavar="HEIGHTxWIDTH", help="Step of the window; default: 2/3 of it."),
    ] = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    device: Device = "auto",
    devices: Devices = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Score a run's final weights on a split.

    One confusion matrix over all images, at the labels' own size. Each image is seen once and whole; with
    --scales, --flip, --msc or --window the probabilities of all views are averaged. The views are part of the
    record's identity. If the same evaluation is on record, both are compared image by image.

    With --devices, torchrun or srun each process scores its share of the images: the same matrix of every
    image, and so the same record.

    A network's file (.onnx in ONNX Runtime, .xml in OpenVINO) is run itself, on images of its size; classes
    and normalisation are those that `export` wrote into it, else --data and --statistics. The record holds
    its SHA-256.

    \b
    Example:
      carnet-bench evaluate results/weights/carnet-mobile-0123456789ab.safetensors --split test
      carnet-bench evaluate runs/camvid-quick-0123456789ab --msc
      carnet-bench evaluate runs/camvid-quick-0123456789ab --devices 2
      carnet-bench evaluate carnet-mobile.onnx --data camvid --split val
      carnet-bench evaluate runs/default-0123456789ab --data photos/data.toml --split val
      carnet-bench evaluate runs/cityscapes-paper-0123456789ab --split val --window 768x768 --stride 512x512
    """  # noqa: D301
    from bench.fabric import number_of_processes
    from bench.speed.net_file import is_net_file
    from bench.train.score import evaluate_run
    from bench.train.settings import Settings

    views = _views(scales or [], flip, msc, window, stride)
    settings = Settings(home, data_root, None, device, threads, command_line(), devices=devices)
    is_file = is_net_file(source)
    shared = number_of_processes(devices) > 1
    if is_file and (shared or not views.single or model is not None or device not in ("auto", "cpu")):
        raise UsageError(
            f"{source}: a network's file is run on the CPU in one process, on whole images of its size; drop "
            "--model, --device, --devices, --scales, --flip, --msc and --window"
        )
    if not is_file and statistics is not None:
        raise UsageError("--statistics is for a .onnx or .xml file; weights have their own")
    with watching() as watch:

        def progress(done: int, images: int) -> None:
            watch(split, done, images, 0)

        if is_file:
            from bench.speed.file_score import evaluate_file

            record, same = evaluate_file(
                source, split, settings, progress, data_set=data, statistics=statistics
            )
        else:
            record, same = evaluate_run(source, split, settings, progress, model, views=views, data_set=data)
    if same:
        log(f"every image's confusion matrix equals that of record {record.id}")
    if as_json:
        print_json(
            {
                "accuracy_record": record.id,
                "same_as_recorded": same,
                "protocol": record.stored["identity"]["protocol"],
                "values": record.stored["values"],
                "valid": record.valid,
                "reasons": record.reasons,
                "notes": record.notes,
            }
        )
    else:
        print_scores(record)
    require_valid_score(record)


def _views(scales: list[str], flip: bool, msc: bool, window: str | None, stride: str | None) -> Views:
    from bench.evaluate.views import MSC, SINGLE, Views

    if msc and scales:
        raise UsageError("--msc sets the scales itself; give either --msc or --scales")
    factors = MSC.scales if msc else parse_scales(scales) or SINGLE.scales
    sizes = [None if text is None else parse_size(text) for text in (window, stride)]
    return Views(factors, flip or msc, *sizes)
