"""Whether the published numbers are the measured ones: every record intact, every table rebuilt."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import BenchError, RefusedInput
from bench.paper.studies import STUDIES
from bench.report.csv_table import COLUMNS, STUDY_COLUMNS, to_csv
from bench.report.origin import Origin
from bench.report.reproduced import NAME as PAGE
from bench.report.reproduced import reproduced_page
from bench.reproduce.frames import study_frame, table_frame
from bench.reproduce.study import reproduce_study
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.results.record import KINDS, Record, SpeedRecord
from bench.results.store import read_arrays, read_record, records_folder

Progress = Callable[[str], None]

_AGAIN = "rewrite it with carnet-bench reproduce"
_KEYS = {COLUMNS: ("row", "column", "unit"), STUDY_COLUMNS: ("panel", "row", "column", "over")}
"""Columns that identify a line, by the columns of the file."""
_MOST = 20
"""Most lines of a table that are reported one by one."""


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written.

    Attributes:
        file: Path below the home folder.
        found: The fault.
    """

    file: str
    found: str

    def as_json(self) -> dict[str, str]:
        """Return it as ``audit --json`` prints it."""
        return {"file": self.file, "found": self.found}


@dataclass(frozen=True)
class Audit:
    """How much was checked, and what is damaged.

    Attributes:
        records, tables: Number of files checked.
        damage: Empty when every file is intact.
    """

    records: int
    tables: int
    damage: tuple[Damage, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``audit --json``."""
        return {
            "records": self.records,
            "tables": self.tables,
            "damage": [one.as_json() for one in self.damage],
        }


def audit(home: Path, progress: Progress = lambda _: None) -> Audit:
    """Read every record below a home folder and rebuild every table.

    Args:
        home: Folder of ``results/``.
        progress: Called with each file checked.
    """
    damage: list[Damage] = []
    records: dict[str, Record] = {}
    looked_at = 0
    for kind in KINDS:
        folder = records_folder(home, kind)
        for path in sorted(folder.glob("*.json")):
            looked_at += 1
            progress(f"{kind} {path.stem[:12]}")
            try:
                record = read_record(path)
                read_arrays(record, home)
                records[record.id] = record
            except RefusedInput as error:
                damage.append(Damage(_below(path, home), str(error).removeprefix(f"{path}: ")))
        named = {record.sidecar.file for record in records.values() if record.sidecar is not None}
        damage += [
            Damage(_below(path, home), "belongs to no record")
            for path in sorted(folder.glob("*.npz"))
            if path.name not in named and not path.with_suffix(".json").exists()
        ]
    folder = home / "results" / "tables"
    forms = [pattern for name in REPRODUCIBLE for pattern in (name, f"{name}-*")]  # of the times
    tables = [path for pattern in (*forms, *STUDIES) for path in sorted(folder.glob(f"{pattern}.csv"))]
    whole = all(not one.file.endswith(".json") for one in damage)
    for path in tables:
        progress(path.name)
        if whole:
            damage += [Damage(_below(path, home), line) for line in audit_table(path, home, records)]
        else:
            damage.append(Damage(_below(path, home), "not compared: a record is damaged"))
    page = home / "reports" / PAGE
    if whole and page.exists():
        progress(page.name)
        damage += [Damage(_below(page, home), line) for line in _audit_page(page, home)]
    return Audit(looked_at, len(tables), tuple(damage))


def _audit_page(page: Path, home: Path) -> list[str]:
    """Return what is wrong with the page of what was reproduced; empty when it is what the tables give."""
    try:
        same = page.read_bytes().decode() == reproduced_page(home)
    except (BenchError, UnicodeDecodeError) as error:
        return [str(error)]
    return [] if same else ["differs from the tables; rebuild it with carnet-bench reproduce summary"]


def audit_table(path: Path, home: Path, records: dict[str, Record]) -> list[str]:
    """Rebuild a table from the records and return where the file differs; empty when it is the same.

    Commit, machine, the methods that are not in the paper and, where a cell may hold several records, the one
    it names are taken from the file; the numbers are not.
    """
    columns = STUDY_COLUMNS if path.stem in STUDIES else COLUMNS
    try:
        text, rows = _read(path, columns)
        lines = [dict(zip(columns, row, strict=True)) for row in rows[1:]]
        expected = _rebuilt(path.stem.partition("-")[0], lines, home, records)
    except BenchError as error:
        return [str(error)]
    if expected == text:
        return []
    return _differences(lines, list(csv.DictReader(io.StringIO(expected, newline=""))), columns)


def _read(path: Path, columns: Sequence[str]) -> tuple[str, list[list[str]]]:
    """Return a table as text and as fields; RefusedInput when it is none."""
    try:
        text = path.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise RefusedInput(f"not a table: {error}") from error
    if not rows or rows[0] != list(columns):
        raise RefusedInput(f"columns {rows[0] if rows else []}, expected {list(columns)}")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise RefusedInput(f"line {number}: {len(row)} fields, expected {len(columns)}")
    return text, rows


def _rebuilt(name: str, lines: list[dict[str, str]], home: Path, records: dict[str, Record]) -> str:
    """Return the table as the records give it; RefusedInput when a record it names is missing."""
    origins = {(line["commit"], line["machine"]) for line in lines}
    if len(origins) != 1:
        raise RefusedInput(f"{len(origins)} commits and machines in one table, expected one")
    named = [one for line in lines for one in line["record"].split()]
    if lost := [one for one in named if one not in records]:
        raise RefusedInput(f"refers to the missing record {lost[0]}")
    if name in STUDIES:
        frame = study_frame(reproduce_study(name, home), as_printed=True)
        return to_csv(frame, Origin(*origins.pop()))
    beside, unknown = _beside(lines)
    if unknown:
        raise RefusedInput(f"not compared: no method {', '.join(unknown)} here to count")
    forms = {one.identity.form for name in named if isinstance(one := records[name], SpeedRecord)}
    if len(forms) > 1:
        raise RefusedInput(f"times of {len(forms)} engines or precisions in one table, expected one")
    made = reproduce(name, home, prefer=named, beside=beside, form="".join(forms))
    return to_csv(table_frame(made, as_printed=True), Origin(*origins.pop()))


def _beside(lines: Sequence[dict[str, str]]) -> tuple[list[Method], list[str]]:
    """Return the methods that are not in the paper, and the names of those that are not in the registry."""
    names = list(dict.fromkeys(line["row"] for line in lines if not line["printed"]))
    return [METHODS[name] for name in names if name in METHODS], [
        name for name in names if name not in METHODS
    ]


def _differences(
    found: list[dict[str, str]], expected: list[dict[str, str]], columns: tuple[str, ...]
) -> list[str]:
    """Return where two tables differ, cell by cell, in the order of the file."""
    there, wanted = (
        {tuple(line[name] for name in _KEYS[columns] if line[name]): line for line in lines}
        for lines in (found, expected)
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
        return [f"the same cells in another form (order, quotes, line ends); {_AGAIN}"]
    return said if len(said) <= _MOST else [*said[:_MOST], f"and {len(said) - _MOST} more; {_AGAIN}"]


def _below(path: Path, home: Path) -> str:
    return path.relative_to(home).as_posix()
