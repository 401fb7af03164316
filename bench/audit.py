"""Whether what is published is what was measured: every record whole, every table rebuilt from them."""

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

_AGAIN = "write it again with carnet-bench reproduce"
_KEYS = {COLUMNS: ("row", "column", "unit"), STUDY_COLUMNS: ("panel", "row", "column", "over")}
"""What names a line, by the columns that a file has."""
_MOST = 20
"""Lines of a table that are named one by one."""


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was written.

    Attributes
    ----------
    file
        Below the home folder.
    found
        What is wrong with it.
    """

    file: str
    found: str

    def as_json(self) -> dict[str, str]:
        """Return it as ``audit --json`` prints it."""
        return {"file": self.file, "found": self.found}


@dataclass(frozen=True)
class Audit:
    """What was looked at, and what is damaged.

    Attributes
    ----------
    records, tables
        How many were looked at.
    damage
        Empty when all is whole.
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
    """Read every record below a home folder and make every table there again.

    Parameters
    ----------
    home
        Of ``results/``.
    progress
        Is told what is looked at.
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
    """Make a table again from the records and return where the file differs; empty when it is the same.

    The commit and machine that the file names, the methods beside the table and, where several records may
    stand in a cell, the record that it names are taken from it; the numbers are not.
    """
    columns = STUDY_COLUMNS if path.stem in STUDIES else COLUMNS
    try:
        text, rows = _read(path, columns)
        lines = [dict(zip(columns, row, strict=True)) for row in rows[1:]]
        expected = _made_again(path.stem.partition("-")[0], lines, home, records)
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


def _made_again(name: str, lines: list[dict[str, str]], home: Path, records: dict[str, Record]) -> str:
    """Return the table as the records give it; RefusedInput when what the file names is not there."""
    origins = {(line["commit"], line["machine"]) for line in lines}
    if len(origins) != 1:
        raise RefusedInput(f"{len(origins)} commits and machines in one table, expected one")
    named = [one for line in lines for one in line["record"].split()]
    if lost := [one for one in named if one not in records]:
        raise RefusedInput(f"names the record {lost[0]}, which is not there")
    if name in STUDIES:
        frame = study_frame(reproduce_study(name, home), as_printed=True)
        return to_csv(frame, Origin(*origins.pop()))
    beside, unknown = _beside(lines)
    if unknown:
        raise RefusedInput(f"not compared: no method {', '.join(unknown)} here to count again")
    forms = {one.identity.form for name in named if isinstance(one := records[name], SpeedRecord)}
    if len(forms) > 1:
        raise RefusedInput(f"times of {len(forms)} engines or precisions in one table, expected one")
    made = reproduce(name, home, prefer=named, beside=beside, form="".join(forms))
    return to_csv(table_frame(made, as_printed=True), Origin(*origins.pop()))


def _beside(lines: Sequence[dict[str, str]]) -> tuple[list[Method], list[str]]:
    """Return the methods beside the table, and the names of those that are not in the registry."""
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
    said += [f"{' '.join(key)}: the records give no such line" for key in there if key not in wanted]
    said += [f"{' '.join(key)}: this line is missing" for key in wanted if key not in there]
    if not said:
        return [f"the same cells in another form (order, quotes, line ends); {_AGAIN}"]
    return said if len(said) <= _MOST else [*said[:_MOST], f"and {len(said) - _MOST} more; {_AGAIN}"]


def _below(path: Path, home: Path) -> str:
    return path.relative_to(home).as_posix()
