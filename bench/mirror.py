"""The local copy of a home on shared storage: what a command reads is fetched before, and only that.

Files that never change (records, their arrays, checkpoints) are fetched once; the others each time. What the
store no longer has is removed from the copy. Every file is checked where it is read, as on a disk: a record
holds a digest of its own content and one of its arrays, a checkpoint has its marker, and the digest of final
weights stands in their training record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from bench import cache
from bench.errors import RefusedInput, UsageError
from bench.files import write_copy
from bench.object_store import Stored, copy_name, objects_below, read, stored

_NEVER_CHANGES = re.compile(
    r"results/records/\w+/\w+\.(json|npz)|runs/[^/]+/checkpoints/step-\d+\.(ckpt|sha256)"
)
_DESCRIBES = re.compile(r"[^/]+/run\.json|([^/]+/)?plan-[^/]+\.json")
_LOCAL = ("lock",)
_AT_ONCE = 8
_LONGEST_NAME = 255
_SOURCE = re.compile(r"(?P<home>.+?)/(?P<below>runs/[^/]+(/[^/]+)?|results/weights/[^/]+)")
_FETCHED: set[Path] = set()
"""Folders of runs that this process has fetched: until it ends it works on what it has."""


def is_url(text: str) -> bool:
    """Return whether a home or file is named by a URL."""
    return "://" in text


def home_of(text: str | Path) -> Path:
    """Return the folder of a home: the folder itself, or the local copy of a URL's, its records fetched.

    ``file://`` is the folder that it names.

    Raises:
        UsageError: No such protocol, a protocol without its package, or a password in the URL.
        RefusedInput: The store refuses or cannot be reached; no cache folder.
    """
    if not is_url(str(text)):
        return Path(text)
    url = str(text).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme in ("file", "local"):
        return Path(url.partition("://")[2] or "/")
    if parts.password is not None:
        raise UsageError(
            f"{parts.scheme}://...@{parts.hostname}: a password in the URL; expected none",
            then="give it in the environment or the configuration of the store's library",
        )
    if not parts.netloc or "::" in url or len(copy_name(url)) > _LONGEST_NAME:
        raise UsageError(
            f"{url}: expected PROTOCOL://BUCKET/PREFIX, at most {_LONGEST_NAME} characters when quoted"
        )
    copies = cache.cache_folder("homes")
    if copies is None:
        raise RefusedInput(
            f"{url}: its local copy needs a cache folder that is yours alone, and there is none",
            then="set XDG_CACHE_HOME to a folder of your own",
        )
    home = copies / copy_name(url)
    fetch_records(home)
    return home


def source_of(text: str | Path) -> Path:
    """Return the path of a run's folder or a weights file; of one in a stored home that of the local copy.

    Raises:
        UsageError: A URL of neither ``HOME/runs/RUN`` nor ``HOME/results/weights/FILE``.
        RefusedInput: As for `home_of`.
    """
    if not is_url(str(text)):
        return Path(text)
    found = _SOURCE.fullmatch(str(text).rstrip("/"))
    if found is None:
        raise UsageError(f"{text}: expected HOME/runs/RUN or HOME/results/weights/FILE of a stored home")
    return home_of(found["home"]) / found["below"]


def fetch_records(home: Path) -> None:
    """Bring the records of a stored home, those of other machines included; nothing for a folder."""
    _fetch(home / "results" / "records", lambda _: True)


def fetch_reports(home: Path) -> None:
    """Bring everything that tables and pages are made of or compared with; nothing for a folder."""
    for name in ("results", "reports"):
        _fetch(home / name, lambda _: True)


def fetch_runs(home: Path) -> None:
    """Bring what finds a stored home's runs, and the epochs chosen for a budget; nothing for a folder."""
    _fetch(home / "runs", lambda name: _DESCRIBES.fullmatch(name) is not None)


def fetch_run(folder: Path) -> None:
    """Bring a run's files and checkpoints; nothing for a run of a folder.

    Called while the run is locked, as checkpoints go while it is trained.
    """
    _FETCHED.add(folder)
    _fetch(folder, lambda name: "/" not in name or name.startswith("checkpoints/"))


def fetch_source(path: Path) -> None:
    """Bring what a path needs that is to be read as weights, once; nothing outside a stored home."""
    where = stored(path)
    if where is None:
        return
    parts = where.name.split("/")
    home = path.parents[len(parts) - 1]
    if parts[0] == "runs" and len(parts) > 1 and (folder := home / "runs" / parts[1]) not in _FETCHED:
        fetch_run(folder)
    elif parts[:2] == ["results", "weights"]:
        _fetch(home / "results" / "weights", lambda name: name in (*parts[2:], "README.md"))


def _fetch(folder: Path, wanted: Callable[[str], bool]) -> None:
    """Make a folder of a local copy hold the wanted objects as they are stored; nothing for another folder.

    Raises:
        RefusedInput: The store refuses or cannot be reached, or the disk refuses.
    """
    where = stored(folder)
    if where is None:
        return
    # the copy first: what another process of this machine adds meanwhile is stored before it is here
    here = _files_below(folder, wanted)
    there = {name: size for name, size in objects_below(folder).items() if wanted(name)}
    missing = [name for name, size in there.items() if not _is_current(where, name, size, here)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda name: _bring(folder / name), missing))
    for name in here.keys() - there.keys():
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def _files_below(folder: Path, wanted: Callable[[str], bool]) -> dict[str, int]:
    found = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        if path.name.startswith(".") or path.name in _LOCAL or not wanted(name):
            continue
        with suppress(OSError):  # a file that another process has just removed
            if path.is_file():
                found[name] = path.stat().st_size
    return found


def _is_current(where: Stored, name: str, size: int, here: dict[str, int]) -> bool:
    return here.get(name) == size and _NEVER_CHANGES.fullmatch(f"{where.name}/{name}") is not None


def _bring(path: Path) -> None:
    content = read(path)
    if content is not None:
        write_copy(path, content)
