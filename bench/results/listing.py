"""The records of a home as a list shows them: from their index, without a record of its own for each."""

from __future__ import annotations

from pathlib import Path

from bench.errors import RefusedInput
from bench.results.index import Index
from bench.results.left_out import report_left_out
from bench.results.listed import Listed
from bench.results.store import read_record, record_names, records_folder


def read_listed(home: Path, kind: str) -> list[Listed]:
    """Return what a list shows of every record of a kind, sorted by id.

    As for `bench.results.store.read_records`, a file that has changed is read; a damaged record is left out
    and reported on stderr.

    Raises:
        RefusedInput: The folder cannot be read.
    """
    found, faults = [], []
    folder = records_folder(home, kind)
    index = Index(folder, read_record)
    for name in record_names(folder, ".json"):
        try:
            found.append(index.listed(name))
        except RefusedInput as error:
            faults.append(str(error))
    index.save()
    report_left_out(faults)
    return found
