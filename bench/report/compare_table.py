"""Read the CSV table of a comparison back: which methods it shows, and the records that each rests on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.errors import RefusedInput
from bench.files import read_regular
from bench.reproduce.comparison_entries import of_kind
from bench.reproduce.comparison_result import Entry, given_entry
from bench.results.record import KINDS, AccuracyRecord, Record, SpeedRecord
from bench.results.store import read_records

_RECORDS = ("accuracy_records", "training_records", "speed_record")
_NEEDED = ("method", "kind", "size", *_RECORDS, "commit", "machine")

Line = Mapping[str, str]


def table_lines(path: Path) -> list[dict[str, str]]:
    """Return the lines of ``reports/compare-NAME.csv``.

    Raises:
        RefusedInput: No such table.
    """
    try:
        text = read_regular(path).decode()
        lines = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedInput(f"not a table: {error}") from error
    missing = [name for name in _NEEDED if not lines or not isinstance(lines[0].get(name), str)]
    if missing:
        raise RefusedInput(f"no table of a comparison: without {', '.join(missing)}")
    return lines


def records_of(line: Line, records: Mapping[str, Record]) -> list[Record]:
    """Return the records that a line names.

    Args:
        line: One of `table_lines`.
        records: Every record, by id.

    Raises:
        RefusedInput: A record that is missing or of another method.
    """
    ids = [one for name in _RECORDS for one in (line[name] or "").split()]
    for one in ids:
        if one not in records:
            raise RefusedInput(f"{line['method']}: refers to the missing record {one}")
        if records[one].identity.model != line["method"]:
            raise RefusedInput(f"{line['method']}: record {one[:12]} is of {records[one].identity.model}")
    return [records[one] for one in ids]


def given_in(records: Sequence[Record]) -> Entry | None:
    """Return the entry of a line's records where they are of a file or of predictions from outside."""
    given = next((one for one in of_kind(AccuracyRecord, records) if one.identity.trained is None), None)
    return None if given is None else given_entry(given, next(of_kind(SpeedRecord, records), None))


def given_entries(path: Path, home: Path, like: AccuracyRecord) -> list[Entry]:
    """Return what a table shows that no recipe has trained; nothing of a table or line that cannot be read.

    Args:
        path: ``reports/compare-NAME.csv``, which need not exist.
        home: Holds ``results/records``.
        like: A score of the images that theirs must be of.
    """
    if not path.exists():
        return []
    records = {one.id: one for kind in KINDS for one in read_records(home, kind, strict=False)}
    found = []
    with suppress(RefusedInput):  # what is wrong with a table is for audit to say
        for line in table_lines(path):
            with suppress(RefusedInput):
                found.append(given_in(records_of(line, records)))
    ruler = like.identity.data, like.identity.num_classes
    return [
        entry
        for entry in found
        if entry is not None
        and all((one.identity.data, one.identity.num_classes) == ruler for one in entry.accuracy.values())
    ]
