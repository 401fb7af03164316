"""The lists of mutants fit the tree: each names a part that is there once, and a test that exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_mutants import Mutant, fault, read_mutants, run_tests, verdict


def test_every_mutant_applies_to_the_tree_and_names_a_test() -> None:
    assert [f"{one.where}: {said}" for one in read_mutants() if (said := fault(one))] == []


def test_no_protection_is_listed_twice() -> None:
    places = [(one.file, one.find, one.replace) for one in read_mutants()]
    assert [place for place in sorted(set(places)) if places.count(place) > 1] == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A function with two protections, of which one has a test."""
    (tmp_path / "guarded.py").write_text("def positive(x):\n    x = abs(x)\n    x = x or 1\n    return x\n")
    (tmp_path / "test_guarded.py").write_text(
        "import guarded\n\ndef test_sign():\n    assert guarded.positive(-2) == 2\n"
    )
    return tmp_path


def entry(**changes: str) -> Mutant:
    named = {"file": "guarded.py", "find": "abs(x)", "replace": "x", "protects": "the sign"}
    return Mutant(**{**named, "test": "test_guarded.py::test_sign", **changes})


def test_a_mutant_whose_test_fails_is_killed_and_the_file_is_as_before(tree: Path) -> None:
    before = (tree / "guarded.py").read_text()
    assert verdict(entry(), tree) == "killed"
    assert (tree / "guarded.py").read_text() == before


def test_a_mutant_whose_test_passes_has_survived(tree: Path) -> None:
    assert verdict(entry(find="x or 1", replace="x"), tree) == "survived"


def test_a_mutant_that_only_breaks_the_import_does_not_count_as_killed(tree: Path) -> None:
    assert verdict(entry(find="return x", replace="return ("), tree).startswith("broke the test run")


def test_a_test_that_takes_for_ever_is_ended(tree: Path) -> None:
    (tree / "test_slow.py").write_text("import time\n\ndef test_slow():\n    time.sleep(600)\n")
    assert run_tests(tree, ["test_slow.py"], limit_s=3)[0] is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"file": "gone.py"}, "gone.py"),
        ({"find": "y"}, "0 places"),
        ({"find": "x = "}, "2 places"),
        ({"replace": "abs(x)"}, "changes nothing"),
        ({"test": "test_gone.py::test_sign"}, "no such file"),
        ({"test": "test_guarded.py::test_other"}, "no such test"),
        ({"test": "test_guarded.py"}, "no such test"),
    ],
)
def test_an_entry_that_does_not_apply_says_why(tree: Path, changes: dict[str, str], said: str) -> None:
    assert fault(entry(), tree) is None
    assert said in str(fault(entry(**changes), tree))
