"""Where output goes: one JSON document on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.results.record import AccuracyRecord


def print_json(document: Any) -> None:
    """Write one JSON document to stdout.

    Raises
    ------
    ValueError
        NaN or infinity in the document; nothing is written then.
    """
    # whole before the first byte goes out: json.dump would leave half a document behind
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def log(line: str) -> None:
    """Write a line for the reader to stderr."""
    print(line, file=sys.stderr, flush=True)


def command_line() -> list[str]:
    """Return what was typed, as a record keeps it."""
    return ["carnet-bench", *sys.argv[1:]]


def print_scores(record: AccuracyRecord) -> None:
    """Print an evaluation: a line per class, the mean, the notes."""
    data, values = record.identity.data, record.values
    print(f"{data.name} {data.split}, {values.images} images")
    for name, iou in values.iou.items():
        print(f"  {name:<14} {'-' if iou is None else f'{100 * iou:6.2f} %'}")
    print(f"  {'mIoU':<14} {100 * values.miou:6.2f} %")
    for note in record.notes:
        print(f"  note: {note}")
