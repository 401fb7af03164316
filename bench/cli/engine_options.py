"""The options of commands that put trained weights into an engine, and what they come to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.speed.trained_subject import Wanted

Weights = Annotated[
    Path | None,
    typer.Option("--weights", help="A run's folder or weights file; without it, random weights."),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA[:SPLIT]",
        help="Score engines and eager on the data of the weights, by itself on val.",
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        "--calibrate",
        metavar="DATA[:COUNT]",
        help="For int8: so many images of the train split, by itself 32.",
    ),
]
CalibrationMethod = Annotated[
    str,
    typer.Option("--calibration-method", help="minmax, percentile or entropy: how int8 gets its ranges."),
]
Fp32Convolutions = Annotated[
    int,
    typer.Option("--fp32-convolutions", min=0, help="So many of the first convolutions int8 leaves in fp32."),
]
MaxLoss = Annotated[
    float, typer.Option("--max-loss", help="Points of mIoU that an engine may lose; more is refused.")
]


def what_is_wanted(
    weights: Path | None,
    precision: str,
    *,
    data: str | None,
    calibrate: str | None,
    method: str,
    points: float,
    fp32_convolutions: int = 3,
) -> Wanted:
    """Return what is asked for beside the weights; ``points`` of mIoU may be lost.

    Raises
    ------
    UsageError
        Data for random weights; int8 without weights or calibration; a calibration without int8.
    """
    from bench.speed.trained_subject import Wanted

    if precision == "int8" and (weights is None or calibrate is None):
        raise UsageError(
            "--precision int8: needs trained weights and images to calibrate with; random weights have no "
            "accuracy to lose, and without its loss the time means nothing",
            then="--weights FILE|RUN --calibrate DATA[:COUNT]",
        )
    if calibrate is not None and precision != "int8":
        raise UsageError(f"--calibrate: {precision} takes no calibration; allowed is with --precision int8")
    if weights is None and data is not None:
        raise UsageError("--data: random weights have no score; allowed is with --weights only")
    return Wanted(data, calibrate, method, fp32_convolutions, points / 100)
