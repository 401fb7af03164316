"""The records on disk: one immutable file each, safe for concurrent writers."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np

from bench.errors import RefusedInput
from bench.files import read_regular, write_new
from bench.mirror import fetch_records
from bench.results.index import Index
from bench.results.left_out import report_left_out
from bench.results.record import (
    KINDS,
    AccuracyRecord,
    Record,
    SpeedRecord,
    Subject,
    TrainingRecord,
    from_json,
    record_id,
    to_json,
)

Arrays = Mapping[str, np.ndarray[Any, Any]]
R = TypeVar("R", bound=Record)
Wanted = Callable[[Subject], bool] | None

APPENDIX = "._"
"""Start of the names of what macOS writes next to each file on other file systems."""


class TakenError(RefusedInput):
    """Another measurement already has this id."""


def records_folder(home: Path, kind: str) -> Path:
    """Return the folder of the records of a kind below a home folder."""
    if kind not in KINDS:
        raise RefusedInput(f"no kind of record {kind!r}; choose from {', '.join(KINDS)}")
    return home / "results" / "records" / kind


def write_record(record: Record, home: Path, arrays: Arrays | None = None) -> Path:
    """Write a record to ``HOME/results/records/KIND/ID.json``; the arrays first, to ``ID.npz``.

    Nothing is ever overwritten: rewriting the same record does nothing. A kill between the two files
    leaves an ``.npz`` without a record, which no reader looks at and `next_take` steps over.

    Returns:
        The path of the JSON file.

    Raises:
        TakenError: The id is taken by another measurement; see `add_record`.
        RefusedInput: The disk refuses, or an array holds Python objects.
    """
    folder = records_folder(home, record.kind)
    if arrays is not None:
        content = npz_bytes(arrays)
        name = f"{record.id}.npz"
        record = record.revised(sidecar={"file": name, "sha256": hashlib.sha256(content).hexdigest()})
        _write_once(folder / name, content)
    elif record.sidecar is not None and not (folder / record.sidecar.file).is_file():
        raise RefusedInput(f"{folder / record.sidecar.file}: named by the record; pass its arrays")
    path = folder / f"{record.id}.json"
    _write_once(path, to_json(record).encode())
    return path


def add_record(record: R, home: Path, arrays: Arrays | None = None) -> tuple[R, Path]:
    """Write a measurement under its first free take, safe against concurrent writers.

    Returns:
        The record as written (with its take and sidecar) and its path.
    """
    take = next_take(home, record.kind, record.stored["identity"])
    while True:
        try:
            path = write_record(record.revised(identity={"take": take}, sidecar=None), home, arrays)
        except TakenError:
            take += 1  # another process was faster
        else:
            written = read_record(path)
            if not isinstance(written, type(record)):
                raise TypeError(f"{path}: a record of kind {written.kind}")
            return written, path


def copy_record(path: Path, home: Path) -> Path | None:
    """Copy a record of another home, and its arrays, byte for byte.

    Returns:
        The path of the JSON file written; None where this home has the record already.

    Raises:
        TakenError: This home has another measurement under this id.
        RefusedInput: The record is damaged, or the disk refuses.
    """
    record = read_record(path)
    folder = records_folder(home, record.kind)
    had = (folder / path.name).exists()
    if record.sidecar is not None:
        _write_once(folder / record.sidecar.file, _sidecar_bytes(record, path.parent))
    _write_once(folder / path.name, read_regular(path))
    return None if had else folder / path.name


def read_record(path: Path) -> Record:
    """Read one record and check its name, its content and its sidecar's digest.

    Raises:
        RefusedInput: Naming the file, what was found and what was expected.
    """
    record = from_json(read_regular(path), path)
    if path.stem != record.id:
        raise RefusedInput(f"{path}: the file is named {path.stem}, its record {record.id}")
    if path.parent.name != record.kind:
        raise RefusedInput(f"{path}: a record of kind {record.kind} in the folder {path.parent.name}")
    if record.sidecar is not None:
        _sidecar_bytes(record, path.parent)
    return record


@overload
def read_records(
    home: Path, kind: Literal["accuracy"], *, strict: bool = ..., wanted: Wanted = ...
) -> list[AccuracyRecord]: ...
@overload
def read_records(
    home: Path, kind: Literal["training"], *, strict: bool = ..., wanted: Wanted = ...
) -> list[TrainingRecord]: ...
@overload
def read_records(
    home: Path, kind: Literal["speed"], *, strict: bool = ..., wanted: Wanted = ...
) -> list[SpeedRecord]: ...
@overload
def read_records(home: Path, kind: str, *, strict: bool = ..., wanted: Wanted = ...) -> list[Record]: ...
def read_records(home: Path, kind: str, *, strict: bool = True, wanted: Wanted = None) -> Sequence[Record]:
    """Return every record of a kind, sorted by id; none when there is no folder.

    A file that has not changed since it was read is not read again: by this process, or, where the user has a
    cache folder, by an earlier one (`bench.results.index`).

    Args:
        home: Holds ``results/records``.
        kind: One of ``KINDS``.
        strict: False leaves a damaged record out and reports it on stderr, so that one file stops no command
            that does not need it; ``carnet-bench audit`` is the one that fails.
        wanted: Says by a record's subject whether the record is to be returned; None returns all.

    Raises:
        RefusedInput: ``strict`` and any of them is damaged, naming its file; the folder cannot be read.
    """
    found, faults = [], []
    folder = records_folder(home, kind)
    index = Index(folder, read_record)
    for name in record_names(folder, ".json"):
        try:
            if (record := index.wanted_record(name, wanted)) is not None:
                found.append(record)
        except RefusedInput as error:
            if strict:
                raise
            faults.append(str(error))
    index.save()
    report_left_out(faults)
    return found


def record_files(folder: Path, suffix: str) -> list[Path]:
    """Return the files of `record_names`, with its errors."""
    return [folder / name for name in record_names(folder, suffix)]


def record_names(folder: Path, suffix: str) -> list[str]:
    """Return the names of a folder's files with a suffix, sorted; without the ``._`` files that macOS adds.

    Raises:
        RefusedInput: The folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - Path.iterdir would build a Path per file
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RefusedInput(f"{folder}: cannot read ({error.strerror})") from error
    return [name for name in sorted(names) if name.endswith(suffix) and not name.startswith(APPENDIX)]


