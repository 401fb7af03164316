"""From a name to a method: the registry, an entry point, or, as the user typed it, ``file.py:NAME``."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import RefusedInput, UsageError, no_file, unknown
from bench.own.files import OwnFiles, run_file
from bench.own.guard import guarded

ENTRY_POINT_GROUP = "carnet_bench.models"
_MOST_CHARACTERS = 200
NAME = r"^\w[\w.+ -]{0,63}$"
"""What a method may be named: names become parts of file names."""


def available() -> dict[str, Method]:
    """Return every method by name: the registry's, then those of installed entry points.

    An entry point that cannot be imported does not hide the others: it is returned as a method whose build
    fails with the reason.
    """
    return {**METHODS, **{name: _listed(point) for name, point in _points().items()}}


def resolve(name: str) -> Method:
    """Return the method of this name, or of ``path/to/file.py:NAME``, which runs that file.

    Only for what the user typed or wrote into a recipe; what a file, a record or an archive says goes through
    `recorded`. NAME is a builder, which takes ``num_classes`` and returns a module, or a ready `Method` with
    its sizes, auxiliary weights and so on. What an entry point names is the same. Its group is ``own``.

    Raises:
        UsageError: No such name (the message lists the names).
        RefusedInput: The file does not exist or cannot be run (its line is named), or what it has under this
            name is neither a builder nor a method.
    """
    if ".py:" in name:
        return _from_file(name)
    if name.endswith(".py"):
        raise UsageError(f"model '{name}' is a file; say which builder in it, e.g. {name}:build")
    points = _points()
    if name in points:
        return _from_entry_point(points[name])
    if name not in METHODS:
        raise unknown("model", name, sorted([*METHODS, *points]))
    return METHODS[name]


def recorded(name: str, source: object, *, model: str | None = None) -> Method:
    """Return the method that a weights file or a record names; never a file's that only they name.

    Args:
        name: The model's name there.
        source: What says so, for the message.
        model: The user's own word for it (``--model``), which is taken instead.

    Raises:
        RefusedInput: The name is that of a file, or of nothing that is installed.
        UsageError: As `resolve`, for ``model``.
    """
    if model is not None:
        return resolve(model)
    if ".py" not in name and (name in METHODS or name in _points()):
        return resolve(name)
    # escaped: it may hold anything
    shown = ascii(name[:_MOST_CHARACTERS])
    raise RefusedInput(
        f"{source}: names its model {shown}, which is no name of `carnet-bench models`; a file is run only "
        "when the command line or a recipe of yours names it",
        then="if you trust that network's file: --model FILE.py:FUNCTION",
    )


def _points() -> dict[str, EntryPoint]:
    found = entry_points(group=ENTRY_POINT_GROUP)
    return {point.name: point for point in found if point.name not in METHODS}


def _listed(point: EntryPoint) -> Method:
    try:
        return _from_entry_point(point)
    except RefusedInput:
        return Method(point.name, point.name, f"entry point {point.value}", 0, point.value, group="own")


def _from_entry_point(point: EntryPoint) -> Method:
    builder = f"{point.module}:{point.attr}"
    with guarded(f"entry point {point.name} = {point.value}: cannot be run", [], named=Path()):
        found = point.load()
    return _method(found, point.name, f"entry point {point.value}", builder)


def _from_file(reference: str) -> Method:
    path_text, _, name = reference.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise RefusedInput(no_file(path), then="give --model path/to/file.py:build")
    with guarded(f"{path}: cannot be run", [OwnFiles(path.resolve(), path.resolve().parent)], named=path):
        module = run_file(path)
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if _is_candidate(value, module)]
        found = ", ".join(own) or "no function and no Method"
        raise RefusedInput(f"{path}: no '{name}'; found {found}")
    # two builders of one file are two networks; a file named as a row of the paper's tables must not stand
    # under that row's name
    stem = path.name if path.stem in METHODS else path.stem
    label = re.sub(r"[^\w.+ -]", "-", stem if name == "build" else f"{stem}.{name}").lstrip(".+ -")[:64]
    found = getattr(module, name)
    _require_one_name(found, module, path)
    return _method(found, label, f"user's own, {path.name}", f"{module.__name__}:{name}")


def _require_one_name(found: Any, module: ModuleType, path: Path) -> None:
    """Refuse a Method whose name another one of its file has as well: their records would be mixed."""
    for key, other in vars(module).items():
        both = isinstance(found, Method) and isinstance(other, Method)
        if both and other.name == found.name and other != found:
            raise RefusedInput(f"{path}: '{key}' is another Method named '{found.name}'; name them apart")


def _is_candidate(value: Any, module: ModuleType) -> bool:
    own = callable(value) and getattr(value, "__module__", None) == module.__name__
    return own or isinstance(value, Method)


def _method(found: Any, name: str, citation: str, builder: str) -> Method:
    if isinstance(found, Method):
        if found.name in METHODS:
            raise RefusedInput(f"{citation}: its Method is named '{found.name}', a name of the registry")
        _require_name(found.name, citation)
        return replace(found, group="own")
    if not callable(found):
        raise RefusedInput(
            f"{citation}: '{builder.partition(':')[2]}' is a {type(found).__name__}; must be a function that "
            "takes num_classes and returns a module, or a baselines.method.Method"
        )
    return _own(name, citation, builder)


def _require_name(name: Any, citation: str) -> None:
    if not (isinstance(name, str) and re.fullmatch(NAME, name)):
        raise RefusedInput(
            f"{citation}: is named {name!r}; expected 1 to 64 letters, digits, '.', '_', '+', '-' or spaces"
        )


def _own(name: str, citation: str, builder: str) -> Method:
    _require_name(name, citation)
    return Method(name, name, citation, 0, builder, group="own")
