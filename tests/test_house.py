"""The rules of the house that a linter does not know: who imports whom, sizes, names, one place per rule."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from bench.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("carnet", "baselines", "bench")
LONGEST_FILE = 300  # lines
FLOORS = (
    ("carnet", "baselines"),
    ("bench.errors",),
    ("bench.environment",),
    (
        "bench.cache",
        "bench.cuda_graph",
        "bench.heap",
        "bench.extras",
        "bench.temporaries",
        "bench.torch_settings",
    ),
    ("bench.object_store",),
    ("bench.files", "bench.toml_text"),
    ("bench.mirror",),
    ("bench.own",),
    ("bench.clock", "bench.paper", "bench.cost", "bench.data", "bench.models"),
    ("bench.results", "bench.evaluate", "bench.fabric"),
    ("bench.train",),
    ("bench.speed", "bench.predict"),
    (
        "bench.experiments",
        "bench.reproduce",
    ),  # experiments know no verdict; reproduce trains and times nothing
    ("bench.report", "bench.gate"),
    ("bench.audit", "bench.api"),
    ("bench.cli",),
    ("bench.__main__",),
)
"""Rooms, the lowest first; a room imports only from lower floors and from itself."""
ONE_PLACE = {
    "a method's family": (".", r"startswith\(\(?[\"'](carnet|bs-)", ("baselines/method.py",)),
    "the newest first": ("bench", r"\.started_utc\b", ("bench/results/select.py",)),
    "two times of one run": ("bench", r"\bdef in_one_run\(", ("bench/results/select.py",)),
    "a single pass": ("bench", r"\bdef is_single_pass\(", ("bench/results/select.py",)),
    "a time of this row": ("bench", r"\bdef is_time_of\(", ("bench/results/select.py",)),
    "quantiles of Student's t": (".", r"12\.706, 4\.303|def \w*student", ()),
    "the verdict on an accuracy": (
        "bench",
        r"\bdef judge_accuracy\(",
        ("bench/reproduce/verdict/accuracy.py",),
    ),
    "a difference seed by seed": ("bench", r"\bdef compare_seeds\(", ("bench/evaluate/differences.py",)),
    "the scored split": ("bench", r"\bdef scored_split\(", ("bench/train/splits.py",)),
    "the paper's CSV files": (
        "bench/paper",
        r"\bcsv\.(DictR|r)eader\(|read_csv\(",
        ("bench/paper/cells.py",),
    ),
    "the shared options": ("bench", r"\"--(home|json|device|threads|data-root)\"", ("bench/cli/options.py",)),
    "an optional part": ("bench", r"\bdef import_extra\(", ("bench/extras.py",)),
}
"""Each rule: the folder to search, its trace in the code, and the only files that may hold it."""


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path, typing: bool = True) -> Iterator[str]:
    """Yield the full name of everything a file imports, anywhere in it; without ``typing``, at run time."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if not typing:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = file.relative_to(ROOT).with_suffix("").parts[: -node.level]
                module = ".".join((*package, *([module] if module else [])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def modules() -> dict[str, set[str]]:
    """Return every module of the packages, and which of them each imports."""
    files = {}
    for package in PACKAGES:
        for file in sources(package):
            parts = file.relative_to(ROOT).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return {
        name: {other for other in imports(file, typing=False) if other in files} - {name}
        for name, file in files.items()
    }


def room(module: str) -> str:
    """Return the room of a module: ``bench.data`` of ``bench.data.camvid``."""
    return ".".join(module.split(".")[: 2 if module.startswith("bench.") else 1])


def circles(graph: dict[str, set[str]]) -> list[str]:
    """Return what is left of a graph of imports when all that can be ordered is taken away."""
    left = {name: set(others) for name, others in graph.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    while free := [name for name in left if not any(name in others for others in left.values())]:
        for name in free:
            del left[name]
    return sorted(left)


def outsiders(package: str, allowed: set[str]) -> list[str]:
    """Return ``file: import`` for what is neither standard library, nor the package itself, nor allowed."""
    may = allowed | set(sys.stdlib_module_names) | {package}
    return [
        f"{file.relative_to(ROOT)}: {name}"
        for file in sources(package)
        for name in imports(file)
        if name.partition(".")[0] not in may
    ]


def test_imports_are_found_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pack" / "inner" / "module.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import os.path\nfrom .. import cli\nif TYPE_CHECKING:\n    import typed\n"
        "def f():\n    from .near import x\n    from a.b import c\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    run = {"os.path", "pack", "pack.cli", "pack.inner.near", "pack.inner.near.x", "a.b", "a.b.c"}
    assert set(imports(file, typing=False)) == run
    assert set(imports(file)) == run | {"typed"}


def test_a_circle_is_found_and_what_only_leads_to_it_is_not_named() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == ["b", "c"]


def test_no_files_import_each_other_in_a_circle() -> None:
    packages = {name for name in modules() if (ROOT / name.replace(".", "/") / "__init__.py").exists()}
    graph = {name: others - packages for name, others in modules().items() if name not in packages}
    assert circles(graph) == []


def test_imports_go_down_the_floors_only() -> None:
    floor = {name: number for number, rooms in enumerate(FLOORS) for name in rooms}
    found = [
        f"{name} imports {other}"
        for name, others in modules().items()
        for other in others
        if room(name) != room(other) != "bench" != room(name) and floor[room(other)] >= floor[room(name)]
    ]
    assert found == []


def test_carnet_imports_nothing_but_torch_and_shapes() -> None:
    assert outsiders("carnet", {"torch", "jaxtyping"}) == []


def test_what_is_imported_is_declared_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = [text for group in project["optional-dependencies"].values() for text in group]
    distributions = {re.split(r"[^\w.-]", text)[0] for text in project["dependencies"] + optional}
    spelled = {"pillow": "PIL", "pydensecrf2": "pydensecrf"}  # distributions whose import has another name
    allowed = {spelled.get(name, name.replace("-", "_")) for name in distributions} | set(PACKAGES)
    assert [line for package in PACKAGES for line in outsiders(package, allowed)] == []


@pytest.mark.parametrize("rule", ONE_PLACE)
def test_a_rule_stands_in_one_place(rule: str) -> None:
    folder, pattern, places = ONE_PLACE[rule]
    found = {
        str(file.relative_to(ROOT))
        for package in (PACKAGES if folder == "." else [folder])
        for file in sources(package)
        if re.search(pattern, file.read_text(encoding="utf-8"))
    }
    assert found == set(places)


def test_every_command_has_a_file_of_its_name() -> None:
    files = {str(file.relative_to(ROOT / "bench" / "cli").with_suffix("")) for file in sources("bench/cli")}
    commands = typer.main.get_group(app).commands
    nested = {
        f"{name}/{inner}" for name, group in commands.items() for inner in getattr(group, "commands", ())
    }
    groups = {name for name, group in commands.items() if hasattr(group, "commands")}
    assert (set(commands) - groups | nested) - files == set()


def test_no_file_holds_two_ideas() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for package in (*PACKAGES, "tests")
        for file in sources(package)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawer = re.compile(r"_*(utils?|helpers?|common|misc)(_.*)?")
    files = [file.relative_to(ROOT) for package in (*PACKAGES, "tests") for file in sources(package)]
    parts = {part for name in files for part in name.with_suffix("").parts}
    assert [part for part in sorted(parts) if drawer.fullmatch(part)] == []
