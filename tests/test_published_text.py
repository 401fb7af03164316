"""What is published beside the code: pages, workflows, what CI runs, and the words in every tracked file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from bench import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    *("carnet", "baselines", "bench", "results", "reports", "docs", "tests"),
    *(
        ".ci",
        ".github",
        ".gitattributes",
        ".gitignore",
        ".pre-commit-config.yaml",
        "pyproject.toml",
        "noxfile.py",
        "mkdocs.yml",
    ),
    *("README.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE"),
}
DOCS = tuple(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md")))
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "results/README.md",
    "reports/README.md",
    "reports/reproduced.md",
    *DOCS,
)
# written so that this file does not hold what it forbids; alice and "me" are the people of the tests
MACHINE_PATH = re.compile(
    r"(?<![\w.<>-])/(?:(?:root|work|farm)/|(?:home|Users)/(?!(?:alice|me)\b))\w|\b[A-Z]:\\Users\\(?!me\b)"
)
PACKAGE_INDEX = re.compile(r"(?:extra-)?index" + r"-url|/simple" + r"/|find" + r"-links")
# word by word, for the same reason
OLD_WORDS = re.compile(
    "|".join(
        rf"\b{' '.join(words)}\b"
        for words in (
            *(("goes", "on"), ("made", "again"), ("is", "told"), ("by", "bootstrap"), ("for", "want", "of")),
            *(("nothing", "says", "how"), ("so", "many", "of"), ("at", "whose"), ("one", "file", "a")),
            *(
                ("mends?", "(it|what)"),
                ("asked", "for"),
                ("looked", "in", "last"),
                ("drawn", "street", "scenes"),
            ),
            *(
                ("must", "be", "as", "many"),
                ("gives?", "no", "such", "line"),
                ("which", "is", "not", "there"),
            ),
        )
    ),
    re.IGNORECASE,
)
KEPT = ("results/records/", "baselines/sizes.py", "LICENSE")
"""Files whose text is part of a record's digest, or not ours."""


def tracked() -> list[Path]:
    """Return the files under version control, and those that would be added, relative to the root."""
    if not (ROOT / ".git").exists():
        pytest.skip(f"{ROOT.name} is no git checkout, so its files cannot be told from built ones")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    names = {Path(line) for line in answer.stdout.splitlines()}
    return sorted(name for name in names if (ROOT / name).is_file())


def lines() -> Iterator[tuple[str, str]]:
    """Yield the place and text of every line of every tracked text file."""
    for name in tracked():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or weights
        yield from ((f"{name}:{number}", line) for number, line in enumerate(text.splitlines(), start=1))


def test_the_top_level_holds_only_what_the_layout_names() -> None:
    assert {name.parts[0] for name in tracked()} - TOP_LEVEL == set()


@pytest.mark.parametrize(
    "line",
    ["see /" + "root/x", '"/' + 'home/someone/data"', "C:" + "\\Users\\someone", "--index" + "-url x"],
)
def test_a_machine_path_or_package_index_is_recognised(line: str) -> None:
    assert MACHINE_PATH.search(line) or PACKAGE_INDEX.search(line)


@pytest.mark.parametrize(
    "line", ["../shared/data", "bench/" + "work/flow.py", "results/records", "HOME/" + "home/x.py"]
)
def test_a_relative_path_is_no_machine_path(line: str) -> None:
    assert not MACHINE_PATH.search(line)
    assert not PACKAGE_INDEX.search(line)


def test_no_tracked_file_names_a_machine_path_or_a_package_index() -> None:
    assert [place for place, line in lines() if MACHINE_PATH.search(line) or PACKAGE_INDEX.search(line)] == []


def test_no_sentence_of_the_old_house_is_left() -> None:
    found = [place for place, line in lines() if OLD_WORDS.search(line) and not place.startswith(KEPT)]
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link}
    assert [link for link in sorted(links - {""}) if not ((ROOT / page).parent / link).exists()] == []


def test_the_code_that_a_page_names_is_there() -> None:
    pattern = re.compile(r"`((?:bench|carnet|baselines|tests|results|reports)/[\w./-]+\.\w+)`")
    named = {path for page in PAGES for path in pattern.findall((ROOT / page).read_text(encoding="utf-8"))}
    names = re.compile(r"[A-Z]{4,}\.|[A-Z]{4,}-|/[A-Z]{4,}/")  # NAME.py, RULE.py, KIND/ID.json
    assert [path for path in sorted(named) if not (ROOT / path).exists() and not names.search(path)] == []


def test_workflows_issue_forms_and_citation_can_be_read() -> None:
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / "CITATION.cff"]
    read = {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}
    assert {"ci.yml", "check.yml", "release.yml", "bug.yml", "new-baseline.yml", "new-data-set.yml"} <= set(
        read
    )
    for name in ("ci.yml", "check.yml", "release.yml"):
        assert read[name]["permissions"] == {"contents": "read"}
    assert read["CITATION.cff"]["version"] == __version__


def test_the_changelog_has_a_section_of_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


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
