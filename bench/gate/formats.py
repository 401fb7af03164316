"""A report for other programs: JUnit XML for a CI server, Markdown for GitHub's summary of a step."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from bench.gate.findings import KINDS, Finding, Report

TITLES = {"counts": "Counts", "golden": "Golden outputs", "accuracy": "Accuracy", "speed": "Speed"}
_MOST_NAMES = 6  # of methods that share a finding
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> str:
    """Return JUnit XML: a suite per kind, a case per finding; what was not judged is skipped."""
    root = ET.Element("testsuites", {"name": "carnet-bench check", **_numbers(report.findings)})
    for kind in KINDS:
        findings = [finding for finding in report.findings if finding.kind == kind]
        if not findings:
            continue
        suite = ET.SubElement(root, "testsuite", {"name": kind, **_numbers(tuple(findings))})
        for finding in findings:
            names = {"classname": f"carnet-bench.check.{kind}", "name": _xml(finding.name), "time": "0"}
            case = ET.SubElement(suite, "testcase", names)
            message = _xml(f"{finding.verdict}: {finding.note}" if finding.note else finding.verdict)
            if finding.is_regression:
                ET.SubElement(case, "failure", {"type": finding.verdict, "message": message}).text = message
            elif not finding.is_judged:
                ET.SubElement(case, "skipped", {"message": message})
            else:
                ET.SubElement(case, "system-out").text = message
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def to_markdown(report: Report) -> str:
    """Return a table of verdicts, and a line per finding that is not plain equality."""
    lines = [f"## carnet-bench check: {report.verdict}", "", f"Compared with {_cell(report.baseline)}.", ""]
    if report.conditions:
        lines += [f"Golden outputs: {_cell(report.conditions)}.", ""]
    lines += ["| | compared | verdicts |", "|---|---:|---|"]
    for kind, verdicts in report.counted().items():
        if verdicts:
            words = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
            lines.append(f"| {TITLES[kind]} | {sum(verdicts.values())} | {words} |")
    told = to_tell(report)
    if told:
        lines += ["", "| | what | verdict | found |", "|---|---|---|---|"]
    for one in told:
        verdict = f"**{one.verdict}**" if one.is_regression else one.verdict
        lines.append(f"| {TITLES[one.kind]} | {_cell(one.name)} | {verdict} | {_cell(one.note)} |")
    return "\n".join(lines) + "\n"


def to_tell(report: Report) -> list[Finding]:
    """Return the findings to be listed, regressions first; what is the same for several stands once."""
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for one in report.findings:
        if one.verdict != "equal":
            alike.setdefault((one.kind, one.verdict, one.note), []).append(one)
    told = [replace(group[0], name=_names(group)) for group in alike.values()]
    return sorted(told, key=lambda one: not one.is_regression)


def _names(alike: list[Finding]) -> str:
    names = [one.name for one in alike]
    if len(names) <= _MOST_NAMES or alike[0].is_regression:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"


def _numbers(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {
        "tests": str(len(findings)),
        "failures": str(sum(finding.is_regression for finding in findings)),
        "errors": "0",
        "skipped": str(sum(not finding.is_judged for finding in findings)),
    }


def _xml(text: str) -> str:
    """Return text without the characters that no XML file may hold."""
    return _NOT_XML.sub("?", text)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
