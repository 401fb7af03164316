"""Where output goes: one JSON document on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from bench.cli.process import Unbroken
from bench.errors import NotMeasured
from bench.object_store import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.results.record import AccuracyRecord, SpeedRecord
    from bench.results.value_types import Parity
    from bench.speed.parity import Parity as Compared

_documents: list[Unbroken] = []
"""Where JSON documents go while everything else goes to stderr."""


@contextlib.contextmanager
def stdout_for_documents() -> Iterator[None]:
    """Keep stdout for `print_json`: what anything else writes there, in Python or in C, goes to stderr.

    A user's network may print at any time, also after the command's last line. So a process whose stdout is
    the system's does not get it back.
    """
    before = sys.stdout
    try:
        is_real = before.fileno() == 1
    except (OSError, ValueError, AttributeError):
        is_real = False  # closed, or replaced by an object without a file
    kept = io.BufferedWriter(io.FileIO(os.dup(1), "w")) if is_real else None
    document = Unbroken(before if kept is None else io.TextIOWrapper(kept, encoding=before.encoding))
    _documents.append(document)
    if is_real:
        before.flush()
        os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        _documents.remove(document)
        document.flush()
        if isinstance(before, Unbroken):
            before.error = before.error or document.error
        if not is_real:
            sys.stdout = before


def print_json(document: Any) -> None:
    """Write one JSON document to stdout.

    Raises:
        ValueError: NaN or infinity in the document; nothing is written then.
    """
    # whole before the first byte goes out: json.dump would leave half a document behind
    out: Any = _documents[-1] if _documents else sys.stdout
    out.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
    out.flush()


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they are, however long: no markup, no wrapping."""
    for line in lines:
        print(shown(line))


def log(line: str) -> None:
    """Write a line for the reader to stderr."""
    print(shown(line), file=sys.stderr, flush=True)


def command_line() -> tuple[str, ...]:
    """Return what was typed, as a record keeps it."""
    return ("carnet-bench", *sys.argv[1:])


def print_scores(record: AccuracyRecord) -> None:
    """Print an evaluation: a line per class, the mean, the notes."""
    data, values = record.identity.data, record.values
    print(f"{data.name} {data.split}, {values.images} images")
    for name, iou in values.iou.items():
        print(f"  {name:<14} {'-' if iou is None else f'{100 * iou:6.2f} %'}")
    print(f"  {'mIoU':<14} {100 * values.miou:6.2f} %")
    print_lines(
        [*(f"  not valid: {one}" for one in record.reasons), *(f"  note: {one}" for one in record.notes)]
    )


def require_valid_score(record: AccuracyRecord) -> None:
    """End a command whose scores were printed and are not valid.

    Raises:
        NotMeasured: The reasons are named.
    """
    if record.reasons:
        raise NotMeasured(
            f"the score is not valid: {'; '.join(record.reasons)}",
            then=f"fix the cause and rerun; record {record.id[:12]} is kept and enters no table",
        )


def measurements(records: Sequence[SpeedRecord]) -> dict[str, Any]:
    """Return the ``--json`` document of timed networks."""
    keys = ("identity", "values", "valid", "reasons", "notes")
    rows = [{"record": record.id, **{key: record.stored[key] for key in keys}} for record in records]
    return {"measurements": rows}


def parity_lines(parity: Mapping[str, Compared | Parity]) -> list[str]:
    """Return how an engine's output compares with eager fp32, a line per kind of input."""
    return [
        f"compared with eager fp32 on {kind} inputs: largest difference {one.max_abs:.3g}, relative "
        f"{one.relative:.3g}, same class at {one.argmax_agreement:.4%} of the pixels"
        for kind, one in parity.items()
    ]


def log_written(written: Sequence[tuple[SpeedRecord, Path]]) -> None:
    """Name the file of each timed network's record.

    Raises:
        NotMeasured: None of them is valid.
    """
    for record, path in written:
        log(f"{record.identity.title}: {path}")
    if not any(record.valid for record, _ in written):
        first = written[0][0]
        raise NotMeasured(
            f"no valid measurement; {first.identity.title}: {'; '.join(first.reasons)}",
            then="stop other programs, give a longer --budget or fixed --threads, and rerun",
        )
