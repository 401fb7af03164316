"""The table of faults names, for each of the 50, a protection and a test that exist."""

from __future__ import annotations

import re

import pytest
from run_mutants import ROOT, fault_of_test

TABLE = ROOT / "tests" / "faults" / "README.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d", line)
]


def test_the_table_has_fifty_rows_in_order() -> None:
    assert [row[0].strip() for row in ROWS] == [str(number) for number in range(1, 51)]
    assert all(len(row) == 5 and all(row) for row in ROWS)


def faults_of(row: list[str]) -> list[str]:
    """Return what a row names that is not there; a row without a name says so."""
    protections, tests = (re.findall(r"`([^`]+)`", cell) for cell in row[3:])
    lost = [f"{name}: no such file" for name in protections if not (ROOT / name).is_file()]
    lost += [said for name in tests if (said := fault_of_test(name)) is not None]
    return lost + ["no protection"] * (not protections) + ["no test"] * (not tests)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_protection_and_tests_of_a_row_exist(row: list[str]) -> None:
    assert faults_of(row) == []


@pytest.mark.parametrize(
    ("protection", "tests", "said"),
    [
        ("`bench/gone.py`", "`tests/test_faults_table.py::test_the_table_has_fifty_rows_in_order`", "gone"),
        ("`bench/files.py`", "`tests/test_faults_table.py::test_gone`", "no such test"),
        ("`bench/files.py`", "", "no test"),
        ("", "`tests/test_faults_table.py::test_the_table_has_fifty_rows_in_order`", "no protection"),
    ],
)
def test_a_row_without_a_protection_or_test_is_found(protection: str, tests: str, said: str) -> None:
    (found,) = faults_of(["1", "fault", "what happens", protection, tests])
    assert said in found


def test_every_fault_has_its_own_words() -> None:
    assert len({row[1] for row in ROWS}) == len(ROWS)
