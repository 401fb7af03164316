"""What commands that time say of their records: as JSON, where they lie, and that none is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.cli.output import log
from bench.errors import NotMeasured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.results.record import SpeedRecord


def measurements(records: Sequence[SpeedRecord]) -> dict[str, Any]:
    """Return the document of ``--json``."""
    keys = ("identity", "values", "valid", "reasons", "notes")
    rows = [{"record": record.id, **{key: record.stored[key] for key in keys}} for record in records]
    return {"measurements": rows}


def log_written(written: Sequence[tuple[SpeedRecord, Path]]) -> None:
    """Say where each record was written.

    Raises
    ------
    NotMeasured
        None of them is valid.
    """
    for record, path in written:
        log(f"{record.identity.title}: {path}")
    if not any(record.valid for record, _ in written):
        first = written[0][0]
        raise NotMeasured(
            f"no valid measurement; {first.identity.title}: {'; '.join(first.reasons)}",
            then="stop other programs, give more --budget or a fixed --threads, and measure again",
        )
