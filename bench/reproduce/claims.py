"""The claims ledger, judged: what the paper's own numbers say of each claim, and what is measured here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.method import Method
from baselines.registry import METHODS
from bench.paper import load_table
from bench.paper.ledger import PaperClaim, load_claims
from bench.reproduce.measured_claims import MeasuredNumbers
from bench.reproduce.printed_claims import PrintedNumbers
from bench.reproduce.table_result import Result
from bench.reproduce.verdict.consistency import InPrint
from bench.reproduce.verdict.words import Word, tally

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class JudgedClaim:
    """One claim with both verdicts.

    Attributes:
        claim: As the ledger has it.
        in_print: What the paper's own numbers say.
        printed: These numbers, or why the claim cannot be checked.
        verdict: What is measured here says.
        measured: The measured numbers, or what it would take.
    """

    claim: PaperClaim
    in_print: InPrint
    printed: str
    verdict: Word
    measured: str

    def as_json(self) -> dict[str, Any]:
        """Return the claim as ``reproduce claims --json`` prints it."""
        return {
            "id": self.claim.id,
            "section": self.claim.section,
            "words": self.claim.words,
            "says": self.claim.says,
            "in_print": self.in_print,
            "printed": self.printed,
            "verdict": self.verdict,
            "measured": self.measured,
            "note": self.claim.note,
        }


@dataclass(frozen=True)
class JudgedLedger:
    """All claims and all numbers of the running text, judged, in the paper's order."""

    claims: tuple[JudgedClaim, ...]
    text: tuple[Result, ...] = ()

    @property
    def in_print(self) -> dict[str, int]:
        """How often each verdict on the paper's own numbers occurs."""
        found = [one.in_print for one in self.claims]
        return {str(word): found.count(word) for word in InPrint if word in found}

    @property
    def measured(self) -> dict[str, int]:
        """How often each verdict on the measurements occurs."""
        return tally([one.verdict for one in self.claims])

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``reproduce claims --json``."""
        return {
            "claims": [one.as_json() for one in self.claims],
            "in_print": self.in_print,
            "measured": self.measured,
            "text": [result.as_json() for result in self.text],
        }


def judge_claims(
    home: Path, methods: Mapping[str, Method] = METHODS, progress: Progress = lambda *_: None
) -> JudgedLedger:
    """Judge every claim by the paper's own numbers, and by counts and records.

    Args:
        home: Holds ``results/records``.
        methods: By registry name.
        progress: Told the claim in work, the claims done and the claims in all.

    Raises:
        RefusedInput: The ledger or a record is damaged; the message names it.
    """
    claims = load_claims()
    measured = MeasuredNumbers(home, methods)
    printed = PrintedNumbers(measured.work)
    found = []
    for done, claim in enumerate(claims):
        progress(claim.id, done, len(claims))
        found.append(JudgedClaim(claim, *printed.judge(claim), *measured.judge(claim)))
    progress("", len(claims), len(claims))
    return JudgedLedger(tuple(found), tuple(measured.judge_cell(cell) for cell in load_table("text")))
