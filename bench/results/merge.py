"""Unite the records of several machines: every file is checked, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import RefusedInput
from bench.results.record import KINDS
from bench.results.store import TakenError, copy_record, record_files, records_folder


@dataclass(frozen=True)
class Merged:
    """What a merge came to.

    Attributes:
        added: Files written, relative to the home.
        present: Number of records that the home had already, the same in every byte.
        refused: For each record left out, its file and why: damaged, or its id is another measurement's here.
    """

    added: tuple[Path, ...]
    present: int
    refused: tuple[str, ...]


def merge(folders: Sequence[Path], home: Path, watch: Callable[[int, int], None] = lambda *_: None) -> Merged:
    """Write the records of other homes into this one.

    A record keeps its id, which other tables may name. Where both sides measured the same thing (an id is the
    digest of what was measured) and found different values, the home's record stays and the other is refused.

    Args:
        folders: Homes of other machines, or copies of their ``results/records``.
        home: Home that takes the records.
        watch: Called with records done and their number.

    Raises:
        RefusedInput: A folder without records, or a disk that refuses.
    """
    sources = [path for folder in folders for path in _records_in(folder, home)]
    added: list[Path] = []
    refused: list[str] = []
    present = 0
    for count, path in enumerate(sources, start=1):
        try:
            written = copy_record(path, home)
        except TakenError as error:
            refused.append(f"{path}: {error}")
        except RefusedInput as error:
            refused.append(str(error))
        else:
            if written is None:
                present += 1
            else:
                added.append(written.relative_to(home))
        watch(count, len(sources))
    return Merged(tuple(added), present, tuple(refused))


def _records_in(folder: Path, home: Path) -> list[Path]:
    source = _home_of(folder)
    if source.resolve() == home.resolve():
        raise RefusedInput(f"{folder}: the home itself; expected the folder of another machine")
    found = [path for kind in KINDS for path in record_files(records_folder(source, kind), ".json")]
    if not found:
        raise RefusedInput(
            f"{folder}: no records; expected a home with results/records, or that folder",
            then="copy results/records of the other machine",
        )
    return found


def _home_of(folder: Path) -> Path:
    """Return the home that a folder is, or whose ``results/records`` it is."""
    inside = folder.resolve()
    if (inside.parent.name, inside.name) == ("results", "records"):
        return inside.parent.parent
    return folder
