"""``carnet-bench export``: a network as an ONNX or OpenVINO file, with what it was compared by."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.output import print_json
from bench.cli.parsing import parse_size
from bench.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

_RANDOM_CLASSES = 19


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    app.command("export")(export)


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name, or path/file.py:build.")],
    *,
    size: Annotated[str, typer.Option("--size", help="HEIGHTxWIDTH of the input, pixels.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .onnx, or .xml with .bin beside it.")],
    onnx: Annotated[bool, typer.Option("--onnx", help="As ONNX.")] = False,
    openvino: Annotated[bool, typer.Option("--openvino", help="As OpenVINO's own files.")] = False,
    classes: Annotated[
        int | None,
        typer.Option("--classes", min=1, help="Classes; without it the weights' own, else 19."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="A run's folder or weights file; without it, random weights."),
    ] = None,
    deploy: Annotated[bool, typer.Option("--deploy", help="Fold the network for inference first.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images a call.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Write a network for one input size: normalised image (b, 3, h, w) to logits (b, classes, h, w), fp32.

    What was written is loaded and compared with eager fp32 on noise and on photo-like images; when it
    differs, there is no file (exit code 3). Mean and standard deviation of the normalisation, size and
    classes stand in the file under the key carnet_bench.

    \b
    Example:
      carnet-bench export carnet-mobile --onnx --size 512x1024 --deploy --out carnet-mobile.onnx
    """  # noqa: D301
    if onnx == openvino:
        raise UsageError("export: give one of --onnx and --openvino")
    form, size_hw = "onnx" if onnx else "openvino", parse_size(size)
    from bench.speed.export import check_out, export_network
    from bench.speed.parity import as_values

    check_out(form, out)
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: is there already; give --overwrite to replace it")
    network, description = _random(model, classes) if weights is None else _trained(model, weights, classes)
    described = {**description, "size": list(size_hw), "batch": batch, "deploy": deploy}
    done = export_network(
        network,
        description["model"],
        size_hw,
        out,
        form=form,
        description=described,
        batch=batch,
        deploy=deploy,
    )
    parity = as_values(done.parity)
    if as_json:
        print_json({**described, "files": [str(path) for path in done.files], "parity": parity})
        return
    for kind, one in parity.items():
        typer.echo(
            f"against eager fp32 on {kind} inputs: largest difference {one['max_abs']:.3g}, relative "
            f"{one['relative']:.3g}, same class at {one['argmax_agreement']:.4%} of the pixels"
        )
    for path in done.files:
        typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _random(model: str, classes: int | None) -> tuple["nn.Module", dict[str, Any]]:
    import dataclasses

    from bench.data.statistics import statistics_by_name
    from bench.models import resolve
    from bench.speed.device import open_device
    from bench.speed.subjects import build_network

    method, count = resolve(model), classes or _RANDOM_CLASSES
    statistics = statistics_by_name(method.statistics)
    network = build_network(method, count, open_device("cpu"))
    described = {"model": method.name, "weights": "random", "classes": count}
    return network, {**described, "statistics": dataclasses.asdict(statistics)}


def _trained(model: str, weights: Path, classes: int | None) -> tuple["nn.Module", dict[str, Any]]:
    import dataclasses

    import torch

    from bench.data.classes import class_list
    from bench.data.unlabelled import ImageFiles
    from bench.models import resolve
    from bench.train.trained import open_weights

    trained, method = open_weights(weights), resolve(model)
    if trained.identity["model"] != method.name:
        raise UsageError(f"{weights}: weights of {trained.identity['model']}, not of {method.name}")
    data = ImageFiles(trained.recipe.data, *class_list(trained.recipe.data))
    if classes not in (None, len(data.classes)):
        raise UsageError(
            f"--classes {classes}: the weights are of {trained.recipe.data}, {len(data.classes)} classes"
        )
    return trained.network(method, data, torch.device("cpu")), {
        "model": method.name,
        "weights": trained.sha256,
        "classes": list(data.classes),
        "statistics": dataclasses.asdict(trained.statistics),
        "notes": list(trained.notes),
    }
