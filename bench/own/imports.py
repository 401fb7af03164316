"""Which files of their own a user's network imports: what decides the network besides its own file."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from importlib.machinery import PathFinder
from pathlib import Path

from bench.own.files import OURS, OwnFiles


def imported_files(own: OwnFiles) -> list[Path]:
    """Return the user's own files that a network's file imports, at any remove, sorted, without itself.

    Found are the imports that are written down, also those in functions and with a name in
    ``importlib.import_module("name")``, and what the file had loaded when it was run.
    """
    importlib.invalidate_caches()
    found = [own.file, *own.at_import]
    for file in found:  # grows while it is read
        for path in _imports_of(file, own):
            if own.has(path) and path not in found:
                found.append(path)
    return sorted(set(found) - {own.file})


def _imports_of(file: Path, own: OwnFiles) -> Iterator[Path]:
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # whoever makes the digest names it
    bases = own.search or (str(own.root), str(own.root.parent))
    for level, name in _names(tree):
        if level:
            # `from . import x` looks into the file's own folder, each further dot one folder up
            folder = file.parents[min(level, len(file.parents)) - 1]
            yield from _packages_of(folder / "module.py", own)
            yield from _located(name, [str(folder)])
        elif name.partition(".")[0] not in OURS:
            yield from _located(name, bases)
    yield from _packages_of(file, own)


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (number of dots, dotted name) of everything that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # a name may be a module of the package or something in it
            for alias in node.names:
                yield node.level, ".".join(part for part in (node.module, alias.name) if part)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if called in ("import_module", "__import__") and isinstance(name, str) and name.strip("."):
                plain = name.lstrip(".")
                yield len(name) - len(plain), plain


def _located(name: str, folders: Sequence[str]) -> Iterator[Path]:
    """Yield the files of a dotted name and of its packages, as far as they are found in the folders."""
    places: Sequence[str] | None = folders
    for part in name.split("."):
        if places is None or not part:
            return
        spec = PathFinder.find_spec(part, list(places))
        if spec is None:
            return
        if spec.has_location and spec.origin:
            yield Path(spec.origin).resolve()
        places = spec.submodule_search_locations


def _packages_of(file: Path, own: OwnFiles) -> Iterator[Path]:
    """Yield the ``__init__.py`` files that run before a module of a package does."""
    for folder in file.parents:
        start = folder / "__init__.py"
        if not own.has(start) or not start.is_file():
            return
        yield start.resolve()
