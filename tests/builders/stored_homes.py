"""A home on shared storage for tests: its URL in fsspec's file system in memory, and what is stored there."""

from __future__ import annotations

from typing import Any

URL = "memory://bucket/home"


def names(store: Any, below: str = "") -> list[str]:
    """Return the paths of the stored objects, relative to the home."""
    found = store.find(f"/bucket/home/{below}")
    return sorted(one.removeprefix("/bucket/home/") for one in found)
