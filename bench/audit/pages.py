"""Compare published pages and figures with what they are rebuilt as."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.errors import RefusedInput
from bench.files import read_regular
from bench.report.figure import drawn_by
from bench.results.store import APPENDIX

_CAPTION = ".caption.md"
_DRAWN = re.compile(r"^<!-- drawn by (?P<by>[^;]*); sha256: (?P<digests>.*) -->$", re.MULTILINE)
_SHOWN = 80
"""Most characters of a line that are shown, from shortly before the difference."""


def differing_files(
    contents: Mapping[str, str | bytes], home: Path, command: str
) -> Iterator[tuple[str, str]]:
    """Yield path and fault of each file that is there and is not as rebuilt.

    Figures are compared byte for byte where the same versions draw them as did then; elsewhere their captions
    are, and their digests with those that the caption holds.

    Args:
        contents: What was rebuilt, by path below the home folder.
        home: Project folder.
        command: Rebuilds the files.
    """
    noted: dict[str, str] = {}
    for name, content in contents.items():
        path = home / name
        if not path.exists() and not path.is_symlink():
            continue
        try:
            found = read_regular(path)
        except RefusedInput as error:
            yield name, str(error)
            continue
        expected = content.encode() if isinstance(content, str) else content
        if name.endswith(_CAPTION):
            noted = _noted(found)
            if noted:
                expected = _DRAWN.sub("", expected.decode()).encode()
                found = _DRAWN.sub("", found.decode()).encode()
        stem, _, form = name.rpartition(".")
        if form in noted:
            expected, found = noted[form].encode(), hashlib.sha256(found).hexdigest().encode()
            if found != expected:
                yield name, f"SHA-256 {found.decode()}, {Path(stem).name}{_CAPTION} says {expected.decode()}"
        elif found != expected:
            yield name, f"{difference(found, expected)}; rebuild it with {command}"


def published(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files in order, without those that macOS adds."""
    yield from (path for path in sorted(paths) if not path.name.startswith(APPENDIX))


def difference(found: bytes, expected: bytes) -> str:
    """Return the first line in which two texts differ; "other bytes" for what is no text."""
    try:
        lines = found.decode().splitlines(), expected.decode().splitlines()
    except UnicodeDecodeError:
        return "other bytes than rebuilt"
    for number, (one, other) in enumerate(zip(*lines, strict=False), start=1):
        if one != other:
            same = next(
                (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
                min(len(one), len(other)),
            )
            start = max(0, same - _SHOWN // 2)
            shown = [repr(line[start : start + _SHOWN]) for line in (one, other)]
            return f"line {number} has {shown[0]}, rebuilt {shown[1]}"
    if len(lines[0]) != len(lines[1]):
        return f"{len(lines[0])} lines, rebuilt {len(lines[1])}"
    return "other line ends than rebuilt"


def _noted(caption: bytes) -> dict[str, str]:
    """Return the digests in a caption when other versions than those here drew its figure, else none."""
    found = _DRAWN.search(caption.decode(errors="replace"))
    if found is None or found["by"] == drawn_by():
        return {}
    return dict(part.split(" ", 1) for part in found["digests"].split(", ") if " " in part)
