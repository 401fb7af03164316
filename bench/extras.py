"""Optional packages: imported when needed; a missing one is an error that names what to install."""

from __future__ import annotations

import importlib
from typing import Any

from bench.errors import UsageError


def import_extra(name: str, extra: str | None) -> Any:
    """Return a module that the extra ``carnet-bench[extra]`` installs; None is a package of no extra.

    Raises:
        UsageError: It cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        install = f"'carnet-bench[{extra}]'" if extra else name
        raise UsageError(f"{name} cannot be imported: {error}", then=f"pip install {install}") from error
