"""Homes on shared storage: where a file of the local copy lies there, and how its bytes get there.

A home named by a URL (``s3://BUCKET/PREFIX``, any file system that fsspec knows) has a local copy in the
user's cache folder, ``homes/URL``, with the URL quoted in the folder's name. So a path alone says whether and
where a file is stored, in every process and on every machine. `bench.files` sends each file of such a folder
before it gets its local name; `bench.mirror` fetches. The store is the truth, the copy saves time.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from bench.errors import BenchError, RefusedInput, UsageError
from bench.extras import import_extra

COPIES = ("carnet-bench", "homes")
"""Folders above the local copies."""

_MARK = quote("://", safe="")
_COPY = re.compile(rf"(?:/[^\s'\"]*)?/{'/'.join(COPIES)}/([^/\s'\"]*{_MARK}[^/\s'\"]*)")
_OF_S3 = ("s3", "s3a")


class ObjectExistsError(FileExistsError):
    """The store has another object of this name."""


@dataclass(frozen=True)
class Stored:
    """Where a file or folder of a local copy is stored.

    Attributes:
        url: The home's, without a slash at its end.
        name: Path below the home, its parts joined by ``/``; empty for the home itself.
    """

    url: str
    name: str

    def __str__(self) -> str:
        """Return the URL of the object."""
        return f"{self.url}/{self.name}" if self.name else self.url


def copy_name(url: str) -> str:
    """Return the name of the folder that is the local copy of a home."""
    return quote(url, safe="")


def stored(path: Path) -> Stored | None:
    """Return where a path of a local copy is stored; None for any other path."""
    parts = path.parts
    for place in range(2, len(parts)):
        if parts[place - 2 : place] == COPIES and _MARK in parts[place]:
            return Stored(unquote(parts[place]), "/".join(parts[place + 1 :]))
    return None


def shown(text: str) -> str:
    """Return a text with the URL in place of each path of a local copy."""
    return _COPY.sub(lambda found: unquote(found[1]), text)


def put(path: Path, content: bytes) -> None:
    """Store a file of a local copy; an object of this name is replaced. Any other path: nothing is done.

    Raises:
        RefusedInput, UsageError: The store refuses or cannot be reached.
    """
    if (where := stored(path)) is not None:
        with _opened(where) as (system, name):
            system.pipe_file(name, content)


def create(path: Path, content: bytes) -> bool:
    """Store a file of a local copy where no object has this name, and read it back.

    Of several machines that create one name exactly one succeeds where store and fsspec have conditional
    writes, as for S3; elsewhere fsspec looks first and writes then. The same bytes again are no error, as an
    answer may get lost.

    Returns:
        True; False for a path of no local copy, for which nothing is done.

    Raises:
        ObjectExistsError: The name has other content; it stays.
        RefusedInput, UsageError: The store refuses, cannot be reached, or returns other bytes.
    """
    if (where := stored(path)) is None:
        return False
    with _opened(where) as (system, name):
        try:
            system.pipe_file(name, content, mode="create")
            found, is_ours = system.cat_file(name), True
        except FileExistsError:
            found, is_ours = system.cat_file(name), False
        if found == content:
            return True
        if not is_ours:
            raise ObjectExistsError(f"{where}: exists with other content")
        with contextlib.suppress(Exception):  # the refusal below is what matters
            system.rm_file(name)
        raise RefusedInput(f"{where}: read back {len(found)} other bytes than the {len(content)} written")


def remove(path: Path) -> None:
    """Remove the object of a file of a local copy, if there is one. Any other path: nothing is done.

    Raises:
        RefusedInput, UsageError: The store refuses or cannot be reached.
    """
    if (where := stored(path)) is not None:
        with _opened(where) as (system, name), contextlib.suppress(FileNotFoundError):
            system.rm_file(name)


def objects_below(folder: Path) -> dict[str, int]:
    """Return size in bytes by name, relative to the folder, of every object below a folder of a local copy.

    Raises:
        RefusedInput: The store refuses or cannot be reached, or a name leads out of the folder.
        UsageError: A protocol without its package.
    """
    where = _required(folder)
    with _opened(where) as (system, name):
        found = system.find(name, detail=True)
        return {
            _inner(one[len(name) + 1 :], where): int(about["size"])
            for one, about in found.items()
            if one.startswith(f"{name}/")
        }


def read(path: Path) -> bytes | None:
    """Return the bytes of the object of a file of a local copy; None where there is none (any more).

    Raises:
        RefusedInput, UsageError: The store refuses or cannot be reached.
    """
    with _opened(_required(path)) as (system, name):
        try:
            return bytes(system.cat_file(name))
        except FileNotFoundError:
            return None


def _required(path: Path) -> Stored:
    where = stored(path)
    if where is None:
        raise ValueError(f"{path}: not in a local copy of a stored home")
    return where


def _inner(name: str, where: Stored) -> str:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or "\\" in name or name.startswith("/"):
        raise RefusedInput(f"{where}/{name}: the name leads out of its folder", then="remove the object")
    return name


@contextlib.contextmanager
def _opened(where: Stored) -> Iterator[tuple[Any, str]]:
    """Yield the file system and the name of an object in it; what either raises is one line that names it."""
    protocol = where.url.partition("://")[0]
    core = import_extra("fsspec.core", "remote")
    try:
        system, root = core.url_to_fs(where.url, use_listings_cache=False)
        yield system, f"{root}/{where.name}" if where.name else root
    except (BenchError, ObjectExistsError):
        raise
    except ImportError as error:
        extra = "pip install 'carnet-bench[remote]'" if protocol in _OF_S3 else "pip install that package"
        raise UsageError(f"{where.url}: {error}", then=extra) from error
    except FileNotFoundError as error:
        raise RefusedInput(f"{where}: {_first(error)}", then="check the name of the bucket") from error
    except PermissionError as error:
        raise RefusedInput(
            f"{where}: {_first(error)}", then="check the credentials and their rights"
        ) from error
    except Exception as error:  # each file system's library raises its own
        if isinstance(error, ValueError) and "Protocol not known" in str(error):
            raise UsageError(f"{where.url}: unknown protocol; expected e.g. s3://BUCKET/PREFIX") from error
        raise RefusedInput(
            f"{where}: {_first(error)}", then="check network, endpoint and credentials, and rerun the command"
        ) from error


def _first(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
