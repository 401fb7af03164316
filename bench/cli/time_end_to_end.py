"""``carnet-bench time MODEL --end-to-end IMAGES``: from image files to label maps, part by part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.output import log_written, measurements, print_json, print_lines
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baselines.method import Method
    from bench.clock.protocol import Protocol
    from bench.results.record import SpeedRecord
    from bench.speed.variant import Variant

EndToEnd = Annotated[
    Path | None,
    typer.Option(
        "--end-to-end",
        metavar="IMAGES",
        help="Also time decoding, normalising and argmax, on this image or folder of images.",
    ),
]


def time_end_to_end(
    source: Path,
    methods: Sequence[Method],
    size_hw: tuple[int, int],
    variants: Sequence[Variant],
    *,
    classes: int,
    threads: int | None,
    device: str,
    protocol: Protocol,
    command: Sequence[str],
    home: Path,
    as_json: bool,
) -> None:
    """Time one network from files to labels, write the record and print the parts.

    Raises
    ------
    UsageError
        More than one network or engine.
    RefusedInput
        No images found.
    NotMeasured
        The measurement is not valid.
    """
    from bench.cli.progress import timing
    from bench.data.unlabelled import find_images
    from bench.results.store import add_record
    from bench.speed.pipeline import measure_end_to_end

    if len(methods) != 1 or len(variants) != 1:
        raise UsageError(
            f"--end-to-end: {len(methods)} models and {len(variants)} engines; expected one of each"
        )
    found = find_images(source)
    with timing() as show:
        record = measure_end_to_end(
            methods[0],
            size_hw,
            found.images,
            variant=variants[0],
            num_classes=classes,
            threads=threads,
            device=device,
            protocol=protocol,
            command=command,
            progress=show,
        )
    record, path = add_record(record, home)
    if as_json:
        print_json(measurements([record]))
    else:
        _print_parts(record)
    log_written([(record, path)])


def _print_parts(record: SpeedRecord) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    height, width = record.identity.size
    images = record.identity.images.count if record.identity.images else "-"
    whole_ms = record.values.median_ms
    table = Table(
        title=f"{record.identity.title}, {images} images to {height}x{width}, "
        f"{record.identity.device}, {record.identity.threads} threads",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("part", no_wrap=True)
    for column in ("median ms", "p90 ms", "of the whole", "images/s"):
        table.add_column(column, justify="right")
    for name, values in record.values.parts.items():
        share = "-" if whole_ms <= 0 else f"{100 * values.median_ms / whole_ms:.0f} %"
        rate = "-" if values.fps is None else f"{values.fps:.4g}"
        table.add_row(name, f"{values.median_ms:.4g}", f"{values.p90_ms:.4g}", share, rate)
    Console().print(table)
    print_lines([*(f"not valid: {reason}" for reason in record.reasons), *record.notes])
