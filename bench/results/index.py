"""An index of record files: what selects records, read at once; the files are opened for what is shown.

The files stay the truth. An entry counts while the file's size, times of change (mtime and ctime) and inode,
and those of its sidecar, are what they were; ctime is the system's own, so an edit in place with size and
mtime restored shows too. Where a file system keeps no ctime (Windows, some network disks) such an edit is
found by ``carnet-bench audit``, which reads everything. An index that is damaged, locked, of other code or
on a disk that refuses costs time and nothing else.

It lies in the user's cache folder, an SQLite file per folder of records and state of the reading code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pydantic

from bench import cache
from bench.results.listed import Listed, as_text, from_text, listed_of
from bench.results.record import RECORD_TYPES, Head, Record, Subject

State = tuple[int, ...]
"""Times of change, size and inode of a record's file, then those of its sidecar where there is one."""

Entry = tuple[str, str, str]
"""State, head (`Record.head`) and line of a list (`Listed`) of a record, as text."""

_FORMAT = 3
_TICK_NS = 50_000_000
_MOST_INDEXES = 64
_PATIENCE_S = 2.0
"""For another process that writes the index; after it, the files are read."""

_READ: dict[tuple[Path, str], tuple[State, Record]] = {}
"""What this process has read."""

_COLUMNS = "name TEXT PRIMARY KEY, state TEXT, head TEXT, listed TEXT, seal TEXT"
_SCHEMA = f"CREATE TABLE IF NOT EXISTS records ({_COLUMNS})"


class Index:
    """The entries of one folder of records.

    Args:
        folder: Folder of the records of one kind, named as the kind.
        read: Reads and checks one file.
    """

    def __init__(self, folder: Path, read: Callable[[Path], Record]) -> None:
        self._folder, self._read = folder, read
        self._type = RECORD_TYPES[folder.name]
        self._states = _states(folder)
        self._database: Path | None = None
        self._known: dict[str, Entry] | None = None
        self._new: dict[str, Entry] = {}

    def record(self, name: str) -> Record:
        """Return the record of a file; of an entry its values are read when they are first wanted.

        Raises:
            RefusedInput: The file is damaged.
        """
        return self._record(name, None) or self._read(self._folder / name)

    def listed(self, name: str) -> Listed:
        """Return what a list shows of a record; of an entry no more is looked at.

        Raises:
            RefusedInput: The file is damaged.
        """
        known = self._known_of(name)
        if known is not None:
            with suppress(ValueError, TypeError):
                return from_text(known[2])
        return listed_of(self.record(name))

    def wanted_record(self, name: str, wanted: Callable[[Subject], bool] | None) -> Record | None:
        """Return the record of a file, or None where it is of a subject that is not ``wanted``.

        Raises:
            RefusedInput: The file is damaged.
        """
        record = self._record(name, wanted)
        return record if record is not None and (wanted is None or wanted(record.subject)) else None

    def _record(self, name: str, wanted: Callable[[Subject], bool] | None) -> Record | None:
        state = self._states.get(name)
        if state is None:  # no file, or one that came just now
            return self._read(self._folder / name)
        memory = _READ.get((self._folder, name))
        if memory is not None and memory[0] == state:
            return memory[1]
        known = self._known_of(name)
        if known is None:
            record: Record | None = self._read(self._folder / name)
        else:
            record = self._of_head(name, known[1], wanted)
        if record is None:
            return None
        # an edit within one tick of the file system's clock would not show
        if time.time_ns() - max(state[0], state[1], *state[4:6]) > _TICK_NS:
            _READ[self._folder, name] = state, record
            if known is None:
                self._new[name] = _text(state), json.dumps(record.head), as_text(listed_of(record))
        return record

    def save(self) -> None:
        """Write the new entries, and drop those without a file."""
        gone = [name for name in self._known or () if name not in self._states]
        if self._database is None or not (self._new or gone):
            return
        rows = [(name, *entry, _seal(name, *entry)) for name, entry in self._new.items()]
        with suppress(sqlite3.Error, OSError), _open(self._database) as database, database:
            database.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", rows)
            database.executemany("DELETE FROM records WHERE name = ?", [(name,) for name in gone])

    def _known_of(self, name: str) -> Entry | None:
        """Return the entry of a file that is as it was; None where there is none."""
        state, known = self._states.get(name), self._entries().get(name)
        fits = state is not None and known is not None and known[0] == _text(state)
        return known if fits else None

    def _of_head(self, name: str, text: str, wanted: Callable[[Subject], bool] | None) -> Record | None:
        try:
            head: Head = json.loads(text)
            if wanted is not None and not wanted(tuple(head["subject"])):
                return None
            return self._type.of_head(head, lambda: self._read(self._folder / name))
        except (ValueError, TypeError, KeyError):
            return self._read(self._folder / name)

    def _entries(self) -> Mapping[str, Entry]:
        """Return the entries; none where the index is damaged, which is then removed."""
        if self._known is None:
            self._known = {}
            self._database = _file_of(self._folder)
            if self._database is not None:
                try:
                    self._known = _load(self._database)
                except sqlite3.OperationalError:  # locked, or a disk that refuses
                    self._database = None
                except (sqlite3.Error, OSError, TypeError):
                    with suppress(OSError):
                        self._database.unlink()
        return self._known


def _load(file: Path) -> dict[str, Entry]:
    with _open(file) as database:
        rows = database.execute("SELECT name, seal, state, head, listed FROM records").fetchall()
    return {name: tuple(entry) for name, seal, *entry in rows if seal == _seal(name, *entry)}


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, timeout=_PATIENCE_S)) as database:
        database.execute(_SCHEMA)
        yield database


def _states(folder: Path) -> dict[str, State]:
    """Return the state of every record file of a folder, by name."""
    found: dict[str, State] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".json", ".npz")):
                with suppress(OSError):  # a link to nowhere
                    one = entry.stat()
                    found[entry.name] = one.st_mtime_ns, one.st_ctime_ns, one.st_size, one.st_ino
    return {
        name: (*state, *found.get(f"{name.removesuffix('.json')}.npz", ()))
        for name, state in found.items()
        if name.endswith(".json")
    }


def _file_of(folder: Path) -> Path | None:
    """Return the index's file; None where there is no place for one."""
    here = Path(__file__).parent
    names = ("record", "record_types", "value_types", "plain_json", "store", "index", "listed", "select")
    sources = [*(here / f"{name}.py" for name in names), here.parent / "paper" / "variant.py"]
    code = cache.digest_of_code(sources, (pydantic.VERSION, str(_FORMAT)))
    place = cache.cache_folder("records")
    if code is None or place is None:
        return None
    with suppress(OSError):
        named = f"{folder.resolve()}\0{code}".encode(errors="surrogateescape")
        file = place / f"{hashlib.sha256(named).hexdigest()}.sqlite"
        if not file.exists():
            cache.keep_newest(place, _MOST_INDEXES)
        else:
            os.utime(file)  # used last now
        return file
    return None


def _text(state: State) -> str:
    return " ".join(map(str, state))


def _seal(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
