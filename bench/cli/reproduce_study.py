"""``carnet-bench reproduce table5 | fig8 | fig9 | fig10 | claims``: ablations and claims."""

from pathlib import Path

from rich.console import Console

from bench.cli.output import log, print_json
from bench.cli.progress import showing
from bench.errors import UsageError

STUDIES = ("table5", "fig8", "fig9", "fig10")
"""What `print_study` takes; names alone, as ``--help`` must not import what judges them."""


def refuse_options(name: str, **given: object) -> None:
    """Raise UsageError for an option that a study does not take; ``given`` is its value by its name."""
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{name} takes no --{option}: it is computed from accuracy records",
                then="train its runs with carnet-bench ablate",
            )


def print_study(name: str, home: Path, *, as_json: bool) -> None:
    """Judge a study, write its page, table and figure, and print it."""
    from bench.report.study_terminal import show_study
    from bench.report.write import write_report
    from bench.reproduce.study import reproduce_study

    judged = reproduce_study(name, home)
    written = write_report(judged, home)
    if as_json:
        print_json(judged.as_json())
    else:
        show_study(judged, Console())
    for path in written:
        log(f"wrote {path}")


def print_claims(home: Path, *, as_json: bool) -> None:
    """Judge the claims ledger, write its page and table, and print what does not hold."""
    from bench.report.claims_page import show_claims, write_claims
    from bench.reproduce.claims import judge_claims

    with showing() as tell:
        ledger = judge_claims(
            home, progress=lambda claim, done, claims: tell("judging claims", done, claims, note=claim)
        )
    written = write_claims(ledger, home)
    if as_json:
        print_json(ledger.as_json())
    else:
        show_claims(ledger, Console())
    for path in written:
        log(f"wrote {path}")
