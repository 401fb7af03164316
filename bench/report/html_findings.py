"""What the HTML page says in sentences: what was found, and what was not measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench.report.page import ratios_line
from bench.reproduce.claims import JudgedLedger
from bench.reproduce.parameter_parts import Part
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict import words as v
from bench.reproduce.verdict.consistency import InPrint


@dataclass(frozen=True)
class JudgedPaper:
    """Everything that the page shows: Tables 1 to 4, the studies, the bars of Fig. 7 and the claims."""

    tables: tuple[Reproduction, ...]
    studies: tuple[JudgedStudy, ...]
    parts: tuple[Part, ...]
    ledger: JudgedLedger


def findings(paper: JudgedPaper) -> Iterator[str]:
    """Yield what a reader should know after a minute."""
    results = [result for table in paper.tables for result in table.results.values()]
    costs = count_costs_by_verdict(paper)
    matched = sum(costs[word] for word in v.MATCHES)
    yield (
        f"Costs: {matched} of {sum(costs.values())} printed numbers are counted to the printed digit, "
        f"{costs[v.WITHIN_ONE_DIGIT]} within one digit; {costs[v.UNIT_ERROR]} are another "
        f"quantity than their heading says, {costs[v.OFF]} are off."
    )
    for table in paper.tables:
        if table.ranks is not None:
            name = table.table.name.removeprefix("table")
            yield f"Times of Table {name} on {table.machine}: {table.ranks.line}."
        if ratios := ratios_line(table):
            yield f"Table {table.table.name.removeprefix('table')}, {ratios}."
    scores = [one for one in results if one.cell.column == "miou"]
    known = sum(one.verdict in (v.REPRODUCED, v.CONTRADICTED) for one in scores)
    many = f"none of {len(scores)}" if known == 0 else f"{known} of {len(scores)}"
    without = "they have" if known == 0 else "the others have"
    yield f"Accuracies: {many} of Tables 1 to 3 are judged; {without} no record on the paper's data."
    for study in paper.studies:
        for panel in study.panels:
            if panel.statement.verdict != v.NOT_MEASURED:
                yield f"{study.heading}, {panel.title}: {panel.statement.text}: {panel.statement.verdict}."
    claims = paper.ledger.claims
    wrong = sum(one.in_print == InPrint.INCONSISTENT for one in claims)
    both = sum(one.in_print == InPrint.CONSISTENT and one.verdict == v.CONTRADICTED for one in claims)
    yield (
        f"Claims: of {len(claims)}, {wrong} disagree with the paper's own numbers; {both} agree with them "
        "but not with what is measured in true units or at one input size."
    )


def count_costs_by_verdict(paper: JudgedPaper) -> Counter[str]:
    """Return how often each verdict occurs among the operations and parameters of Tables 1 to 4."""
    results = (result for table in paper.tables for result in table.results.values())
    return Counter(one.verdict for one in results if one.cell.column not in ("time", "fps", "miou"))


def not_measured(paper: JudgedPaper) -> list[tuple[str, str]]:
    """Return each reason why something is not measured, with what it is the reason for."""
    cells: dict[str, list[str]] = {}
    for table in paper.tables:
        for result in table.results.values():
            if result.verdict == v.NOT_MEASURED:
                place = f"Table {table.table.name.removeprefix('table')} {result.cell.title}"
                cells.setdefault(result.note or "no record", []).append(place)
    claims = Counter(
        one.claim.needs or "no record of everything that it compares"
        for one in paper.ledger.claims
        if one.verdict == v.NOT_MEASURED
    )
    return [(reason, ", ".join(places)) for reason, places in cells.items()] + [
        (f"Claims: {reason}", str(count)) for reason, count in sorted(claims.items())
    ]
