"""The report in the forms that a CI server reads."""

from xml.etree import ElementTree as ET

import pytest

from bench.gate.findings import Finding, Report
from bench.gate.formats import to_junit, to_markdown

REPORT = Report(
    "main <1>",
    (
        Finding("counts", "a", "equal"),
        Finding("counts", "b", "changed", "macs 1 -> 2 (+1) & \x07 | <b>"),
        Finding("golden", "a", "not comparable", "another machine"),
        Finding("speed", "a", "passed", "+0.1 % time"),
    ),
)


def test_junit_is_well_formed_and_counts_what_it_holds() -> None:
    root = ET.fromstring(to_junit(REPORT))
    assert root.tag == "testsuites"
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert [suite.get("name") for suite in root] == ["counts", "golden", "speed"]
    (failure,) = root.iter("failure")
    assert failure.get("message") == "changed: macs 1 -> 2 (+1) & ? | <b>"
    assert [case.get("name") for case in root.iter("testcase") if case.find("skipped") is not None] == ["a"]


def test_the_summary_says_the_verdict_and_tells_regressions_first() -> None:
    lines = to_markdown(REPORT).splitlines()
    assert lines[0] == "## carnet-bench check: regression"
    assert "| Counts | 2 | 1 equal, 1 changed |" in lines
    told = lines[lines.index("| | what | verdict | found |") + 2 :]
    assert [line.split(" | ")[2] for line in told] == ["**changed**", "not comparable", "passed"]
    assert "\\|" in told[0]
    assert "<b>" not in told[0]


@pytest.mark.parametrize(
    ("verdicts", "overall", "exit_code"),
    [
        (["equal", "added"], "passed", None),
        (["equal", "changed", "not valid"], "regression", 5),
        (["failed"], "regression", 5),
        (["equal", "removed"], "regression", 5),
        (["added", "not comparable", "not valid"], "not measured", 4),
        ([], "not measured", 4),
        (["not distinguishable"], "passed", None),
    ],
)
def test_the_verdict_of_all_findings(verdicts: list[str], overall: str, exit_code: int | None) -> None:
    report = Report("x", tuple(Finding("counts", str(n), one) for n, one in enumerate(verdicts)))
    error = report.error()
    assert report.verdict == report.as_dict()["verdict"] == overall
    assert (error.exit_code if error else None) == exit_code


def test_a_verdict_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="better"):
        Finding("counts", "a", "better")
