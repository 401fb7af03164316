"""What was tried where a printed cell cannot be reached, read from ``results/paper/notes.csv``."""

from __future__ import annotations

import csv

from bench.errors import RefusedInput
from bench.paper.cells import TABLES, cells_folder

_HEADER = ["table", "row", "column", "note"]


def notes_of(table: str) -> dict[tuple[str, str], str]:
    """Return the notes on a table's cells, by (row, column).

    Raises
    ------
    RefusedInput
        The file is missing, or a line of it is not a note; the message names file and line.
    """
    path = cells_folder() / "notes.csv"
    if not path.is_file():
        raise RefusedInput(f"{path}: no such file", then="install carnet-bench again; its cells are missing")
    found: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        if reader.fieldnames != _HEADER:
            raise RefusedInput(f"{path}: columns {reader.fieldnames}, expected {_HEADER}")
        for line in reader:
            place = f"{path}, line {reader.line_num}"
            if None in line or not all(line.values()):
                raise RefusedInput(f"{place}: a note has table, row, column and text")
            if line["table"] not in TABLES:
                raise RefusedInput(f"{place}: table '{line['table']}', have {', '.join(TABLES)}")
            key = (line["row"], line["column"])
            if line["table"] == table:
                if key in found:
                    raise RefusedInput(f"{place}: a second note on {' '.join(key)} of {table}")
                found[key] = line["note"]
    return found
