"""Every table, figure and page that counts and records give, written in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.errors import NotMeasured, RefusedInput
from bench.report.claims_page import write_claims
from bench.report.cost_figure import NAME as FIG4
from bench.report.cost_figure import write_fig4
from bench.report.data_figures import NAMES as OF_DATA
from bench.report.data_figures import write_data_figure
from bench.report.figure_inputs import Inputs
from bench.report.html_page import STUDIES, write_html
from bench.report.parts_report import write_parts
from bench.report.reproduced import NAME as SUMMARY
from bench.report.reproduced import judged, write_reproduced
from bench.report.write import write_report
from bench.reproduce.claims import judge_claims
from bench.reproduce.parameter_parts import count_parts
from bench.reproduce.study import reproduce_study
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction

Progress = Callable[[str, int, int], None]


def write_everything(
    home: Path,
    machine: str | None = None,
    progress: Progress = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write Tables 1 to 5, Figs. 1 and 4 to 12, the claims and the summary, and the page that holds them all.

    Args:
        home: Folder of ``results/`` and ``reports/``.
        machine: Part of the name of the machine whose times are shown. None: this one where it has times,
            else the one that has most of them.
        progress: Told the part in work, the parts done and the parts in all.
        log: Told what could not be written, and why.

    Raises:
        UsageError: No time of such a machine.
        RefusedInput: A damaged record or ledger, or a disk that refuses.
    """
    forms = _other_forms(home)
    steps = [*REPRODUCIBLE, *(f"{name} {form}" for name, form in forms), *STUDIES]
    steps += [FIG4, *OF_DATA, "fig7", "claims", "page"]
    written: list[Path] = []
    tables: dict[str, Reproduction] = {}

    def tell(part: str) -> None:
        progress(part, steps.index(part), len(steps))

    for name in REPRODUCIBLE:
        tell(name)
        tables[name] = _judge(name, home, machine)
        written += write_report(tables[name], home)
    for name, form in forms:
        tell(f"{name} {form}")
        written += write_report(judged(name, home, form), home)
    for name in STUDIES:
        tell(name)
        written += write_report(reproduce_study(name, home), home)
    tell(FIG4)
    written += write_fig4(tables["table1"], home)
    for name in OF_DATA:
        tell(name)
        try:
            written += write_data_figure(name, Inputs(home, threads=1))
        except (NotMeasured, RefusedInput) as error:
            log(f"reports/{name}.* is not drawn: {error}")
    tell("fig7")
    written += write_parts(count_parts(), home)
    tell("claims")
    ledger = judge_claims(home)
    written += write_claims(ledger, home)
    try:
        written.append(write_reproduced(home))
    except NotMeasured as error:
        log(f"reports/{SUMMARY} is not written: {error}")
    tell("page")
    written.append(write_html(home, ledger=ledger))
    progress("", len(steps), len(steps))
    return written


def _judge(name: str, home: Path, machine: str | None) -> Reproduction:
    found = reproduce(name, home, machine=machine)
    timed = [one for one in found.results.values() if one.cell.column == "time"]
    if machine is not None or not found.elsewhere or any(one.measured is not None for one in timed):
        return found
    # a newcomer's page shows somebody's times, named as such, rather than none
    most = max(found.elsewhere, key=lambda one: len(one.cells))
    return reproduce(name, home, machine=most.machine)


def _other_forms(home: Path) -> list[tuple[str, str]]:
    """Return table and form of the tables whose times are of another form than eager fp32."""
    stems = sorted(path.stem for path in (home / "results" / "tables").glob("table[1-4]-*.csv"))
    return [(name, " ".join(form)) for name, *form in (stem.split("-") for stem in stems)]
