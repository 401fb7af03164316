"""A store in memory, and machines with a cache folder each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stored_homes import URL

from bench import mirror

Machine = Callable[[str], Path]


@pytest.fixture
def store() -> Iterator[Any]:
    """Give the test an empty file system in memory."""
    fsspec = pytest.importorskip("fsspec", minversion="2025.2")
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def machine(user_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Any) -> Machine:
    """Return a function that makes this process one of a machine of that name, and returns its home."""

    def become(name: str) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        monkeypatch.setattr(mirror, "_FETCHED", set())
        return mirror.home_of(URL)

    return become
