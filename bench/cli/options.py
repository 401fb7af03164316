"""The options that several commands share: each is declared once, here."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.parsing import folder_home, number, stored_home, stored_reports, whole_number
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.speed.trained_subject import Wanted

# Names alone: `--help` must not import torch. A test compares them with what the code takes.
TableName = Literal[
    "table1", "table2", "table3", "table4", "table5",
    "fig1", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9", "fig10", "fig11", "fig12",
    "claims", "summary", "all",
]  # fmt: skip
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
TrainingPrecision = Literal["fp32", "bf16", "fp16"]
TimingPrecision = Literal["fp32", "bf16", "fp16", "int8"]
ExportPrecision = Literal["fp32", "int8"]
Calibrator = Literal["minmax", "percentile", "entropy"]
# typer takes no list of literals
EngineName = StrEnum(
    "EngineName",
    ["eager", "nchw", "channels_last", "compile", "cudagraphs", "onnxruntime", "openvino", "tensorrt"],
)

RANDOM_CLASSES = 19
"""Output classes of a network with random weights."""

_HOME = "Project folder; its data/ is searched last."
_OR_URL = f"{_HOME} Or one on shared storage, e.g. s3://BUCKET/PREFIX."
Home = Annotated[
    Path,
    typer.Option(
        "--home", envvar="CARNET_BENCH_HOME", parser=stored_home, metavar="FOLDER|URL", help=_OR_URL
    ),
]
ReportHome = Annotated[
    Path,
    typer.Option(
        "--home", envvar="CARNET_BENCH_HOME", parser=stored_reports, metavar="FOLDER|URL", help=_OR_URL
    ),
]
FolderHome = Annotated[
    Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", parser=folder_home, metavar="FOLDER", help=_HOME)
]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", help="The data set's own folder; overrides CARNET_DATA.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|FILE.toml|FOLDER",
        help="Data set: a name of `data list`, or your own by the file that `data init` writes.",
        show_default=False,
    ),
]
DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="data_options.KEY=VALUE", help="An option of the data set, as in a recipe."
    ),
]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights-file", help="The encoder's ImageNet weights, safetensors.")
]
Device = Annotated[DeviceName, typer.Option("--device", help="Where to compute.")]
Devices = Annotated[
    int | None,
    typer.Option(
        "--devices",
        **whole_number(1, 1024),
        help="Devices that share the work, one process each; default: those of torchrun or srun, or 1.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", **whole_number(1, 1024), help="CPU threads of torch.")
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="TIME",
        help="Time for the whole command, e.g. 90s, 10m or 1h30m.",
        show_default=False,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds", **whole_number(1, 1000), help="Number of seeds (3: 0, 1, 2); fewer get no verdict."
    ),
]
Cluster = Annotated[
    Literal["ray"] | None,
    typer.Option("--cluster", help="Train several runs at once, as tasks of Ray.", show_default=False),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT|auto",
        help="With --cluster: a running cluster; default: one on this machine, which ends with the command.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="List the runs and estimate their time; write nothing.")
]
Size = Annotated[
    str, typer.Option("--size", metavar="HEIGHTxWIDTH", help="Input size in pixels, height first.")
]
SizeOrOwn = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="HEIGHTxWIDTH",
        help="Input size in pixels, height first; default: 512x1024, with --all each method's own.",
    ),
]
SizeOrFile = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="HEIGHTxWIDTH",
        help="Input size in pixels, height first; a network's file has its own.",
        show_default=False,
    ),
]
SizeOrImages = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="HEIGHTxWIDTH",
        help="Input size of times and operations in pixels; default: the images' own.",
    ),
]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", metavar="FILE.py:FUNCTION", help="The network, where a run trained your own."),
]
Models = Annotated[
    list[str],
    typer.Argument(metavar="MODEL", help="A name of `models`, FILE.py:FUNCTION, or a .onnx or .xml file."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where to write.", show_default=False)]
Partial = Annotated[bool, typer.Option("--partial", help="Accept a part of the data set, as in NAME_sample.")]
Msc = Annotated[bool, typer.Option("--msc", help="Scales 0.5,0.75,1,1.25,1.5,1.75, each also mirrored.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]

StatisticsName = Annotated[
    Literal["imagenet", "half"] | None,
    typer.Option(
        "--statistics",
        help="Normalisation of a network's file that does not say it: ImageNet's, or x / 127.5 - 1.",
        show_default=False,
    ),
]
OfKind = Annotated[
    Literal["accuracy", "training", "speed"] | None, typer.Option("--kind", help="Only records of this kind.")
]
OfModel = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Only records of this method.")]
OfData = Annotated[str | None, typer.Option("--data", help="Only records on this data set.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the rows to this file instead.")]

Classes = Annotated[
    int | None,
    typer.Option(
        "--classes", **whole_number(1, 65535), help="Output classes; default: the weights' own, else 19."
    ),
]
Deploy = Annotated[bool, typer.Option("--deploy", help="Fold a CARNet for inference first.")]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE|RUN", help="Trained weights; default: random weights."),
]
ScoredData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA[:SPLIT]",
        help="Also score every engine, and eager, on this data set (default split: val).",
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        "--calibrate", metavar="DATA[:COUNT]", help="Calibrate int8 on COUNT training images (default 32)."
    ),
]
CalibrationMethod = Annotated[
    Calibrator, typer.Option("--calibration-method", help="How int8 gets its ranges.")
]
Fp32Convolutions = Annotated[
    int,
    typer.Option(
        "--fp32-convolutions", **whole_number(0, 10_000), help="Keep the first N convolutions in fp32."
    ),
]
MaxLoss = Annotated[
    float,
    typer.Option(
        "--max-loss", **number(0, 100), help="Largest loss of mIoU an engine may have, in percent points."
    ),
]


def wants_document(words: list[str]) -> bool:
    """Return whether a command line asks for a JSON document on stdout."""
    return "--json" in words and not {"--help", "--version"} & set(words)


def wanted_of(
    weights: Path | None,
    precision: str,
    *,
    data: str | None,
    calibrate: str | None,
    method: str,
    points: float,
    fp32_convolutions: int,
) -> Wanted:
    """Return what the options request for trained weights in an engine that may lose ``points`` of mIoU.

    Raises:
        UsageError: Data for random weights; int8 without weights or calibration; a calibration without int8.
    """
    from bench.speed.trained_subject import Wanted

    if precision == "int8" and (weights is None or calibrate is None):
        raise UsageError(
            "--precision int8 needs trained weights and calibration images: random weights have no accuracy "
            "to lose, and a time without the loss means nothing",
            then="--weights FILE|RUN --calibrate DATA[:COUNT]",
        )
    if calibrate is not None and precision != "int8":
        raise UsageError(f"--calibrate needs --precision int8; {precision} takes no calibration")
    if weights is None and data is not None:
        raise UsageError("--data needs --weights: random weights have no score")
    return Wanted(data, calibrate, method, fp32_convolutions, points / 100)
