"""What the gate found: one line per comparison, and the verdict on all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.errors import BenchError, NotMeasured, RegressionFound

KINDS = ("counts", "golden", "accuracy", "speed")

PASSED = ("equal", "within tolerance", "passed", "not distinguishable")
REGRESSIONS = ("changed", "failed", "regression", "removed")
"""Counts and outputs are changed or fail; accuracy and speed are a regression; anything may be removed."""
OPEN = ("added", "not comparable", "not valid", "not measured")
"""Nothing was judged; the note says why."""


@dataclass(frozen=True)
class Finding:
    """One comparison.

    Attributes:
        kind: One of `KINDS`.
        name: Name of the method or run.
        verdict: One of `PASSED`, `REGRESSIONS` or `OPEN`.
        note: What was found, for a reader.
        values: The numbers behind it, by name with unit.
        of_baseline: Whether the baseline is why nothing was judged.
    """

    kind: str
    name: str
    verdict: str
    note: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    of_baseline: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.verdict not in (*PASSED, *REGRESSIONS, *OPEN):
            raise ValueError(f"no finding '{self.verdict}' of kind '{self.kind}'")

    @property
    def is_regression(self) -> bool:
        """Whether the gate must not let this pass."""
        return self.verdict in REGRESSIONS

    @property
    def is_judged(self) -> bool:
        """Whether anything was compared."""
        return self.verdict not in OPEN


@dataclass(frozen=True)
class Report:
    """All findings of one check.

    Attributes:
        baseline: Name of what this tree was compared with.
        findings: In the order of `KINDS`.
        conditions: What differs for every golden output: machine, torch; empty where nothing does.
        rewrite: Command that writes the baseline file; None for a git revision.
    """

    baseline: str
    findings: tuple[Finding, ...]
    conditions: str = ""
    rewrite: str | None = None

    @property
    def regressions(self) -> tuple[Finding, ...]:
        """The findings that must not pass."""
        return tuple(finding for finding in self.findings if finding.is_regression)

    @property
    def verdict(self) -> str:
        """``regression``, ``passed``, or ``not measured`` when nothing was judged."""
        if self.regressions:
            return "regression"
        return "passed" if any(finding.is_judged for finding in self.findings) else "not measured"

    def counted(self) -> dict[str, dict[str, int]]:
        """Return how many findings of each kind have each verdict."""
        return {
            kind: dict(Counter(finding.verdict for finding in self.findings if finding.kind == kind))
            for kind in KINDS
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the document that ``--json`` prints."""
        # a finding without values has no such key
        findings = [
            {k: v for k, v in vars(one).items() if v or k not in {"values", "of_baseline"}}
            for one in self.findings
        ]
        head = {"baseline": self.baseline, "verdict": self.verdict, "summary": self.counted()}
        return {**head, "conditions": self.conditions, "findings": findings}

    def error(self) -> BenchError | None:
        """Return the error with the verdict's exit code; None when the check passed."""
        if self.regressions:
            names = ", ".join(dict.fromkeys(f"{one.name} ({one.kind})" for one in self.regressions))
            intended = (
                "it passes as soon as the revision has it"
                if self.rewrite is None
                else f"commit the file of `{self.rewrite}`"
            )
            return RegressionFound(
                f"{len(self.regressions)} of {len(self.findings)} comparisons with {self.baseline} are "
                f"regressions: {names}",
                then=f"fix the regression; if intended, {intended}",
            )
        if self.verdict == "not measured":
            return NotMeasured(
                f"nothing could be compared with {self.baseline}; the notes say why", then=self._remedy()
            )
        return None

    def _remedy(self) -> str:
        """Return what to do where nothing could be compared; a new baseline helps only if it is the cause."""
        if any(one.verdict == "not valid" and not one.of_baseline for one in self.findings):
            return "stop other programs and rerun; --no-speed leaves the times out"
        if self.rewrite is None:
            return "compare with a revision that has these methods and runs here"
        return f"`{self.rewrite}` writes a baseline of this machine; run it when nothing else does"


def verdict_of(low: float, high: float, most: float) -> str:
    """Return the verdict on a loss by its interval: a regression lies above ``most`` as a whole."""
    return "regression" if low > most else "not distinguishable" if high > most else "passed"
