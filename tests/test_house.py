"""The rules of the house that a linter does not know: who imports whom, sizes, names, what is public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("carnet", "baselines", "bench")
LONGEST_FILE = 300  # lines
TOP_LEVEL = {
    *("carnet", "baselines", "bench", "results", "reports", "tests"),
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "pyproject.toml", "noxfile.py"),
    *("README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE"),
}
# written so that this file does not hold what it forbids; alice and "me" are the people of the tests
MACHINE_PATH = re.compile(
    r"(?<![\w.<>-])/(?:(?:root|work|farm)/|(?:home|Users)/(?!(?:alice|me)\b))\w|\b[A-Z]:\\Users\\(?!me\b)"
)
PACKAGE_INDEX = re.compile(r"(?:extra-)?index" + r"-url|/simple" + r"/|find" + r"-links")


def tracked() -> list[Path]:
    """Return the files under version control, and those that would be added, relative to the root."""
    if not (ROOT / ".git").exists():
        pytest.skip(f"{ROOT.name} is no git checkout, so its files cannot be told from built ones")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = {Path(line) for line in answer.stdout.splitlines()}
    return sorted(name for name in names if (ROOT / name).is_file())


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Yield the full name of everything a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = file.relative_to(ROOT).with_suffix("").parts[: -node.level]
                module = ".".join((*package, *([module] if module else [])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


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
        "import os.path\nfrom .. import cli\ndef f():\n    from .near import x\n    from a.b import c\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert set(imports(file)) == {
        *("os.path", "pack", "pack.cli", "pack.inner.near", "pack.inner.near.x", "a.b", "a.b.c")
    }


def test_carnet_imports_nothing_but_torch_and_shapes() -> None:
    assert outsiders("carnet", {"torch", "jaxtyping"}) == []


def test_baselines_do_not_know_the_bench() -> None:
    named = {name.partition(".")[0] for file in sources("baselines") for name in imports(file)}
    assert named & {"bench", "carnet"} == set()


def test_nothing_imports_the_command_line() -> None:
    cli, main = ROOT / "bench" / "cli", ROOT / "bench" / "__main__.py"
    found = [
        f"{file.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        for file in sources(package)
        if cli not in file.parents and file != main
        for name in imports(file)
        if name == "bench.cli" or name.startswith("bench.cli.")
    ]
    assert found == []


def test_what_is_imported_is_declared_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = [text for group in project["optional-dependencies"].values() for text in group]
    distributions = {re.split(r"[^\w.-]", text)[0] for text in project["dependencies"] + optional}
    spelled = {"pillow": "PIL", "pydensecrf2": "pydensecrf"}  # distributions whose import has another name
    allowed = {spelled.get(name, name.replace("-", "_")) for name in distributions} | set(PACKAGES)
    assert [line for package in PACKAGES for line in outsiders(package, allowed)] == []


def test_no_file_holds_two_ideas() -> None:
    lengths = {
        str(name): len((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in tracked()
        if name.suffix == ".py"
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_module_is_a_drawer_for_everything() -> None:
    drawer = re.compile(r"_*(utils?|helpers?|common|misc)(_.*)?")
    parts = {part for name in tracked() if name.suffix == ".py" for part in name.with_suffix("").parts}
    assert [part for part in sorted(parts) if drawer.fullmatch(part)] == []


def test_the_top_level_holds_only_what_the_layout_names() -> None:
    assert {name.parts[0] for name in tracked()} - TOP_LEVEL == set()


@pytest.mark.parametrize(
    "line",
    ["see /" + "root/x", '"/' + 'home/someone/data"', "C:" + "\\Users\\someone", "--index" + "-url x"],
)
def test_a_machine_path_or_package_index_is_recognised(line: str) -> None:
    assert MACHINE_PATH.search(line) or PACKAGE_INDEX.search(line)


@pytest.mark.parametrize(
    "line", ["../shared/data", "bench/work/flow.py", "results/records", "HOME/home/x.py"]
)
def test_a_relative_path_is_no_machine_path(line: str) -> None:
    assert not MACHINE_PATH.search(line)
    assert not PACKAGE_INDEX.search(line)


def test_no_tracked_file_names_a_machine_path_or_a_package_index() -> None:
    found = []
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or weights
        lines = enumerate(text.splitlines(), start=1)
        found += [
            f"{name}:{n}" for n, line in lines if MACHINE_PATH.search(line) or PACKAGE_INDEX.search(line)
        ]
    assert found == []


def test_the_readme_holds_the_commands_that_ci_and_a_newcomer_run() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in readme if line.startswith("python3.11 -m venv .venv && ")]
    assert len(commands) == 2  # the main job, the tests
    main_job, tests = commands
    assert main_job.endswith("carnet-bench reproduce table1 --data scenes --budget 10m")
    assert tests in ci


def test_ci_runs_every_file_again_whose_tests_skip_without_an_optional_part() -> None:
    skips = re.compile(r"importorskip\(.*extra", re.IGNORECASE)
    files = {name for name in tracked() if name.parts[0] == "tests" and name.suffix == ".py"}
    skipping = {str(name) for name in files if skips.search((ROOT / name).read_text(encoding="utf-8"))}
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    again = {word for line in ci if not line.startswith("#") for word in re.findall(r"tests/\S+\.py", line)}
    assert again == skipping
