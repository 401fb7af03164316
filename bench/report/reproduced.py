"""``reports/reproduced.md``: what could and could not be reproduced, filled from tables and records."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from baselines.registry import METHODS
from bench.errors import NotMeasured
from bench.files import write_atomic
from bench.paper.studies import PANELS, STUDIES, table5_variants
from bench.report.budget_block import STUDY, doubt_of, recorded_scores
from bench.report.budget_rows import budgets
from bench.report.scloss_budgets import scloss_budgets
from bench.report.scloss_forms import scored_forms
from bench.report.scloss_reading import scloss_reading
from bench.report.scloss_rows import LITTLE
from bench.report.study_reading import figure_readings, scloss_duration
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_records import AblationRecords
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction
from bench.reproduce.verdict import words as v
from bench.results.select import of_runs
from bench.results.store import read_records

NAME = "reproduced.md"
GRAPHS = "table2-cudagraphs"
"""Stem of the table whose times are of CUDA graphs."""


def write_reproduced(
    home: Path,
    tables: Mapping[str, Reproduction] | None = None,
    studies: Mapping[str, JudgedStudy] | None = None,
) -> Path:
    """Write the page; parameters and errors as `reproduced_page`."""
    path = home / "reports" / NAME
    write_atomic(path, reproduced_page(home, tables, studies))
    return path


def reproduced_page(
    home: Path,
    tables: Mapping[str, Reproduction] | None = None,
    studies: Mapping[str, JudgedStudy] | None = None,
) -> str:
    """Return the page; its times are of the machines whose times the tables in ``results/tables`` show.

    Args:
        home: Folder of ``results/``.
        tables: Tables 1 to 4 and `GRAPHS` by their stem, where they are judged already.
        studies: Table 5 and Figs. 8 to 10 by name, where they are judged already.

    Raises:
        NotMeasured: A table, the runs of Table 5 or a curve of their budget is missing; the message names it.
        RefusedInput: The folder of records cannot be read.
    """
    known, judged_already = tables or {}, studies or {}
    tables = {name: known.get(name) or judged(name, home) for name in REPRODUCIBLE}
    graphs = known.get(GRAPHS) or judged("table2", home, "cudagraphs")
    studies = {name: judged_already.get(name) or reproduce_study(name, home) for name in STUDIES}
    study = studies["table5"]
    panel = next((one for one in study.panels if all(gain.difference for gain in one.gains)), None)
    if panel is None:
        raise NotMeasured("Table 5: not every variant has a run", then="carnet-bench ablate --help")
    scored = of_runs(read_records(home, "accuracy", strict=False))
    shown = next(one for one in scored if one.id in panel.levels[0].records)
    trained = shown.identity.run
    backbone = next(name for name, title in PANELS.items() if title == panel.title)
    records, networks = AblationRecords(home, METHODS), [one for _, one in table5_variants(backbone)]
    study_runs = next(one for one in records.every(networks) if shown in [run.record for run in one.runs])
    by_budget, learnt = budgets(records, networks, shown), scloss_budgets(home)
    forms = scored_forms(records, study_runs, backbone)
    summaries = {name: table.summary for name, table in tables.items()} | {study.name: study.summary}
    pages = Environment(
        loader=PackageLoader("bench.report", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["listed"] = _listed
    return pages.get_template("reproduced.md.j2").render(
        tables=tables,
        results=[result for table in tables.values() for result in table.results.values()],
        titles={row.name: row.title for table in tables.values() for row in table.rows},
        timed=[
            ("Table 1", tables["table1"]),
            ("Table 2", tables["table2"]),
            ("Table 2, CUDA graphs", graphs),
        ],
        panel=panel,
        trained=trained,
        budgets=by_budget,
        learnt=learnt,
        little=LITTLE,
        scloss_says=scloss_reading(learnt, by_budget, forms) if learnt else [],
        doubt=doubt_of(recorded_scores(home)) if trained.recipe.name == STUDY else None,
        figures=figure_readings(studies.values()),
        duration=scloss_duration(studies.values()),
        summaries=summaries,
        verdicts=[word for word in v.ALL if any(word in summary for summary in summaries.values())],
        v=v,
    )


def judged(name: str, home: Path, form: str = "") -> Reproduction:
    """Judge a table with the times of the machine whose times its file in ``results/tables`` shows.

    Raises:
        NotMeasured: The file is missing; the message says what writes it.
    """
    path = home / "results" / "tables" / f"{'-'.join([name, *form.split()])}.csv"
    if not path.exists():
        raise NotMeasured(f"{path}: missing", then=f"carnet-bench reproduce {name} writes it")
    with path.open(encoding="utf-8", newline="") as stream:
        shown = {line["record"] for line in csv.DictReader(stream)}
    return reproduce(name, home, prefer=shown, form=form)


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
