"""Every table, figure and page that counts and records give, written in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.errors import NotMeasured, RefusedInput
from bench.models import available
from bench.report.blocks import write_blocks
from bench.report.claims_page import write_claims
from bench.report.cost_figure import NAME as FIG4
from bench.report.cost_figure import write_fig4
from bench.report.curves import write_curves
from bench.report.data_figures import NAMES as OF_DATA
from bench.report.data_figures import write_data_figure
from bench.report.figure_inputs import Inputs
from bench.report.html_findings import JudgedPaper
from bench.report.html_page import STUDIES, write_html
from bench.report.latex_numbers import write_numbers
from bench.report.origin import origin
from bench.report.parts_report import write_parts
from bench.report.recorded_comparisons import write_recorded_comparisons
from bench.report.reproduced import GRAPHS, write_reproduced
from bench.report.write import write_report
from bench.reproduce.claims import judge_claims
from bench.reproduce.parameter_parts import count_parts
from bench.reproduce.study import reproduce_study
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction
from bench.reproduce.time_choice import complete_forms
from bench.results.select import Tabulated
from bench.results.store import read_records

Progress = Callable[[str, int, int], None]


def write_everything(
    home: Path,
    machine: str | None = None,
    progress: Progress = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write Tables 1 to 5, Figs. 1 and 4 to 12, curves, comparisons, claims, summary, blocks, and the page.

    Each table and study is judged once. What was there before decides nothing, except that a table with
    times of another form is rebuilt even where some of its rows have no such time. Figures of images and
    feature maps are drawn where their data and weights are.

    Args:
        home: Folder of ``results/`` and ``reports/``.
        machine: Part of the name of the machine whose times are shown. None: this one where it has times,
            else the one that has most of them.
        progress: Told the part in work, the parts done and the parts in all.
        log: Told what could not be written, and why.

    Returns:
        The files written, the page last.

    Raises:
        UsageError: No time of such a machine.
        RefusedInput: A damaged record or ledger, or a disk that refuses.
    """
    made_by = origin()
    forms, sets = _other_forms(home), _trained_on(home)
    curves = [f"curves {data}" for data in sets]
    steps = [*REPRODUCIBLE, *(f"{name} {form}" for name, form in forms), *STUDIES]
    steps += [FIG4, *OF_DATA, "fig7", *curves, "comparison", "claims", "summary", "page"]
    written: list[Path] = []
    tables: dict[str, Reproduction] = {}

    def tell(part: str) -> None:
        progress(part, steps.index(part), len(steps))

    for name, form in [*((name, "") for name in REPRODUCIBLE), *forms]:
        tell(f"{name} {form}".strip())
        judged = _judge(name, home, None if form else machine, form)
        tables[judged.stem] = judged
        written += write_report(judged, home, made_by)
    studies = []
    for name in STUDIES:
        tell(name)
        studies.append(reproduce_study(name, home))
        written += write_report(studies[-1], home, made_by)
    tell(FIG4)
    written += write_fig4(tables["table1"], home, made_by)
    for name in OF_DATA:
        tell(name)
        try:
            written += write_data_figure(name, Inputs(home, threads=1), made_by)
        except (NotMeasured, RefusedInput) as error:
            log(f"reports/{name}.* is not drawn: {error}")
    tell("fig7")
    parts = count_parts()
    written += write_parts(parts, home, made_by)
    for data in sets:
        tell(f"curves {data}")
        written += write_curves(data, home, made_by)
    tell("comparison")
    written += write_recorded_comparisons(home, made_by)
    tell("claims")
    ledger = judge_claims(home)
    written += write_claims(ledger, home, made_by)
    tell("summary")
    try:
        if GRAPHS not in tables:
            raise NotMeasured(f"no times for {GRAPHS}")
        written.append(write_reproduced(home, tables, {one.name: one for one in studies}))
        written += write_blocks(home)
    except NotMeasured as error:
        log(f"reports/reproduced.md and the blocks of README.md and docs/ are not all written: {error}")
    tell("page")
    paper = JudgedPaper(tuple(tables[name] for name in REPRODUCIBLE), tuple(studies), parts, ledger)
    written += [write_numbers(paper, home, made_by), write_html(home, made_by, paper=paper)]
    progress("", len(steps), len(steps))
    return written


def _judge(name: str, home: Path, machine: str | None, form: str = "") -> Reproduction:
    found = reproduce(name, home, machine=machine, form=form)
    timed = [one for one in found.results.values() if one.cell.column == "time"]
    if machine is not None or not found.elsewhere or any(one.measured is not None for one in timed):
        return found
    # a newcomer's page shows somebody's times, named as such, rather than none
    most = max(found.elsewhere, key=lambda one: len(one.cells))
    return reproduce(name, home, machine=most.machine, form=form)


def _other_forms(home: Path) -> list[tuple[str, str]]:
    """Return table and form of the tables whose times are of another form than eager fp32."""
    stems = (path.stem for path in (home / "results" / "tables").glob("table[1-4]-*.csv"))
    there = {(name, " ".join(form)) for name, *form in (stem.split("-") for stem in stems)}
    return sorted(there | {(name, form) for name in REPRODUCIBLE for form in complete_forms(name, home)})


def _trained_on(home: Path) -> list[str]:
    """Return the data sets with runs whose curves may be shown."""
    tabulated = Tabulated(available())
    runs = read_records(home, "training", strict=False)
    return sorted({one.identity.data.name for one in runs if one in tabulated})
