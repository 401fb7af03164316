"""What an audit finds, and how a page or figure is compared with what it is rebuilt as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.audit.pages import difference, differing_files
from bench.errors import BenchError
from bench.files import read_regular

Progress = Callable[[str], None]


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
        notes: What could not be compared, and why; no damage.
    """

    records: int
    tables: int
    damage: tuple[Damage, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``audit --json``."""
        return {
            "records": self.records,
            "tables": self.tables,
            "damage": [one.as_json() for one in self.damage],
            "notes": list(self.notes),
        }


class Findings:
    """What was found so far below one home folder.

    Args:
        home: Project folder.
        progress: Called with each file checked.
    """

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home, self.progress = home, progress
        self.damage: list[Damage] = []
        self.notes: list[str] = []

    def add(self, file: Path | str, *faults: str) -> None:
        """Keep the faults of a file, which they need not name."""
        name = file if isinstance(file, str) else file.relative_to(self.home).as_posix()
        self.damage += [
            Damage(name, fault.removeprefix(f"{self.home / name}: ").removeprefix(f"{name}: "))
            for fault in faults
        ]

    def page(self, path: Path, make: Callable[[str], str], command: str) -> None:
        """Compare a page, if it is there, with what is made of it."""
        if not path.exists():
            return
        self.progress(path.name)
        try:
            found = read_regular(path)
            expected = make(found.decode()).encode()
        except (BenchError, UnicodeDecodeError) as error:
            self.add(path, str(error))
            return
        if found != expected:
            self.add(path, f"{difference(found, expected)}; rebuild it with {command}")

    def figures(
        self, names: Path, redraw: Callable[[bytes], Mapping[str, str | bytes]], command: str
    ) -> None:
        """Redraw figures, if the file that names their commit and machine is there, and compare them."""
        if not names.exists():
            return
        self.progress(names.name)
        try:
            files = redraw(read_regular(names))
        except BenchError as error:
            self.add(names, str(error))
            return
        for file, fault in differing_files(files, self.home, command):
            self.add(file, fault)
