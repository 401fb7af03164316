"""Fetch a file that may be had without registration: temporary name, digest, mirrors."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import RefusedInput
from bench.files import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 30.0
ATTEMPTS = 3  # at each address; a later one resumes where the earlier broke off
_BLOCK = 1 << 20
_FAILURES = (urllib.error.URLError, HTTPException, OSError, ValueError)


@dataclass(frozen=True)
class Source:
    """A file and where it lies.

    Attributes:
        file: Its name.
        urls: Its address and mirrors, tried in this order.
        digest: ``ALGORITHM:HEX`` as published by others; None where there is none.
    """

    file: str
    urls: tuple[str, ...]
    digest: str | None


def fetch(
    source: Source, folder: Path, *, seen: Callable[[int, int | None], None] = lambda *_: None
) -> tuple[Path, bool]:
    """Fetch a file into a folder; its name appears only when it is whole and its digest is right.

    Args:
        source: What and from where.
        folder: Made when missing.
        seen: Called as ``seen(bytes so far, bytes in all or None)``.

    Returns:
        The file, and whether it was fetched now; False is that it was there already with the right digest (a
        file without a published digest is taken as it is).

    Raises:
        RefusedInput: No address gave a whole file with the right digest: each is named with what happened
            there, and where to put the file by hand. Or a file of this name with another digest is there.
    """
    target = folder / source.file
    if target.exists():
        wrong = _mismatch(target, source.digest)
        if wrong:
            raise RefusedInput(f"{target}: {wrong}", then=f"remove {target}, then run the same command")
        return target, False
    failures: list[str] = []
    with GrowingFile(target) as growing:
        for url in source.urls:
            failure = _try(url, growing, source.digest, seen)
            if failure is None:
                growing.finish()
                return target, True
            failures.append(f"{url}: {failure}")
    digest = f" ({source.digest})" if source.digest else ""
    raise RefusedInput(
        f"{source.file} could not be fetched: {'; '.join(failures)}",
        then=f"get {source.file}{digest} in another way and put it at {target}",
    )


def _try(
    url: str, growing: GrowingFile, digest: str | None, seen: Callable[[int, int | None], None]
) -> str | None:
    """Fetch one address into the growing file; return what went wrong, None for nothing."""
    growing.restart()
    failure = "not tried"
    for _ in range(ATTEMPTS):
        try:
            _download(url, growing, seen)
        except _FAILURES as error:
            failure = str(error) or type(error).__name__
            continue
        growing.flush()
        return _mismatch(growing.temporary, digest)
    return failure


def _download(url: str, growing: GrowingFile, seen: Callable[[int, int | None], None]) -> None:
    """Append to the growing file what is missing; a connection that ends early is an OSError."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={growing.size}-"} if growing.size else {})
    if request.type not in ("http", "https"):
        raise ValueError(f"address {url}: expected http and https")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if answer.status != 206:
            growing.restart()  # the server sends all of it again
        elif not answer.headers.get("Content-Range", f"bytes {growing.size}-").startswith(
            f"bytes {growing.size}-"
        ):
            raise ValueError(f"requested bytes from {growing.size}, got {answer.headers['Content-Range']}")
        length = answer.headers.get("Content-Length")
        total = growing.size + int(length) if length else None
        for block in iter(lambda: _read(answer), b""):
            growing.append(block)
            seen(growing.size, total)
    if total is not None and growing.size != total:
        raise OSError(f"the connection ended after {growing.size} of {total} bytes")


def _read(answer: Any) -> bytes:
    block: bytes = answer.read1(_BLOCK)
    return block


def _mismatch(path: Path, digest: str | None) -> str | None:
    """Return what is wrong with a file's digest; None when it is right or none is published."""
    if digest is None:
        return None
    algorithm, _, wanted = digest.partition(":")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    return None if found == wanted else f"{algorithm} is {found}, wanted {wanted}"
