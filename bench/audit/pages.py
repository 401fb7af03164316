"""Compare published pages and figures with what they are rebuilt as."""

from __future__ import annotations

import hashlib
import html
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.errors import RefusedInput
from bench.files import read_regular
from bench.report.figure import CAPTION, caption_digest, drawn_by
from bench.report.html_page import sealed_html, unpacked
from bench.report.origin import Origin
from bench.results.store import APPENDIX

_CAPTION = ".caption.md"
_DRAWN = re.compile(r"^<!-- drawn by (?P<by>[^;]*); sha256: (?P<digests>.*) -->$", re.MULTILINE)
_MADE_BY = re.compile(r"^(?:% made|Made) by (.*) on (.*?)\.?$", re.MULTILINE)
_PLOTLY = re.compile(
    r'<script id="plotly" type="application/gzip" data-version="(?P<version>[^"]*)">'
    r"(?P<packed>[^<]*)</script>"
)
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
            if CAPTION in noted and not _is_whole(found, noted[CAPTION]):
                yield name, f"not the text that its digest was made of; rebuild it with {command}"
                continue
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


def origin_in(text: str) -> Origin:
    """Return the commit and machine that a page names as its own; RefusedInput when it names none."""
    found = _MADE_BY.search(text)
    if found is None:
        raise RefusedInput("names no commit and machine that made it; rebuild it")
    return Origin(html.unescape(found[1]), html.unescape(found[2]))


def without_other_plotly(found: str, expected: str) -> tuple[str, str | None]:
    """Return what an HTML page is compared with, and a note where its plotly is not the one here.

    Another version of plotly is another script, so only its digest can be compared. The same version is
    compared unpacked: another zlib packs it into other bytes.

    Args:
        found: The page, as it is.
        expected: The page, rebuilt here.
    """
    there, here = (_PLOTLY.search(text) for text in (found, expected))
    if there is None or here is None or there["packed"] == here["packed"]:
        return expected, None
    is_other = there["version"] != here["version"]
    if not is_other and not _same_script(there["packed"], here["packed"]):
        return expected, None
    body = expected[: here.start()] + there[0] + expected[here.end() :]
    note = f"has plotly {there['version']}, here it is {here['version']}: taken as it is"
    return sealed_html(body.rpartition("<!-- ")[0]), note if is_other else None


def _same_script(one: str, other: str) -> bool:
    try:
        return unpacked(one) == unpacked(other)
    except (ValueError, OSError, EOFError, zlib.error):  # damage, which the comparison of the pages shows
        return False


def _is_whole(caption: bytes, digest: str) -> bool:
    """Say whether the lines above the digests, and the versions named with them, are as they were written."""
    text = caption.decode(errors="replace")
    drawn = _DRAWN.search(text)
    return drawn is not None and caption_digest(text[: drawn.start()], drawn["by"]) == digest


def _noted(caption: bytes) -> dict[str, str]:
    """Return the digests in a caption when other versions than those here drew its figure, else none."""
    found = _DRAWN.search(caption.decode(errors="replace"))
    if found is None or found["by"] == drawn_by():
        return {}
    return dict(part.split(" ", 1) for part in found["digests"].split(", ") if " " in part)