def read_takes(home: Path, kind: type[R], identity: Mapping[str, Any]) -> list[R]:
    """Return every take of one measurement, the first one first; other records are fetched, but not read.

    Raises:
        RefusedInput: One of them is damaged.
    """
    fetch_records(home)
    ids = (record_id({**identity, "take": take}) for take in range(next_take(home, kind.kind, identity)))
    paths = (records_folder(home, kind.kind) / f"{one}.json" for one in ids)
    return [record for path in paths if path.exists() and isinstance(record := read_record(path), kind)]


def takes_of(records: Iterable[R], identity: Mapping[str, Any]) -> list[R]:
    """Return the records of one measurement, whichever take each is."""
    records = list(records)
    ids = {record_id({**identity, "take": take}) for take in {one.identity.take for one in records}}
    return [one for one in records if one.id in ids]


def read_arrays(record: Record, home: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a record's sidecar, its digest checked first; empty when it has none.

    Raises:
        RefusedInput: The file is missing, has another digest, or holds anything but plain arrays.
    """
    if record.sidecar is None:
        return {}
    folder = records_folder(home, record.kind)
    content = _sidecar_bytes(record, folder)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise RefusedInput(f"{folder / record.sidecar.file}: not plain arrays ({error})") from error


def next_take(home: Path, kind: str, identity: Mapping[str, Any]) -> int:
    """Return the first take of this measurement that no file has."""
    folder = records_folder(home, kind)
    take = 0
    while True:
        name = record_id({**identity, "take": take})
        if not any(os.path.lexists(folder / f"{name}.{suffix}") for suffix in ("json", "npz")):
            return take
        take += 1


def npz_bytes(arrays: Arrays) -> bytes:
    """Return an ``.npz`` archive of the arrays; the same arrays give the same bytes.

    Raises:
        RefusedInput: An array of Python objects, which would have to be pickled.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            try:
                np.lib.format.write_array(member, np.asarray(arrays[name]), allow_pickle=False)
            except ValueError as error:
                raise RefusedInput(f"array {name!r}: {error}") from error
            # ZipInfo's own date (1980) in place of the clock's
            information = zipfile.ZipInfo(f"{name}.npy")
            information.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(information, member.getvalue())
    return buffer.getvalue()


def _write_once(path: Path, content: bytes) -> None:
    try:
        write_new(path, content)
    except FileExistsError:
        with contextlib.suppress(RefusedInput):
            if read_regular(path) == content:
                return
        raise TakenError(
            f"{path}: taken by another measurement; records are never overwritten",
            then="record it as the next take",
        ) from None


def _sidecar_bytes(record: Record, folder: Path) -> bytes:
    """Return the sidecar's content when its digest is the record's."""
    if record.sidecar is None:
        raise LookupError(f"record {record.id} has no sidecar")
    path = folder / record.sidecar.file
    content = read_regular(path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != record.sidecar.sha256:
        raise RefusedInput(f"{path}: SHA-256 {digest}, its record says {record.sidecar.sha256}")
    return content
