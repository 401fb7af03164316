"""``carnet-bench time``: latency of networks on this machine, with a verdict on the measurement itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from bench.cli.engine_options import (
    Calibrate,
    CalibrationMethod,
    Data,
    Fp32Convolutions,
    MaxLoss,
    Weights,
    what_is_wanted,
)
from bench.cli.measurements import log_written, measurements
from bench.cli.options import DataRoot
from bench.cli.output import print_json
from bench.cli.parsing import parse_duration, parse_size
from bench.cli.progress import timing
from bench.cli.time_end_to_end import EndToEnd, time_end_to_end
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.clock.clock import Progress
    from bench.results.record import SpeedRecord
    from bench.results.record_types import Parity
    from bench.speed.trained_subject import TrainedSubject

_RANDOM_CLASSES = 19


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("time")(time_networks)


def time_networks(
    *,
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Names, or path/file.py:build.")],
    size: Annotated[str, typer.Option("--size", help="HEIGHTxWIDTH of the input, pixels.")],
    classes: Annotated[
        int | None,
        typer.Option("--classes", min=1, help="Classes of the output; without it the weights' own, else 19."),
    ] = None,
    weights: Weights = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine",
            help="eager, nchw, channels_last, compile, cudagraphs, onnxruntime, openvino or tensorrt; "
            "several times to time them against each other. Without it, eager.",
        ),
    ] = None,
    precision: Annotated[str, typer.Option("--precision", help="fp32, bf16, fp16 or int8.")] = "fp32",
    data: Data = None,
    calibrate: Calibrate = None,
    calibration_method: CalibrationMethod = "minmax",
    fp32_convolutions: Fp32Convolutions = 3,
    max_loss: MaxLoss = 1.0,
    data_root: DataRoot = None,
    deploy: Annotated[bool, typer.Option("--deploy", help="Fold the network for inference first.")] = False,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", min=1, help="Images a call; several times for a sweep. Without it, 1."),
    ] = None,
    end_to_end: EndToEnd = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads; without it, torch's own choice.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")] = "auto",
    samples: Annotated[
        int,
        typer.Option("--samples", min=1, help="Samples wanted; p99 needs 100. Very short calls get more."),
    ] = 100,
    budget: Annotated[
        str,
        typer.Option("--budget", help="Time for the whole command, e.g. 60s or 10m; it may end sampling."),
    ] = "60s",
    home: Annotated[
        Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Home folder; records go below it.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Time networks against each other: warm, synchronised, interleaved; random weights unless --weights.

    What an engine computes is compared with eager fp32 before it is timed; when it differs, the command ends
    with exit code 3 and no time. With --weights and --data every engine is scored on a split too, beside
    eager; its images must have the size given. int8 always is, and a loss above --max-loss ends with exit
    code 3. eager takes the device's faster layout (channels_last on a CPU), nchw the
    other one. Each measurement is written as a record, one that is not valid too. Exit code 4 when none is
    valid. --end-to-end times one network from image files to label maps: decode, normalise, model, argmax,
    the loader (the first two), and all in one.

    \b
    Example:
      carnet-bench time carnet-mobile bs-mobile --size 512x1024 --threads 2 --budget 2m
      carnet-bench time carnet-mobile --size 512x1024 --engine onnxruntime --engine openvino --deploy
      carnet-bench time carnet-mobile --size 360x480 --weights runs/NAME --precision int8 \\
        --calibrate camvid:32 --engine openvino --deploy
    """  # noqa: D301
    size_hw, budget_s = parse_size(size), parse_duration(budget)
    from bench.clock.protocol import Protocol
    from bench.models import resolve
    from bench.results.store import add_record
    from bench.speed.measure import measure_speed
    from bench.speed.trained_subject import open_subject
    from bench.speed.variant import Variant

    methods, batches = [resolve(name) for name in models], batch or [1]
    asked = what_is_wanted(
        weights,
        precision,
        data=data,
        calibrate=calibrate,
        method=calibration_method,
        fp32_convolutions=fp32_convolutions,
        points=max_loss,
    )
    if weights is not None and len(methods) != 1:
        raise UsageError(f"--weights: of one run, for {len(methods)} models; allowed is one MODEL")

    def trained(images: int, show: Progress) -> TrainedSubject | None:
        if weights is None:
            return None
        shape = (images, 3, *size_hw)
        return open_subject(
            weights, methods[0], shape, asked, classes=classes, data_root=data_root, home=home, progress=show
        )

    variants = [Variant(name, precision, deploy) for name in engine or ["eager"]]
    if end_to_end is not None:
        if weights is not None or batches != [1]:
            raise UsageError(
                "--end-to-end: of random weights and one image a call, without --weights, --batch"
            )
        time_end_to_end(
            end_to_end,
            methods,
            size_hw,
            variants,
            classes=classes or _RANDOM_CLASSES,
            threads=threads,
            device=device,
            protocol=Protocol(samples=samples, budget_s=budget_s),
            command=("carnet-bench", *sys.argv[1:]),
            home=home,
            as_json=as_json,
        )
        return
    with timing() as show:
        records = [
            record
            for images in batches
            for subject in [trained(images, show)]
            for record in measure_speed(
                methods,
                size_hw,
                num_classes=(classes or _RANDOM_CLASSES) if subject is None else subject.num_classes,
                batch=images,
                threads=threads,
                device=device,
                variants=variants,
                trained=subject,
                protocol=Protocol(samples=samples, budget_s=budget_s / len(batches)),
                command=("carnet-bench", *sys.argv[1:]),
                progress=show,
            )
        ]
    written = [add_record(record, home) for record in records]
    if as_json:
        print_json(measurements([record for record, _ in written]))
    else:
        for images in dict.fromkeys(record.identity.batch for record, _ in written):
            _print_table([record for record, _ in written if record.identity.batch == images])
    log_written(written)


def _print_table(records: Sequence[SpeedRecord]) -> None:
    from bench.speed.accuracy import Accuracy

    first = records[0].identity
    height, width = first.size
    table = Table(
        title=f"{height}x{width}, batch {first.batch}, {first.device}, {first.threads} threads, "
        f"{first.precision}",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("model")  # gives way in a narrow terminal: a number cut short is none
    for column in ("median\nms", "p90\nms", "p99\nms", "FPS", "GEMM\nbound ms", "of\nbound", "valid"):
        table.add_column(column, justify="right", no_wrap=True)
    for record in records:
        values = record.values
        numbers = (values.median_ms, values.p90_ms, values.p99_ms, values.fps, values.gemm_bound_ms)
        reached = values.gemm_fraction
        table.add_row(
            record.identity.title,
            *map(_number, numbers),
            "-" if reached is None else f"{100 * reached:.0f} %",
            "yes" if record.valid else "no",
        )
    console = Console()
    console.print(table)
    for record in records:
        score = record.values.accuracy
        accuracy = [] if score is None else [str(Accuracy(**score.model_dump()))]
        for line in (
            f"{record.values.samples} samples",
            *_parity(record.values.parity or {}),
            *accuracy,
            *(f"not valid: {reason}" for reason in record.reasons),
            *record.notes,
        ):
            console.print(f"{record.identity.title}: {line}", soft_wrap=True, markup=False, highlight=False)


def _parity(found: Mapping[str, Parity]) -> list[str]:
    return [
        f"against eager fp32 on {kind} inputs: largest difference {one.max_abs:.3g}, relative "
        f"{one.relative:.3g}, same class at {one.argmax_agreement:.4%} of the pixels"
        for kind, one in found.items()
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
