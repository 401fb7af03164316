"""The examples of the documentation: fenced blocks of the pages, and what may be run of them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
)

RUN = ("", "minutes", "camvid", "engines")
"""Kinds that a test runs: every time, among the slow tests, with CamVid, with the extra of that name."""
NOT_RUN = ("setup", "long", "gpu", "data", "network")
"""Kinds that no test runs: they prepare a machine, or take hours, a GPU, data or the internet."""

_BLOCK = re.compile(
    r"(?:^<!-- example: (?P<kind>[\w-]+) -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[\w.]+)\")?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """One fenced block.

    Attributes:
        kind: One of ``RUN`` and ``NOT_RUN``.
        language: ``sh``, ``python`` or another.
        title: The file that the block is, or empty.
        text: Its lines.
    """

    kind: str
    language: str
    title: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of each ``carnet-bench`` command, without the program's name."""
        if self.language != "sh":
            return []
        lines = (line.partition(" > ")[0] for line in self.text.replace("\\\n", " ").splitlines())
        return [shlex.split(line)[1:] for line in lines if line.startswith("carnet-bench ")]


def examples(text: str) -> list[Example]:
    """Return the blocks of a page in order."""
    return [
        Example(found["kind"] or "", found["language"], found["title"] or "", found["text"])
        for found in _BLOCK.finditer(text)
    ]


def page_examples(page: str) -> list[Example]:
    """Return the blocks of a page of ``PAGES``."""
    return examples((ROOT / page).read_text(encoding="utf-8"))
