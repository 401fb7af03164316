"""From what the user typed to a method: the registry, an entry point, or ``file.py:NAME``."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.errors import RefusedInput, UsageError, unknown

ENTRY_POINT_GROUP = "carnet_bench.models"


def available() -> dict[str, Method]:
    """Return every method by name: the registry's, then those of installed entry points.

    An entry point that cannot be imported does not hide the others: it is returned as a method whose build
    fails with the reason.
    """
    return {**METHODS, **{name: _listed(point) for name, point in _points().items()}}


def resolve(name: str) -> Method:
    """Return the method of this name, or of ``path/to/file.py:NAME``.

    NAME is a builder, which takes ``num_classes`` and returns a module, or a ready `Method` with its sizes,
    auxiliary weights and so on. What an entry point names is the same. Its group is ``own``.

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


def builder_failed(method: Method, error: Exception) -> RefusedInput:
    """Return the error that says that a user's builder failed, and in which line of its file."""
    module = sys.modules.get(method.builder.partition(":")[0])
    file = getattr(module, "__file__", None)
    return RefusedInput(f"{method.name}: its builder failed, {_in_words(error, file)}")


def _in_words(error: BaseException, file: str | None) -> str:
    """Return an exception as ``line N, Type: message``: the last line of ``file`` that it passed through."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"line {error.lineno}, {type(error).__name__}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"line {lines[-1]}, {said}" if lines else said


def _points() -> dict[str, EntryPoint]:
    found = entry_points(group=ENTRY_POINT_GROUP)
    return {point.name: point for point in found if point.name not in METHODS}


def _listed(point: EntryPoint) -> Method:
    try:
        return _from_entry_point(point)
    except RefusedInput:
        return _own(point.name, f"entry point {point.value}", point.value)


def _from_entry_point(point: EntryPoint) -> Method:
    with _complaining(f"entry point {point.name} = {point.value}"):
        found = point.load()
    return _method(found, point.name, f"entry point {point.value}", f"{point.module}:{point.attr}")


def _from_file(reference: str) -> Method:
    path_text, _, name = reference.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise RefusedInput(f"{path}: no such file", then="give --model path/to/file.py:build")
    module = _run(path)
    if not hasattr(module, name):
        own = [key for key, value in vars(module).items() if _is_candidate(value, module)]
        found = ", ".join(own) or "no function and no Method"
        raise RefusedInput(f"{path}: no '{name}'; found {found}")
    # a file named as a row of the paper's tables must not stand under that row's name
    label = path.name if path.stem in METHODS else path.stem
    return _method(getattr(module, name), label, f"user's own, {path.name}", f"{module.__name__}:{name}")


def _run(path: Path) -> ModuleType:
    """Run a user's file as a module of its own; two files of one name in different folders stay apart."""
    folder = hashlib.sha256(str(path.resolve().parent).encode()).hexdigest()[:8]
    module_name = f"carnet_bench_user_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}_{folder}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise RefusedInput(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        with _complaining(str(path), file=str(path)):
            spec.loader.exec_module(module)
    except RefusedInput:
        del sys.modules[module_name]
        raise
    return module


@contextlib.contextmanager
def _complaining(where: str, file: str | None = None) -> Iterator[None]:
    """Turn whatever a user's code raises into one line, and what it prints into words on stderr."""
    try:
        # stdout is for one JSON document
        with contextlib.redirect_stdout(sys.stderr):
            yield
    # a file that parses the command line or ends the program does so by SystemExit
    except (Exception, SystemExit) as error:
        raise RefusedInput(f"{where}: cannot be run, {_in_words(error, file)}") from error


def _is_candidate(value: Any, module: ModuleType) -> bool:
    own = callable(value) and getattr(value, "__module__", None) == module.__name__
    return own or isinstance(value, Method)


def _method(found: Any, name: str, citation: str, builder: str) -> Method:
    if isinstance(found, Method):
        if found.name in METHODS:
            raise RefusedInput(f"{citation}: its Method is named '{found.name}', a name of the registry")
        return replace(found, group="own")
    if not callable(found):
        raise RefusedInput(
            f"{citation}: '{builder.partition(':')[2]}' is a {type(found).__name__}; must be a function that "
            "takes num_classes and returns a module, or a baselines.method.Method"
        )
    return _own(name, citation, builder)


def _own(name: str, citation: str, builder: str) -> Method:
    return Method(name, name, citation, 0, builder, group="own")
