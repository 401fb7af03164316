"""``carnet-bench reproduce`` of what takes counts and records alone: ablations, Figs. 4 and 7, the claims."""

from pathlib import Path

from bench.cli.output import log, print_json, print_lines
from bench.cli.progress import showing
from bench.errors import UsageError


def refuse_options(name: str, **given: object) -> None:
    """Raise UsageError for an option that a study does not take; ``given`` is its value by its name."""
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{name} takes no --{option}: it is computed from counts and records alone",
                then="carnet-bench reproduce --help",
            )


def print_study(name: str, home: Path, *, as_json: bool) -> None:
    """Judge a study, write its page, table and figure, and print it."""
    from rich.console import Console

    from bench.heap import few_collections
    from bench.report.study_terminal import show_study
    from bench.report.write import write_report
    from bench.reproduce.study import reproduce_study

    with few_collections():
        judged = reproduce_study(name, home)
        written = write_report(judged, home)
    if as_json:
        print_json(judged.as_json())
    else:
        show_study(judged, Console())
    for path in written:
        log(f"wrote {path}")


def print_claims(_: str, home: Path, *, as_json: bool) -> None:
    """Judge the claims ledger, write its page and table, and print what does not hold."""
    from rich.console import Console

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


def print_fig4(_: str, home: Path, *, as_json: bool) -> None:
    """Draw accuracy against each cost from Table 1, and print which methods are on the front."""
    from bench.report.cost_figure import as_json as document
    from bench.report.cost_figure import front_lines, write_fig4
    from bench.report.reproduced import judged

    with showing() as tell:
        tell("counting operations", 0, 1, note="Table 1")
        table1 = judged("table1", home)
    written = write_fig4(table1, home)
    if as_json:
        print_json(document(table1))
    else:
        print_lines(front_lines(table1))
    for path in written:
        log(f"wrote {path}")


def print_parts(_: str, home: Path, *, as_json: bool) -> None:
    """Count the bars of Fig. 7, write its page, table and figure, and print it."""
    from rich.console import Console

    from bench.report.parts_report import show_parts, write_parts
    from bench.reproduce.parameter_parts import as_json as document
    from bench.reproduce.parameter_parts import count_parts

    with showing() as tell:
        parts = count_parts(
            progress=lambda version, done, versions: tell("counting parameters", done, versions, note=version)
        )
    written = write_parts(parts, home)
    if as_json:
        print_json(document(parts))
    else:
        show_parts(parts, Console())
    for path in written:
        log(f"wrote {path}")


def write_summary(home: Path) -> None:
    """Rebuild the summary from the tables that are there, and the blocks of numbers in hand-written pages."""
    from bench.report.blocks import write_blocks
    from bench.report.reproduced import write_reproduced

    for path in (write_reproduced(home), *write_blocks(home)):
        log(f"wrote {path}")


def write_all(home: Path, machine: str | None, *, as_json: bool) -> None:
    """Write every table, figure and page."""
    from bench.report.everything import write_everything

    with showing() as tell:
        written = write_everything(
            home, machine, lambda part, done, parts: tell("reproducing", done, parts, note=part), log
        )
    if as_json:
        print_json({"written": [str(path) for path in written]})
    else:
        print_lines([f"wrote {len(written)} files", f"open {written[-1]}"])


FROM_RECORDS = {
    **dict.fromkeys(("table5", "fig8", "fig9", "fig10"), print_study),
    "fig4": print_fig4,
    "fig7": print_parts,
    "claims": print_claims,
}
"""What prints each; names alone, as ``--help`` must not import what judges them."""
