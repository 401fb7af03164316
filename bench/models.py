"""From what the user typed to a method: the registry, an entry point, or ``file.py:build``."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import entry_points
from pathlib import Path

from baselines.registry import METHODS, Method
from bench.errors import RefusedInput, UsageError, unknown

ENTRY_POINT_GROUP = "carnet_bench.models"


def available() -> dict[str, Method]:
    """Return every method by name: the registry's, then those of installed entry points."""
    own = {
        point.name: Method(point.name, point.name, f"entry point {point.value}", 0, point.value)
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if point.name not in METHODS
    }
    return {**METHODS, **own}


def resolve(name: str) -> Method:
    """Return the method of this name, or of ``path/to/file.py:build``.

    Raises
    ------
    UsageError
        No such name (the message lists the names), or a known method that is not built yet.
    RefusedInput
        The named file or the function in it does not exist.
    """
    if ".py:" in name:
        return _from_file(name)
    methods = available()
    if name not in methods:
        raise unknown("model", name, sorted(methods))
    method = methods[name]
    if method.builder is None:
        built = sorted(key for key, value in methods.items() if value.builder)
        raise UsageError(f"model '{name}' is not built yet; built are {', '.join(built)}")
    return method


def _from_file(reference: str) -> Method:
    path_text, _, function = reference.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise RefusedInput(f"{path}: no such file", then="give --model path/to/file.py:build")
    module_name = f"carnet_bench_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise RefusedInput(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        raise RefusedInput(f"{path}: no function '{function}'; have {', '.join(sorted(vars(module)))}")
    return Method(path.stem, path.stem, f"user's own, {path.name}", 0, f"{module_name}:{function}")
