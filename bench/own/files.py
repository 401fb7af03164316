"""Where a user's network lies, how its file is run, and which files next to it are its own."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from baselines.method import Method

OURS = ("bench", "carnet", "baselines")
_LIBRARIES = tuple(Path(path).resolve() for path in set(sysconfig.get_paths().values()))
_PACKAGE = "carnet_bench_user_"


@dataclass(eq=False)
class OwnFiles:
    """The files of one network.

    Attributes:
        file: File of the builder.
        root: Folder below which a file that it imports is the user's own: the one that holds its top package,
            else its own.
        search: Folders searched for what it imports, before all others; empty where it is installed.
        package: Package of which the file is a module; empty where it is installed.
        modules: Modules loaded from them, while their code is not running.
        at_import: Files loaded with it when it was run.
    """

    file: Path
    root: Path
    search: tuple[str, ...] = ()
    package: str = ""
    modules: dict[str, ModuleType] = field(default_factory=dict)
    at_import: tuple[Path, ...] = ()

    def has(self, file: Path | str | None) -> bool:
        """Return whether a file is the user's own: not a library's that lies below the same folder."""
        path = Path(file).resolve() if file else None
        if path is None or path == self.file:
            return path is not None
        if not path.is_relative_to(self.root) or path.suffix == ".pyi":
            return False
        parts = path.relative_to(self.root).parts
        if {"site-packages", "dist-packages"} & set(parts):
            return False
        inside = (one for one in _LIBRARIES if one.is_relative_to(self.root))
        return not any(path.is_relative_to(one) for one in inside)

    def loaded(self) -> list[Path]:
        """Return the file and those loaded with it.

        A file of another network that was run too is none of them, unless one of these names it.
        """
        prefix = self.package + "."
        inside = [module for name, module in sys.modules.items() if self.package and name.startswith(prefix)]
        files = [getattr(module, "__file__", None) for module in [*self.modules.values(), *inside]]
        found = {Path(file).resolve() for file in files if file}
        mine = sorted(one for one in found if one != self.file and self.has(one))
        others = {one.file for one in _registered.values()} - {self.file}
        certain = [self.file, *(one for one in mine if one not in others)]
        return [self.file, *(one for one in mine if one in certain or _is_named(one, certain))]


_registered: dict[str, OwnFiles] = {}
_active: list[OwnFiles | None] = [None]


def run_file(path: Path) -> ModuleType:
    """Run a user's file as a module of its own, anew every time.

    What lies next to it can be imported (``import sibling``, ``from . import sibling``, and from further up
    inside a package). Files of one name in different folders stay apart, and so do their siblings.
    """
    path = path.resolve()
    top = path.parent
    while (top / "__init__.py").is_file() and top.name.isidentifier():
        top = top.parent
    package = _PACKAGE + hashlib.sha256(str(top).encode()).hexdigest()[:8]
    parents = path.parent.relative_to(top).parts
    name = ".".join([package, *parents, re.sub(r"\W", "_", path.stem)])
    # a file of an installed package, given by its path: what else is installed is not the user's own
    root = top / parents[0] if parents and top in _LIBRARIES else top
    own = OwnFiles(path, root, tuple(dict.fromkeys((str(path.parent), str(top)))), package)
    for old in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
        # siblings that were changed in the meantime are read again; what other files made stays
        if old not in _registered:
            del sys.modules[old]
    base = ModuleType(package)
    base.__path__ = [str(top)]
    sys.modules[package] = base
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    before = set(sys.modules)
    try:
        with importing(own):
            if parents:
                importlib.import_module(".".join([package, *parents]))
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
    except BaseException:
        for new in set(sys.modules) - before | {package}:
            if new.startswith(package):
                sys.modules.pop(new, None)
        raise
    own.at_import = tuple(own.loaded()[1:])
    _registered[name] = own
    return module


def _is_named(file: Path, by: list[Path]) -> bool:
    word = re.compile(rf"\b{re.escape(file.stem)}\b")
    return any(word.search(one.read_text(encoding="utf-8", errors="replace")) for one in by if one.is_file())


def own_files(method: Method) -> OwnFiles | None:
    """Return the files of a user's own method; None for all others, and where its builder has no file."""
    if method.group != "own":
        return None
    name = method.builder.partition(":")[0]
    if name in _registered:
        return _registered[name]
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    # an installed package: its top folder; an installed module alone is its file and no other's
    depth = name.count(".") + (path.name == "__init__.py")
    if depth:
        return OwnFiles(path, path.parents[depth - 1])
    return OwnFiles(path, path if path.parent in _LIBRARIES else path.parent)


@contextlib.contextmanager
def importing(own: OwnFiles | None) -> Iterator[None]:
    """While a user's code runs, let it import what lies next to it; afterwards nobody else does.

    No compiled file is written: Python takes it for its source's by second and size, so a file that was
    edited within a second would be digested as it is and run as it was.
    """
    previous = _active[0]
    if own is None or own is previous:
        yield
        return
    _put_away(previous)
    before = _bring(own)
    writes_none = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_none
        _collect(own, before)
        _put_away(own)
        _bring(previous)


def _bring(own: OwnFiles | None) -> set[str]:
    _active[0] = own
    before = set(sys.modules)
    if own is not None:
        sys.path[:0] = own.search
        sys.modules.update(own.modules)
        importlib.invalidate_caches()
    return before


def _collect(own: OwnFiles, before: set[str]) -> None:
    for name in set(sys.modules) - before:
        top = name.partition(".")[0]
        module = sys.modules[name]
        if top not in OURS and not top.startswith(_PACKAGE) and own.search and _is_of(own, module):
            own.modules[name] = module


def _is_of(own: OwnFiles, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is not None:
        return own.has(file)
    # a folder without __init__.py
    return any(own.has(Path(part) / "part") for part in list(getattr(module, "__path__", ())))


def _put_away(own: OwnFiles | None) -> None:
    if own is None:
        return
    for name in own.modules:
        sys.modules.pop(name, None)
    for folder in own.search:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)
