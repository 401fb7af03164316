"""``reproduce all`` in a process whose folders list their files in another order each time.

Example: ``python tests/builders/shuffled_rebuild.py HOME SEED`` prints the files written, one per line.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import everything
from bench.report.origin import Origin


class Shuffled:
    """What ``os.scandir`` returns, in another order."""

    def __init__(self, entries: list[os.DirEntry[str]]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries

    def __next__(self) -> os.DirEntry[str]:
        return next(self._entries)

    def __enter__(self) -> Shuffled:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close nothing: all entries are read."""


def shuffle_listings(seed: int) -> None:
    """Let ``os.listdir`` and ``os.scandir``, and all that stands on them, return another order."""
    order = random.Random(seed)
    listdir, scandir = os.listdir, os.scandir

    def shuffled(entries: list[Any]) -> list[Any]:
        return order.sample(entries, len(entries))

    def scan(path: Any = ".") -> Shuffled:
        with scandir(path) as entries:
            return Shuffled(shuffled(list(entries)))

    os.listdir = lambda path=".": shuffled(listdir(path))
    os.scandir = scan  # type: ignore[assignment]


def main(home: Path, seed: int) -> None:
    """Write everything as one commit and machine would, and print the names of the files."""
    shuffle_listings(seed)
    everything.origin = lambda: Origin("commit 0", "a machine")
    for path in everything.write_everything(home, "Xeon"):
        print(path.relative_to(home).as_posix())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
