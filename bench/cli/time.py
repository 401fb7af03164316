"""``carnet-bench time``: latency of networks on this machine, and whether the measurement is valid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import (
    RANDOM_CLASSES,
    Budget,
    Calibrate,
    CalibrationMethod,
    Classes,
    DataRoot,
    Deploy,
    Device,
    EngineName,
    Fp32Convolutions,
    Home,
    Json,
    MaxLoss,
    Models,
    ScoredData,
    SizeOrFile,
    Threads,
    TimingPrecision,
    Weights,
    wanted_of,
)
from bench.cli.output import command_line, log_written, measurements, parity_lines, print_json
from bench.cli.parsing import parse_duration, parse_size, whole_number
from bench.cli.progress import timing
from bench.cli.time_end_to_end import EndToEnd, time_end_to_end
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clock.clock import Progress
    from bench.results.record import SpeedRecord
    from bench.speed.net_file import NetFile
    from bench.speed.trained_subject import TrainedSubject

_BUDGET = "60s"


def time_networks(
    *,
    models: Models,
    size: SizeOrFile = None,
    classes: Classes = None,
    weights: Weights = None,
    engine: Annotated[
        list[EngineName] | None,
        typer.Option("--engine", help="Repeat it to time engines against each other.  [default: eager]"),
    ] = None,
    precision: Annotated[
        TimingPrecision, typer.Option("--precision", help="int8 needs --weights and --calibrate.")
    ] = "fp32",
    data: ScoredData = None,
    calibrate: Calibrate = None,
    calibration_method: CalibrationMethod = "minmax",
    fp32_convolutions: Fp32Convolutions = 3,
    max_loss: MaxLoss = 1.0,
    data_root: DataRoot = None,
    deploy: Deploy = False,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            "--batch", **whole_number(1, 4096), help="Images per call; repeat it for a sweep.  [default: 1]"
        ),
    ] = None,
    end_to_end: EndToEnd = None,
    threads: Threads = None,
    device: Device = "auto",
    samples: Annotated[
        int,
        typer.Option("--samples", **whole_number(1, 1_000_000), help="Samples per network; p99 needs 100."),
    ] = 100,
    budget: Budget = None,
    home: Home = Path(),
    as_json: Json = False,
) -> None:
    """Time networks on this machine, one against the other.

    Calls are warm, synchronised and interleaved; weights are random unless --weights is given. The default
    budget of 60s may end sampling early. An engine's output is compared with eager fp32 before it is timed;
    if it differs, the command stops with exit code 3. With --weights and --data every engine is also scored
    on a split whose images have this size; int8 is always scored, and a loss above --max-loss stops with exit
    code 3. eager uses the device's faster layout (channels_last on a CPU), nchw the other one. Every
    measurement is recorded, valid or not; exit code 4 when none is valid. --end-to-end times one network from
    image files to label maps: decode, normalise, model, argmax, the loader (the first two), and all together.

    MODEL may be a network's file, .onnx or OpenVINO's .xml: the file itself is timed, in onnxruntime or
    openvino, at its own size, and the record holds its SHA-256.

    \b
    Example:
      carnet-bench time carnet-mobile bs-mobile --size 512x1024 --threads 2 --budget 2m
      carnet-bench time carnet-mobile --size 512x1024 --engine onnxruntime --engine openvino --deploy
      carnet-bench time carnet-mobile.onnx --engine onnxruntime --engine openvino
      carnet-bench time carnet-mobile --size 360x480 --weights runs/NAME --precision int8 \\
        --calibrate camvid:32 --engine openvino --deploy
    """  # noqa: D301
    budget_s = parse_duration(budget or _BUDGET)
    from bench.clock.protocol import Protocol
    from bench.models import resolve
    from bench.results.store import add_record
    from bench.speed.measure import measure_speed
    from bench.speed.net_file import is_net_file, method_of, open_net_file
    from bench.speed.trained_subject import open_subject
    from bench.speed.variant import Variant

    files = {name: open_net_file(Path(name)) for name in models if is_net_file(name)}
    methods = [method_of(files[name]) if name in files else resolve(name) for name in models]
    size_hw = _size(size, list(files.values()), len(models))
    batches = batch or [next((one.shape[0] for one in files.values()), 1)]
    if files and (weights is not None or end_to_end is not None):
        raise UsageError(
            "a network's file has its own weights and is timed alone; drop --weights, --end-to-end"
        )
    if files:
        classes = classes or next(one.num_classes for one in files.values())
        engine = engine or [EngineName(next(iter(files.values())).engines[0])]
    asked = wanted_of(
        weights,
        precision,
        data=data,
        calibrate=calibrate,
        method=calibration_method,
        fp32_convolutions=fp32_convolutions,
        points=max_loss,
    )
    if weights is not None and len(methods) != 1:
        raise UsageError(f"--weights belongs to one model; {len(methods)} models given")

    def trained(images: int, show: Progress) -> TrainedSubject | None:
        if weights is None:
            return None
        shape = (images, 3, *size_hw)
        return open_subject(
            weights, methods[0], shape, asked, classes=classes, data_root=data_root, home=home, progress=show
        )

    variants = [Variant(str(name), precision, deploy) for name in engine or [EngineName.eager]]
    if end_to_end is not None:
        if weights is not None or batches != [1]:
            raise UsageError(
                "--end-to-end times random weights, one image per call; drop --weights and --batch"
            )
        time_end_to_end(
            end_to_end,
            methods,
            size_hw,
            variants,
            classes=classes or RANDOM_CLASSES,
            threads=threads,
            device=device,
            protocol=Protocol(samples=samples, budget_s=budget_s),
            command=command_line(),
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
                num_classes=(classes or RANDOM_CLASSES) if subject is None else subject.num_classes,
                batch=images,
                threads=threads,
                device=device,
                variants=variants,
                trained=subject,
                protocol=Protocol(samples=samples, budget_s=budget_s / len(batches)),
                command=command_line(),
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


def _size(text: str | None, files: Sequence[NetFile], models: int) -> tuple[int, int]:
    """Return the input's height and width: as given, or that of the files where there is nothing else."""
    if text is not None:
        return parse_size(text)
    if len(files) < models:
        raise UsageError("time needs --size HEIGHTxWIDTH", then="carnet-bench time --help")
    return files[0].size_hw


def _print_table(records: Sequence[SpeedRecord]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    first = records[0].identity
    height, width = first.size
    table = Table(
        title=f"{height}x{width}, batch {first.batch}, {first.device}, {first.threads} threads, "
        f"{first.precision}",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("model")  # shrinks in a narrow terminal; numbers must not
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
        accuracy = [] if score is None else [str(score)]
        for line in (
            f"{record.values.samples} samples",
            *parity_lines(record.values.parity or {}),
            *accuracy,
            *(f"not valid: {reason}" for reason in record.reasons),
            *record.notes,
        ):
            console.print(f"{record.identity.title}: {line}", soft_wrap=True, markup=False, highlight=False)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
