import re

import pytest

from bench.report.markdown import Footnotes
from bench.report.origin import origin
from bench.report.page import number


def test_notes_that_share_a_part_and_differ_in_numbers_are_one_note() -> None:
    notes = [("A", "CPU; mean 1.5 ms"), ("B", "CPU; mean 2e+03 ms"), ("C", "off by 2"), ("D", "off by 3")]
    found = Footnotes(notes)
    assert [found.mark(note) for _, note in notes] == [f" <sup>{n}</sup>" for n in (1, 1, 2, 3)]
    assert found.section[2:-1] == ["1. CPU. A: mean 1.5 ms. B: mean 2e+03 ms", "2. off by 2", "3. off by 3"]
    assert found.mark(None) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (17.623597472, "17.6236"),
        (121.378963456, "121.379"),
        (0.00001, "0.00001"),
        (4000.0, "4000"),
        (1e7, "10000000"),
    ],
)
def test_a_shown_number_has_six_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


def test_the_origin_names_commit_or_version_and_machine_but_no_host() -> None:
    import getpass
    import platform

    found = origin()
    assert re.match(r"commit [0-9a-f]{12}\+?$|carnet-bench ", found.commit)
    assert "cores" in found.machine
    assert platform.node() not in found.machine
    assert getpass.getuser() not in found.machine.split()
