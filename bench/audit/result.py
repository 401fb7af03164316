"""What an audit found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
