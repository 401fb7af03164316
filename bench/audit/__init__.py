"""Whether the published numbers are the measured ones: every record recomputed, every page rebuilt."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from pathlib import Path

from baselines.method import Method
from bench.audit.comparisons import audit_comparisons
from bench.audit.figures import Finding, figures_of_data
from bench.audit.findings import Audit, Findings, Progress
from bench.audit.pages import differing_files, origin_in, published, without_other_plotly
from bench.audit.tables import Lines, as_listed, differences, read_table
from bench.audit.values import wrong_losses, wrong_values
from bench.cache import made_anew
from bench.errors import BenchError, RefusedInput
from bench.files import read_regular, sha256_of_file
from bench.models import available
from bench.paper.studies import STUDIES
from bench.report import claims_page, curves
from bench.report.blocks import PAGES, with_blocks
from bench.report.claims_page import claims_files
from bench.report.cost_figure import NAME as FIG4
from bench.report.cost_figure import fig4_files
from bench.report.csv_table import COLUMNS, STUDY_COLUMNS
from bench.report.html_findings import JudgedPaper
from bench.report.html_page import NAME as HTML
from bench.report.html_page import html_page, judge_paper
from bench.report.latex_numbers import PATH as NUMBERS
from bench.report.latex_numbers import numbers_tex
from bench.report.origin import Origin
from bench.report.parts_report import parts_files
from bench.report.reproduced import NAME as SUMMARY
from bench.report.reproduced import judged, reproduced_page
from bench.report.write import report_files
from bench.reproduce import parameter_parts
from bench.reproduce.claims import JudgedLedger, judge_claims
from bench.reproduce.parameter_parts import Part, count_parts
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction
from bench.results.index import Index
from bench.results.record import KINDS, Record, SpeedRecord, TrainingRecord
from bench.results.store import APPENDIX, read_arrays, read_record, record_files, records_folder
from bench.train.publish import readme

_FORMS = [pattern for name in REPRODUCIBLE for pattern in (name, f"{name}-*")]  # of the times
_CURVES = "curves-"
_COUNTED = (parameter_parts.NAME, claims_page.NAME)
_SUMMARISE = "carnet-bench reproduce summary"
_REPORT = "carnet-bench report"


class _Auditor(Findings):
    """What was found so far below one home folder, and what was judged on the way."""

    def __init__(self, home: Path, progress: Progress, *, quick: bool) -> None:
        super().__init__(home, progress)
        self.quick = quick
        self.records: dict[str, Record] = {}
        self.looked_at = 0
        self.tables: dict[str, Reproduction] = {}
        self.studies: dict[str, JudgedStudy] = {}
        self.parts: tuple[Part, ...] | None = None
        self.ledger: JudgedLedger | None = None

    def records_of(self, kind: str) -> None:
        folder = records_folder(self.home, kind)
        try:
            paths, arrays = (record_files(folder, suffix) for suffix in (".json", ".npz"))
        except RefusedInput as error:
            self.add(folder, str(error))
            return
        extras = len(list(folder.glob(f"{APPENDIX}*")))
        if extras:
            self.notes.append(
                f"{folder.relative_to(self.home)}: {extras} files of macOS ({APPENDIX}*) left out"
            )
        index = Index(folder, read_record)
        for number, path in enumerate(paths, start=1):
            self.looked_at += 1
            self.progress(f"{kind} record {number} of {len(paths)}, {path.stem[:12]}")
            try:
                record = index.record(path.name) if self.quick else read_record(path)
                if not self.quick:
                    self.add(path, *wrong_values(record, read_arrays(record, self.home)))
                self.records[record.id] = record
            except RefusedInput as error:
                self.add(path, str(error))
        index.save()
        named = {one.sidecar.file for one in self.records.values() if one.sidecar is not None}
        for path in arrays:
            if path.name not in named and not path.with_suffix(".json").exists():
                self.add(path, "belongs to no record")

    def beside_the_records(self) -> None:
        """Check losses of runs, and published weights with their page."""
        runs = [one for one in self.records.values() if isinstance(one, TrainingRecord)]
        for path, fault in wrong_losses(self.home / "runs", runs):
            self.add(path, fault)
        folder = self.home / "results" / "weights"
        for path in published(folder.glob("*.safetensors")):
            made = [one for one in runs if path.stem == f"{one.identity.model}-{one.id[:12]}"]
            if not path.is_file():
                self.add(path, "not a regular file")
            elif not made:
                self.add(path, "belongs to no training record")
            elif made[0].values.final_weights_sha256 != (found := sha256_of_file(path)):
                self.add(path, f"SHA-256 {found}, its record says {made[0].values.final_weights_sha256}")
        self.page(folder / "README.md", lambda _: readme(folder), "carnet-bench publish RUN")

    def table(self, path: Path) -> None:
        """Rebuild a table, its pages and figures from the records and compare all that are there."""
        self.progress(path.name)
        name = path.stem.partition("-")[0]
        columns = STUDY_COLUMNS if name in STUDIES else COLUMNS
        try:
            text, lines = read_table(path, columns)
            judged, made_by = self.rebuilt(name, lines, path)
        except BenchError as error:
            self.add(path, str(error))
            return
        if isinstance(judged, JudgedStudy):
            self.studies[name] = judged
        elif not judged.beside:
            self.tables[path.stem] = judged
        files = report_files(judged, made_by)
        expected = str(files.pop(path.relative_to(self.home).as_posix(), ""))
        if expected != text:
            self.add(path, *differences(lines, expected, columns))
        if isinstance(judged, Reproduction) and any(not one.kind for one in judged.beside):
            files = {file: content for file, content in files.items() if not file.endswith(".md")}
        if name in REPRODUCIBLE and _beside(lines)[1]:  # its points cannot be placed
            files = {file: content for file, content in files.items() if "/pareto." not in file}
        for file, fault in differing_files(files, self.home, f"carnet-bench reproduce {name}"):
            self.add(file, fault)

    def rebuilt(self, name: str, lines: Lines, path: Path) -> tuple[Reproduction | JudgedStudy, Origin]:
        """Return a table as the records give it; RefusedInput when a record it names is missing.

        Commit, machine, the methods that are not in the paper and, where a cell may hold several records, the
        one it names are taken from the file; the numbers are not.
        """
        origins = {(line["commit"], line["machine"]) for line in lines}
        if len(origins) != 1:
            raise RefusedInput(f"{len(origins)} commits and machines in one table, expected one")
        made_by = Origin(*origins.pop())
        named = [one for line in lines for one in line["record"].split()]
        if lost := [one for one in named if one not in self.records]:
            raise RefusedInput(f"refers to the missing record {lost[0]}")
        if name in STUDIES:
            return reproduce_study(name, self.home), made_by
        beside, unknown = _beside(lines)
        page = self.home / "reports" / f"{path.stem}.md"
        listed = {one.name: one for one in as_listed(unknown, lines, page, self.records)}
        forms = {one.identity.form for id_ in named if isinstance(one := self.records[id_], SpeedRecord)}
        if len(forms) > 1:
            raise RefusedInput(f"times of {len(forms)} engines or precisions in one table, expected one")
        judged = reproduce(name, self.home, prefer=named, beside=beside, form="".join(forms))
        if unknown:
            self.notes.append(
                f"{path.relative_to(self.home)}: {', '.join(unknown)} is not installed here, so it was not "
                "counted again, and the figure was not redrawn"
            )
            known = {one.name: one for one in judged.beside} | listed
            order = dict.fromkeys(line["row"] for line in lines if not line["printed"])
            judged = replace(judged, beside=tuple(known[row] for row in order))
        return judged, made_by

    def curves(self, caption: Path) -> None:
        """Redraw the curves of a data set and compare the files that are there."""
        data = caption.name.removeprefix(_CURVES).partition(".")[0]

        def redrawn(found: bytes) -> dict[str, str | bytes]:
            made_by = origin_in(found.decode(errors="replace"))
            records = curves.training_records(data, self.home)
            if not records:
                raise RefusedInput(f"no training record on {data}")
            drawn = curves.draw(records, made_by)
            return {f"reports/{_CURVES}{data}.{form}": content for form, content in drawn.items()}

        self.figures(caption, redrawn, f"carnet-bench curves --data {data}")

    def counted(self, name: str) -> None:
        """Rebuild a table that takes no line from its file, its page and figure, and compare them."""
        path = self.home / "results" / "tables" / f"{name}.csv"
        self.progress(path.name)
        try:
            last = read_regular(path).decode().splitlines()[-1]
            *_, commit, machine = next(csv.reader([last]))
            made_by = Origin(commit, machine)
            files: dict[str, str | bytes] = {}
            if name == parameter_parts.NAME:
                self.parts = count_parts()
                files |= parts_files(self.parts, made_by)
            else:
                self.ledger = judge_claims(self.home)
                files |= claims_files(self.ledger, made_by)
        except (BenchError, UnicodeDecodeError, csv.Error, LookupError, ValueError) as error:
            self.add(path, f"cannot be compared ({error})")
            return
        for file, fault in differing_files(files, self.home, f"carnet-bench reproduce {name}"):
            self.add(file, fault)

    def summaries(self) -> None:
        """Rebuild the pages that stand on all tables and studies, from what was judged for the files."""
        reports, home = self.home / "reports", self.home

        @cache
        def paper() -> JudgedPaper:
            return judge_paper(
                home, tables=self.tables, studies=self.studies, parts=self.parts, ledger=self.ledger
            )

        def costs(found: bytes) -> dict[str, str | bytes]:
            table1 = self.tables.get("table1") or judged("table1", home)
            return fig4_files(table1, origin_in(found.decode(errors="replace")))

        def index(found: str) -> str:
            expected, note = without_other_plotly(found, html_page(home, origin_in(found), paper=paper()))
            self.notes += [f"reports/{HTML}: {note}"] if note else []
            return expected

        def summary(_: str) -> str:
            return reproduced_page(home, self.tables, self.studies)

        self.figures(reports / f"{FIG4}.md", costs, f"carnet-bench reproduce {FIG4}")
        self.page(reports / SUMMARY, summary, _SUMMARISE)
        self.page(home / NUMBERS, lambda found: numbers_tex(paper(), origin_in(found)), _REPORT)
        self.page(reports / HTML, index, _REPORT)
        for name in PAGES:
            self.page(home / name, lambda text: with_blocks(text, home), _SUMMARISE)

    def figure(self, one: Finding) -> None:
        """Add what was found on a figure of data."""
        self.progress(one.file.name)
        if one.damage:
            self.add(one.file, one.found)
        else:
            self.notes.append(f"{one.file.relative_to(self.home)}: {one.found}")

    def pages_without_a_table(self, stems: Iterable[str]) -> None:
        reports, known = self.home / "reports", {*stems}
        for folder in (reports, reports / "tex"):
            for pattern in (*_FORMS, *STUDIES, *_COUNTED):
                for path in published(folder.glob(f"{pattern}.*")):
                    if path.name.partition(".")[0] not in known:
                        self.add(path, "its table in results/tables is missing")


def audit(home: Path, progress: Progress = lambda _: None, *, quick: bool = False) -> Audit:
    """Recompute every record below a home folder and rebuild every published table, page and figure.

    Args:
        home: Folder of ``results/``.
        progress: Called with each file checked.
        quick: Whether a record is read only where its file has changed since it was last read
            (`bench.results.index`), no value is recomputed from its samples or matrices, and counts that are
            kept are not counted anew, nor figures that are kept drawn anew. What is published is compared all
            the same.
    """
    with nullcontext() if quick else made_anew():
        return _audit(_Auditor(home, progress, quick=quick))


def _audit(found: _Auditor) -> Audit:
    home = found.home
    for kind in KINDS:
        found.records_of(kind)
    whole = all(not one.file.startswith("results/records/") for one in found.damage)
    found.beside_the_records()
    folder = home / "results" / "tables"
    tables = [path for pattern in (*_FORMS, *STUDIES) for path in published(folder.glob(f"{pattern}.csv"))]
    counted = [path for name in _COUNTED for path in published(folder.glob(f"{name}.csv"))]
    for path in (*tables, *counted):
        if whole:
            found.counted(path.stem) if path in counted else found.table(path)
        else:
            found.add(path, "not compared: a record is damaged")
    if whole:
        found.pages_without_a_table(path.stem for path in (*tables, *counted))
        reports = home / "reports"
        for caption in published(reports.glob(f"{_CURVES}*.caption.md")):
            found.curves(caption)
        audit_comparisons(found, found.records)
        for one in figures_of_data(home):
            found.figure(one)
        found.summaries()
    return Audit(found.looked_at, len(tables) + len(counted), tuple(found.damage), tuple(found.notes))


def _beside(lines: Sequence[Mapping[str, str]]) -> tuple[list[Method], list[str]]:
    """Return the methods that are not in the paper, and the names of those that are not installed."""
    names, known = dict.fromkeys(line["row"] for line in lines if not line["printed"]), available()
    return [known[name] for name in names if name in known], [name for name in names if name not in known]
