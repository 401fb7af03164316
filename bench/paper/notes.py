"""What was tried where a printed cell cannot be reached, read from ``results/paper/notes.csv``."""

from __future__ import annotations

from bench.errors import RefusedInput
from bench.paper.cells import TABLES, read_lines

_HEADER = ["table", "row", "column", "note"]


def notes_of(table: str) -> dict[tuple[str, str], str]:
    """Return the notes on a table's cells, by (row, column).

    Raises:
        RefusedInput: The file is missing, or a line of it is not a note; the message names file and line.
    """
    found: dict[tuple[str, str], str] = {}
    for place, line in read_lines("notes.csv", _HEADER):
        if not all(line.values()):
            raise RefusedInput(f"{place}: a note has table, row, column and text")
        if line["table"] not in TABLES:
            raise RefusedInput(f"{place}: table '{line['table']}', expected one of {', '.join(TABLES)}")
        key = (line["row"], line["column"])
        if line["table"] == table and found.setdefault(key, line["note"]) != line["note"]:
            raise RefusedInput(f"{place}: a second note on {' '.join(key)} of {table}")
    return found
