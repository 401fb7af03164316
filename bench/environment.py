"""Environment variables that choose between names."""

from __future__ import annotations

import os

from bench.errors import UsageError


def chosen(variable: str, default: str, *others: str) -> str:
    """Return what an environment variable chooses; the default where it is not set.

    Raises:
        UsageError: Neither the default nor one of the others.
    """
    wanted = os.environ.get(variable, default)
    allowed = (default, *others)
    if wanted not in allowed:
        raise UsageError(f"{variable} is '{wanted}'; choose from {', '.join(allowed)}")
    return wanted
