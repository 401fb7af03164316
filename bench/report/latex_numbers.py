"""``reports/tex/numbers.tex``: the headline numbers as LaTeX macros, so that a text never types one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.files import write_atomic
from bench.report.html_findings import JudgedPaper, count_costs_by_verdict
from bench.report.latex import escaped
from bench.report.origin import Origin, sealed
from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.consistency import InPrint

PATH = "reports/tex/numbers.tex"
PREFIX = "Carnet"
_TABLES = {"table1": "One", "table2": "Two", "table3": "Three", "table4": "Four"}
_VERSIONS = {
    "carnet-mobile": "Mobile",
    "carnet-resnet50": "ResNetFifty",
    "carnet-resnet101": "ResNetOneHundredOne",
    "carnet-resnet152": "ResNetOneHundredFiftyTwo",
}


@dataclass(frozen=True)
class Macro:
    """One number: the letters of its name behind the prefix, its text, and what it is."""

    name: str
    text: str
    meaning: str


def write_numbers(paper: JudgedPaper, home: Path, made_by: Origin) -> Path:
    """Write the file of macros below a home folder; RefusedInput when the disk refuses."""
    path = home / PATH
    write_atomic(path, numbers_tex(paper, made_by))
    return path


def numbers_tex(paper: JudgedPaper, made_by: Origin) -> str:
    """Return the file of macros; the same input gives the same bytes."""
    lines = [
        f"% Headline numbers: \\input{{numbers}} in the preamble, then \\{PREFIX}Claims{{}} in the text.",
        f"% {made_by.line}",
    ]
    lines += [f"\\newcommand{{\\{PREFIX}{one.name}}}{{{one.text}}} % {one.meaning}" for one in macros(paper)]
    return sealed("\n".join([*lines, ""]), "%")


def macros(paper: JudgedPaper) -> Iterator[Macro]:
    """Yield every headline number that is measured, in the order of the paper."""
    yield from _costs(paper)
    for table in paper.tables:
        yield from _times(table)
    yield from _versions(paper.tables[0])
    yield from _gains(paper)
    yield from _claims(paper)


def _costs(paper: JudgedPaper) -> Iterator[Macro]:
    tables = [result for table in paper.tables for result in table.results.values()]
    levels = [
        level for study in paper.studies for panel in study.panels for level in panel.levels if level.cell
    ]
    yield Macro("Cells", str(len(tables) + len(levels)), "printed numbers in Tables 1 to 5")
    costs = count_costs_by_verdict(paper)
    yield Macro("Costs", str(sum(costs.values())), "printed operations and parameters in Tables 1 to 4")
    for name, words, meaning in (
        ("CostsEqual", v.MATCHES, "counted to the printed digit"),
        ("CostsWithinOneDigit", (v.WITHIN_ONE_DIGIT,), "counted within one printed digit"),
        ("CostsUnitErrors", (v.UNIT_ERROR,), "another quantity than their heading says"),
        ("CostsOff", (v.OFF,), "off"),
    ):
        yield Macro(name, str(sum(costs[word] for word in words)), f"of these, {meaning}")


def _times(table: Reproduction) -> Iterator[Macro]:
    name = _TABLES[table.table.name]
    if table.ranks is not None and table.ranks.tau_b is not None:
        order = f"Kendall's tau-b of printed and measured times, Table {table.table.name[-1]}"
        yield Macro(f"TauTable{name}", f"{table.ranks.tau_b:.3f}", order)
        yield Macro(f"MachineTable{name}", escaped(table.machine), "the machine of these times")
    measured = [claim for claim in table.claims if claim.ratio is not None]
    for kind, ratios in (
        ("Printed", [claim.printed for claim in measured]),
        ("Measured", [claim.ratio for claim in measured if claim.ratio is not None]),
    ):
        for end, pick in (("Least", min), ("Most", max)):
            if ratios:
                what = f"{end.lower()} {kind.lower()} ratio of times LWRF to CARNet, same encoder"
                yield Macro(f"Ratio{kind}{end}", f"{pick(ratios):.2f}", what)


def _versions(table1: Reproduction) -> Iterator[Macro]:
    sizes = {row.name: row.input_size for row in table1.rows}
    for row, name in _VERSIONS.items():
        if row in table1.params_m:
            yield Macro(f"{name}Params", f"{table1.params_m[row]:.2f}", f"parameters of {row} in 1e6")
        if row in table1.gmacs:
            what = f"multiply-adds of {row} in 1e9 at {sizes[row]}"
            yield Macro(f"{name}Macs", f"{table1.gmacs[row]:.2f}", what)


def _gains(paper: JudgedPaper) -> Iterator[Macro]:
    for panel in (panel for study in paper.studies if study.name == "table5" for panel in study.panels):
        for gain in panel.gains:
            if gain.difference is not None:
                name, found = gain.label.rpartition("+")[2], gain.difference
                what = f"points of mIoU by {name}, {panel.title}, {panel.about.partition(',')[0]}"
                for end, value in (("", found.mean), ("Low", found.low), ("High", found.high)):
                    sign = "$-$" if value < 0 else "+"
                    yield Macro(f"Gain{name}{end}", f"{sign}{abs(100 * value):.2f}", what)
                    what = "its 95 \\% interval"


def _claims(paper: JudgedPaper) -> Iterator[Macro]:
    claims = paper.ledger.claims
    yield Macro("Claims", str(len(claims)), "checkable sentences and relations of the paper")
    printed = Counter(one.in_print for one in claims)
    for word, name in ((InPrint.CONSISTENT, "Consistent"), (InPrint.INCONSISTENT, "Inconsistent")):
        yield Macro(f"Claims{name}", str(printed[word]), f"{word} with the paper's own numbers")
    measured = Counter(one.verdict for one in claims)
    for one, name in (
        (v.REPRODUCED, "Reproduced"),
        (v.CONTRADICTED, "Contradicted"),
        (v.NOT_DISTINGUISHABLE, "NotDistinguishable"),
        (v.NOT_MEASURED, "NotMeasured"),
    ):
        yield Macro(f"Claims{name}", str(measured[one]), f"{one}, in true units")
