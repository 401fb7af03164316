"""Figures that were drawn before: kept in the user's cache folder, so that nothing is drawn twice.

What decides a figure's bytes is part of its name: the values that it shows, the code of this package and of
the paper's data, and the versions of what draws.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench import cache
from bench.errors import RefusedInput
from bench.files import read_regular, write_atomic

_DRAWING = ("matplotlib", "pillow", "numpy", "fonttools", "contourpy", "kiwisolver")
_FORMAT = 1
_MOST_FIGURES = 256

Drawn = dict[str, bytes]
"""A figure's content by its form: ``png``, ``svg``, ``pdf``."""


def kept_figure(shows: object, draw: Callable[[], Drawn]) -> Drawn:
    """Return what ``draw`` returns, without drawing what was drawn before.

    Args:
        shows: All values that decide what is drawn; its ``repr`` tells two of them apart.
        draw: Draws the figure.
    """
    if cache.is_made_anew():
        return cache.anew(f"figure {shows!r}", draw)
    path = _path(shows)
    found = None if path is None else _read(path)
    if found is not None:
        return found
    drawn = draw()
    if path is not None and path == _path(shows):  # the code was not changed meanwhile
        _write(path, drawn)
    return drawn


def _path(shows: object) -> Path | None:
    here = Path(__file__).parent
    sources = [path for folder in (here, here.parent / "paper") for path in folder.glob("*.py")]
    code = cache.digest_of_code(sources, (str(_FORMAT), *cache.installed_versions(_DRAWING)))
    folder = cache.cache_folder("figures")
    if code is None or folder is None:
        return None
    return folder / _digest(f"{code}\0{shows!r}".encode())


def _read(path: Path) -> Drawn | None:
    """Return the figure of a file; None where there is none, or it is not as it was written."""
    with suppress(RefusedInput, ValueError, TypeError, AttributeError):
        digest, _, content = read_regular(path).partition(b"\n")
        if digest.decode() == _digest(content):
            path.touch()  # used last now
            return {form: b64decode(text) for form, text in json.loads(content).items()}
    return None


def _write(path: Path, drawn: Drawn) -> None:
    content = json.dumps({form: b64encode(one).decode() for form, one in drawn.items()}).encode()
    with suppress(RefusedInput, OSError):  # a full disk: the figure is the answer, kept or not
        write_atomic(path, f"{_digest(content)}\n".encode() + content)
        cache.keep_newest(path.parent, _MOST_FIGURES)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
