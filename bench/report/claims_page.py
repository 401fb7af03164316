"""The judged claims ledger as a page, a CSV table and lines on a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from rich.console import Console

from bench.files import write_below
from bench.report.csv_table import to_csv
from bench.report.markdown import escaped, sentence, table
from bench.report.origin import Origin, origin
from bench.report.page import number
from bench.reproduce.claims import JudgedClaim, JudgedLedger
from bench.reproduce.verdict.consistency import InPrint
from bench.reproduce.verdict.words import CONTRADICTED

NAME = "claims"
COLUMNS = ("id", "section", "words", "says", "in_print", "printed", "verdict", "measured", "note")

_INTRODUCTION = (
    "Every checkable sentence of the paper, and what its tables imply, with two verdicts. **In print**: "
    "whether the paper's own numbers agree with the claim; a printed number stands for all values that round "
    "to it. **Measured**: whether the claim holds for what is counted and measured here, in true units: "
    "operations are multiply-adds, parameters are learnable numbers that run at inference. Accuracies on the "
    "paper's data sets are not measured here; where a claim weighs cost against accuracy, the accuracy is "
    "the printed one. The words in quotation marks locate the sentence; the ledger itself is "
    "`results/paper/claims.toml`."
)


def write_claims(ledger: JudgedLedger, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/claims.md`` and ``results/tables/claims.csv``.

    Returns:
        The files written, the page first.

    Raises:
        RefusedInput: The disk refuses; the message names the file.
    """
    return write_below(home, claims_files(ledger, made_by or origin()))


def claims_files(ledger: JudgedLedger, made_by: Origin) -> dict[str, str]:
    """Return what `write_claims` writes, by path below the home folder; equal input gives equal bytes."""
    frame = pd.DataFrame([one.as_json() for one in ledger.claims], columns=list(COLUMNS), dtype=object)
    return {
        f"reports/{NAME}.md": claims_to_markdown(ledger, made_by),
        f"results/tables/{NAME}.csv": to_csv(frame, made_by),
    }


def claims_to_markdown(ledger: JudgedLedger, made_by: Origin) -> str:
    """Return the page: both counts, the claims that do not hold, then all of them by section."""
    failed = [one for one in ledger.claims if _fails(one)]
    lines = ["# The paper's claims", "", _INTRODUCTION, "", *counts_lines(ledger), ""]
    lines += [f"## The {len(failed)} claims that do not hold in print, or not as measured", ""]
    lines += _table(failed)
    for section in dict.fromkeys(one.claim.section for one in ledger.claims):
        heading = section if section[-1].isdigit() and " " in section else f"Section {section}"
        lines += [
            f"## {heading}",
            "",
            *_table([one for one in ledger.claims if one.claim.section == section]),
        ]
    lines += ["## Numbers printed in the running text", ""]
    lines += table(
        ["Row", "Number", "Section", "Printed", "Measured", "Verdict"],
        [
            [
                escaped(result.cell.title),
                result.cell.column,
                result.cell.where or "",
                f"{result.cell.printed} {result.cell.unit}",
                "-" if result.measured is None else number(result.measured),
                result.verdict + (f" ({result.note})" if result.note else ""),
            ]
            for result in ledger.text
        ],
    )
    return "\n".join([*lines, sentence(made_by.line), ""])


def counts_lines(ledger: JudgedLedger) -> list[str]:
    """Return how often each verdict occurs, a line for each kind."""
    return [
        f"* {name}: {', '.join(f'{count} {word}' for word, count in counts.items())}"
        for name, counts in (
            (f"{len(ledger.claims)} claims in print", ledger.in_print),
            ("as measured", ledger.measured),
        )
    ]


def show_claims(ledger: JudgedLedger, console: Console) -> None:
    """Print the claims that do not hold, and the counts; the page has all."""
    for one in ledger.claims:
        if _fails(one):
            verdicts = f"in print {one.in_print}, measured {one.verdict}"
            console.print(f"{one.claim.id}: {one.claim.says} {verdicts}", markup=False, highlight=False)
    for line in (*counts_lines(ledger), f"All claims: reports/{NAME}.md"):
        console.print(line, markup=False, highlight=False)


def _fails(one: JudgedClaim) -> bool:
    return one.in_print == InPrint.INCONSISTENT or one.verdict == CONTRADICTED


def _table(claims: list[JudgedClaim]) -> list[str]:
    return table(
        ["Claim", "In print", "Measured"],
        [
            [
                f"{one.claim.id} {escaped(one.claim.says)}<br>“{escaped(one.claim.words)}”"
                + (f"<br>_{escaped(one.claim.note)}_" if one.claim.note else ""),
                f"{one.in_print}<br>{escaped(one.printed)}",
                f"{one.verdict}<br>{escaped(one.measured)}",
            ]
            for one in claims
        ],
    )
