"""The pieces of Markdown that every page is made of: table lines, sentences and numbered notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"[-+]?\d[\d.]*(e[-+]?\d+)?")


def line(fields: Iterable[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(fields)} |"


def table(heads: Sequence[str], lines: Iterable[Iterable[str]]) -> list[str]:
    """Return a table and an empty line below it."""
    return [line(heads), line(["---"] * len(heads)), *map(line, lines), ""]


def escaped(text: str) -> str:
    """Return text that cannot break out of its field or line."""
    return text.replace("|", "\\|").replace("\n", " ")


def sentence(text: str) -> str:
    """Return text with a capital letter in front and a full stop behind."""
    return f"{text[0].upper()}{text[1:]}."


class Footnotes:
    """Numbered notes: equal ones are one, and so are those whose parts differ in numbers only.

    A note is a list of parts separated by ``;``. Where two notes share a part and differ elsewhere only in
    numbers (a mean and its deviation), the common part is written once and the rest by row.

    Args:
        notes: Title of the row and note, in the order in which they are shown; None is no note.
    """

    def __init__(self, notes: Iterable[tuple[str, str | None]]) -> None:
        titles_of: dict[str, dict[str, list[str]]] = {}  # alike -> note -> titles
        first: dict[str, int] = {}
        for title, note in notes:
            if note is not None:
                first.setdefault(note, len(first))
                alike = titles_of.setdefault(_NUMBER.sub("#", note), {})
                titles = alike.setdefault(note, [])
                titles += [] if title in titles else [title]
        groups = [group for alike in titles_of.values() for group in _groups(alike)]
        groups.sort(key=lambda group: min(map(first.__getitem__, group)))
        self._texts = [_text(group) for group in groups]
        self._numbers = {note: count for count, group in enumerate(groups, start=1) for note in group}

    def mark(self, note: str | None) -> str:
        """Return the reference to a note; nothing for none."""
        return "" if note is None else f" <sup>{self._numbers[note]}</sup>"

    @property
    def section(self) -> list[str]:
        """The section of the notes; nothing where there are none."""
        numbered = [f"{count}. {escaped(text)}" for count, text in enumerate(self._texts, start=1)]
        return ["## Notes", "", *numbered, ""] if numbered else []


def _groups(alike: dict[str, list[str]]) -> list[dict[str, list[str]]]:
    """Return notes that differ in numbers only as one group where they share a part, else each alone."""
    return [alike] if _shared(alike) else [{note: titles} for note, titles in alike.items()]


def _shared(notes: Iterable[str]) -> list[str]:
    parts = [note.split("; ") for note in notes]
    return [part for part in parts[0] if all(part in other for other in parts)]


def _text(group: dict[str, list[str]]) -> str:
    shared = _shared(group)
    if len(group) == 1:
        return next(iter(group))
    each = [
        f"{', '.join(titles)}: {'; '.join(part for part in note.split('; ') if part not in shared)}"
        for note, titles in group.items()
    ]
    return f"{'; '.join(shared)}. {'. '.join(each)}"
