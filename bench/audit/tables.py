"""Compare a published table, cell by cell, with what it is rebuilt as."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import RefusedInput
from bench.files import read_regular
from bench.report.csv_table import COLUMNS, STUDY_COLUMNS, as_text
from bench.reproduce.record_cells import found_speed
from bench.reproduce.record_choice import Choice
from bench.reproduce.table_result import Beside, Measured
from bench.results.record import AccuracyRecord, Record, SpeedRecord

AGAIN = "rewrite it with carnet-bench reproduce"
_KEYS = {COLUMNS: ("row", "column", "unit"), STUDY_COLUMNS: ("panel", "row", "column", "over")}
"""Columns that identify a line, by the columns of the file."""
_MOST = 20
"""Most lines of a table that are reported one by one."""
_HEADS = re.compile(r"^\| (?P<title>.*?)<br>_(?P<kind>[^_]*)_ \|", re.MULTILINE)

Lines = list[dict[str, str]]


def read_table(path: Path, columns: Sequence[str]) -> tuple[str, Lines]:
    """Return a table as text and as lines; RefusedInput when it is none."""
    try:
        text = read_regular(path).decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedInput(f"not a table: {error}") from error
    if not rows or rows[0] != list(columns):
        raise RefusedInput(f"columns {rows[0] if rows else []}, expected {list(columns)}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise RefusedInput(f"line {number}: {len(row)} fields, expected {len(columns)}")
    return text, [dict(zip(columns, row, strict=True)) for row in rows[1:]]


def differences(found: Lines, expected: str, columns: tuple[str, ...]) -> list[str]:
    """Return where two tables differ, cell by cell, in the order of the file."""
    there, wanted = (
        {tuple(line[name] for name in _KEYS[columns] if line[name]): line for line in lines}
        for lines in (found, list(csv.DictReader(io.StringIO(expected, newline=""))))
    )
    said = [
        f"{' '.join(key)}: {column} is '{line[column]}', the records give '{wanted[key][column]}'"
        for key, line in there.items()
        if key in wanted
        for column in columns
        if line[column] != wanted[key][column]
    ]
    said += [f"{' '.join(key)}: not derivable from the records" for key in there if key not in wanted]
    said += [f"{' '.join(key)}: this line is missing" for key in wanted if key not in there]
    if not said:
        return [f"the same cells in another form (order, quotes, line ends); {AGAIN}"]
    return said if len(said) <= _MOST else [*said[:_MOST], f"and {len(said) - _MOST} more; {AGAIN}"]


def as_listed(names: Sequence[str], lines: Lines, page: Path, records: Mapping[str, Record]) -> list[Beside]:
    """Return networks that are not installed here, as a table and its page list them.

    They cannot be counted again, as no file that only a record names is ever run; a time or score must be its
    record's all the same.

    Raises:
        RefusedInput: A number that is none, or that is not its record's.
    """
    try:
        section = read_regular(page).decode(errors="replace").partition("\n## Not in the paper")[2]
        heads = _HEADS.findall(section)
    except RefusedInput:  # no page to compare
        heads = []
    shown = list(dict.fromkeys(line["row"] for line in lines if not line["printed"]))
    known = dict(zip(shown, heads, strict=False))
    found = []
    for name in names:
        title, kind = known.get(name, (name, ""))
        numbers = tuple(_number(line, records) for line in lines if line["row"] == name)
        found.append(Beside(name, title, kind, numbers))
    return found


def _number(line: Mapping[str, str], records: Mapping[str, Record]) -> Measured:
    plain = {
        name: text[1:] if text.startswith("'") and as_text(text[1:]) == text else text
        for name, text in line.items()
    }
    where = f"{plain['row']} {plain['column']}"
    try:
        value = float(plain["measured"]) if plain["measured"] else None
    except ValueError:
        raise RefusedInput(f"{where}: measured is '{plain['measured']}', no number") from None
    record = records.get(plain["record"])
    if record is not None and record.identity.model != plain["row"]:
        raise RefusedInput(f"{where}: record {record.id[:12]} is of {record.identity.model}")
    expected = value
    if isinstance(record, SpeedRecord):
        expected = found_speed(plain["column"], Choice((record,))).value
    elif isinstance(record, AccuracyRecord) and " 1 seed," in plain["note"]:
        expected = 100 * record.values.miou
    if value != expected:
        raise RefusedInput(f"{where}: measured is '{value}', its record gives '{expected}'")
    return Measured(
        plain["row"], plain["column"], plain["unit"], value, plain["note"] or None, plain["record"] or None
    )
