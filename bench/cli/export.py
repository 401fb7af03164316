"""``carnet-bench export``: a network as an ONNX or OpenVINO file, verified against eager."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.options import (
    RANDOM_CLASSES,
    Calibrate,
    CalibrationMethod,
    Classes,
    DataRoot,
    Deploy,
    ExportPrecision,
    FolderHome,
    Fp32Convolutions,
    Json,
    MaxLoss,
    Overwrite,
    ScoredData,
    Size,
    Weights,
    wanted_of,
)
from bench.cli.output import parity_lines, print_json, print_lines
from bench.cli.parsing import parse_size, whole_number
from bench.cli.progress import timing
from bench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from baselines.method import Method
    from bench.speed.trained_subject import TrainedSubject


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name of `models`, or FILE.py:FUNCTION.")],
    *,
    size: Size,
    out: Annotated[Path, typer.Option("--out", help="File to write: .onnx, or .xml (with .bin next to it).")],
    onnx: Annotated[bool, typer.Option("--onnx", help="Write ONNX.")] = False,
    openvino: Annotated[bool, typer.Option("--openvino", help="Write OpenVINO's own format.")] = False,
    classes: Classes = None,
    weights: Weights = None,
    precision: Annotated[
        ExportPrecision, typer.Option("--precision", help="int8 needs --weights and --calibrate.")
    ] = "fp32",
    data: ScoredData = None,
    calibrate: Calibrate = None,
    calibration_method: CalibrationMethod = "minmax",
    fp32_convolutions: Fp32Convolutions = 3,
    max_loss: MaxLoss = 1.0,
    data_root: DataRoot = None,
    home: FolderHome = Path(),
    deploy: Deploy = False,
    batch: Annotated[int, typer.Option("--batch", **whole_number(1, 4096), help="Images per call.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a network as an ONNX or OpenVINO file.

    The file maps normalised images (b, 3, h, w) of one size to logits (b, classes, h, w), fp32. It is loaded
    and compared with eager fp32 on noise and on photo-like images; if it differs, it is removed (exit code
    3). With --data, file and eager are scored on a split whose images have this size; int8 is always scored,
    and a loss above --max-loss is refused (exit code 3). The normalisation's mean and standard deviation,
    size and classes are stored in the file under the key carnet_bench.

    \b
    Example:
      carnet-bench export carnet-mobile --onnx --size 512x1024 --deploy --out carnet-mobile.onnx
      carnet-bench export carnet-mobile --openvino --size 360x480 --deploy --weights runs/NAME \\
        --precision int8 --calibrate camvid:32 --out carnet-mobile-int8.xml
    """  # noqa: D301
    if onnx == openvino:
        raise UsageError("export: give either --onnx or --openvino")
    form, size_hw = "onnx" if onnx else "openvino", parse_size(size)
    from bench.models import resolve
    from bench.own.guard import user_code
    from bench.speed.device import open_device
    from bench.speed.export import check_out, export_network
    from bench.speed.parity import as_values

    method = resolve(model)
    check_out(form, out)
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; give --overwrite to replace it")
    asked = wanted_of(
        weights,
        precision,
        data=data,
        calibrate=calibrate,
        method=calibration_method,
        fp32_convolutions=fp32_convolutions,
        points=max_loss,
    )
    with timing() as show:
        subject = None
        if weights is None:
            network, description = _random(method, classes)
        else:
            subject, description = _trained(
                method,
                weights,
                classes,
                (batch, 3, *size_hw),
                wanted=asked,
                data_root=data_root,
                home=home,
                progress=show,
            )
            network = subject.network(method, open_device("cpu"))
        described = {**description, "size": list(size_hw), "batch": batch, "deploy": deploy}
        if subject is not None and subject.calibration is not None:
            described |= {"precision": precision, "calibration": subject.calibration.identity()}
        with user_code("export", method):
            done = export_network(
                network,
                description["model"],
                size_hw,
                out,
                form=form,
                description=described,
                batch=batch,
                deploy=deploy,
                precision=precision,
                calibration=None if subject is None else subject.calibration,
                judge=None if subject is None else subject.judge,
            )
    parity = as_values(done.parity)
    if as_json:
        accuracy = {} if done.accuracy is None else {"accuracy": done.accuracy.model_dump()}
        print_json({**described, "files": [str(path) for path in done.files], "parity": parity, **accuracy})
        return
    print_lines(parity_lines(done.parity))
    if done.accuracy is not None:
        typer.echo(str(done.accuracy))
    for path in done.files:
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _random(method: "Method", classes: int | None) -> tuple["nn.Module", dict[str, Any]]:
    import dataclasses

    from bench.data.statistics import statistics_by_name
    from bench.speed.device import open_device
    from bench.speed.subjects import build_network

    count = classes or RANDOM_CLASSES
    statistics = statistics_by_name(method.statistics)
    network = build_network(method, count, open_device("cpu"))
    described = {"model": method.name, "weights": "random", "classes": count}
    return network, {**described, "statistics": dataclasses.asdict(statistics)}


def _trained(
    method: "Method", weights: Path, classes: int | None, shape: tuple[int, int, int, int], **others: Any
) -> tuple["TrainedSubject", dict[str, Any]]:
    import dataclasses

    from bench.speed.trained_subject import open_subject

    subject = open_subject(weights, method, shape, classes=classes, **others)
    return subject, {
        "model": method.name,
        "weights": subject.weights.sha256,
        "data": subject.data.name,
        "classes": list(subject.data.classes),
        "statistics": dataclasses.asdict(subject.weights.statistics),
        "notes": list(subject.notes),
    }
