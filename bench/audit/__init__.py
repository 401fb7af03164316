"""Whether the published numbers are the measured ones: every record recomputed, every page rebuilt."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from baselines.method import Method
from bench.audit.comparisons import NAMES, rebuilt_comparison
from bench.audit.pages import difference, differing_files, published
from bench.audit.result import Audit, Damage
from bench.audit.tables import Lines, as_listed, differences, read_table
from bench.audit.values import wrong_losses, wrong_values
from bench.cost.kept import counted_anew
from bench.errors import BenchError, RefusedInput
from bench.files import read_regular, sha256_of_file
from bench.models import available
from bench.paper.studies import STUDIES
from bench.report import claims_page, curves
from bench.report.blocks import PAGES, with_blocks
from bench.report.claims_page import claims_files
from bench.report.csv_table import COLUMNS, STUDY_COLUMNS
from bench.report.origin import Origin
from bench.report.parts_report import parts_files
from bench.report.reproduced import NAME as SUMMARY
from bench.report.reproduced import reproduced_page
from bench.report.write import report_files
from bench.reproduce import parameter_parts
from bench.reproduce.claims import judge_claims
from bench.reproduce.parameter_parts import count_parts
from bench.reproduce.study import reproduce_study
from bench.reproduce.study_result import JudgedStudy
from bench.reproduce.table import REPRODUCIBLE, reproduce
from bench.reproduce.table_result import Reproduction
from bench.results.record import KINDS, Record, SpeedRecord, TrainingRecord
from bench.results.store import APPENDIX, read_arrays, read_record, record_files, records_folder
from bench.train.publish import readme

Progress = Callable[[str], None]

_MADE_BY = re.compile(r"^Made by (.*) on (.*)\.$", re.MULTILINE)
_FORMS = [pattern for name in REPRODUCIBLE for pattern in (name, f"{name}-*")]  # of the times
_CURVES = "curves-"
_COUNTED = (parameter_parts.NAME, claims_page.NAME)
_SUMMARISE = "carnet-bench reproduce summary"


class _Auditor:
    """What was found so far below one home folder."""

    def __init__(self, home: Path, progress: Progress) -> None:
        self.home, self.progress = home, progress
        self.damage: list[Damage] = []
        self.notes: list[str] = []
        self.records: dict[str, Record] = {}
        self.looked_at = 0

    def add(self, file: Path | str, *faults: str) -> None:
        name = file if isinstance(file, str) else file.relative_to(self.home).as_posix()
        self.damage += [
            Damage(name, fault.removeprefix(f"{self.home / name}: ").removeprefix(f"{name}: "))
            for fault in faults
        ]

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
        for path in paths:
            self.looked_at += 1
            self.progress(f"{kind} {path.stem[:12]}")
            try:
                record = read_record(path)
                self.add(path, *wrong_values(record, read_arrays(record, self.home)))
                self.records[record.id] = record
            except RefusedInput as error:
                self.add(path, str(error))
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
        self.progress(caption.name)
        data = caption.name.removeprefix(_CURVES).partition(".")[0]
        try:
            made_by = _MADE_BY.search(read_regular(caption).decode(errors="replace"))
            if made_by is None:
                raise RefusedInput("names no commit and machine; redraw it with carnet-bench curves")
            records = curves.training_records(data, self.home)
            if not records:
                raise RefusedInput(f"no training record on {data}")
            drawn = curves.draw(records, Origin(made_by[1], made_by[2]))
        except BenchError as error:
            self.add(caption, str(error))
            return
        files = {f"reports/{_CURVES}{data}.{form}": content for form, content in drawn.items()}
        for file, fault in differing_files(files, self.home, f"carnet-bench curves --data {data}"):
            self.add(file, fault)

    def comparison(self, path: Path) -> None:
        """Rebuild a comparison from the records that its table names and compare the files that are there."""
        self.progress(path.name)
        try:
            files, absent = rebuilt_comparison(path, self.home, self.records)
        except BenchError as error:
            self.add(path, str(error))
            return
        if absent:
            self.notes.append(
                f"{path.relative_to(self.home)}: {', '.join(absent)} not installed here, so its numbers were "
                "compared with their records and nothing was rebuilt"
            )
        command = f"carnet-bench compare METHOD... --from-records --name {path.stem.removeprefix('compare-')}"
        for file, fault in differing_files(files, self.home, command):
            self.add(file, fault)

    def page(self, path: Path, make: Callable[[str], str], command: str) -> None:
        """Compare a page, if it is there, with what is made of it."""
        if not path.exists():
            return
        self.progress(path.name)
        try:
            found = read_regular(path)
            expected = make(found.decode()).encode()
        except (BenchError, UnicodeDecodeError) as error:
            self.add(path, str(error))
            return
        if found != expected:
            self.add(path, f"{difference(found, expected)}; rebuild it with {command}")

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
                files |= parts_files(count_parts(), made_by)
            else:
                files |= claims_files(judge_claims(self.home), made_by)
        except (BenchError, UnicodeDecodeError, csv.Error, LookupError, ValueError) as error:
            self.add(path, f"cannot be compared ({error})")
            return
        for file, fault in differing_files(files, self.home, f"carnet-bench reproduce {name}"):
            self.add(file, fault)

    def pages_without_a_table(self, stems: Iterable[str]) -> None:
        folder, known = self.home / "reports", {*stems}
        for pattern in (*_FORMS, *STUDIES, *_COUNTED):
            for path in published(folder.glob(f"{pattern}.*")):
                if path.name.partition(".")[0] not in known:
                    self.add(path, "its table in results/tables is missing")


@counted_anew()
def audit(home: Path, progress: Progress = lambda _: None) -> Audit:
    """Recompute every record below a home folder and rebuild every published table, page and figure.

    Args:
        home: Folder of ``results/``.
        progress: Called with each file checked.
    """
    found = _Auditor(home, progress)
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
        for path in published(reports.glob(f"{NAMES}.csv")):
            found.comparison(path)
        found.page(reports / SUMMARY, lambda _: reproduced_page(home), _SUMMARISE)
        for name in PAGES:
            found.page(home / name, lambda text: with_blocks(text, home), _SUMMARISE)
    return Audit(found.looked_at, len(tables) + len(counted), tuple(found.damage), tuple(found.notes))


def _beside(lines: Sequence[Mapping[str, str]]) -> tuple[list[Method], list[str]]:
    """Return the methods that are not in the paper, and the names of those that are not installed."""
    names, known = dict.fromkeys(line["row"] for line in lines if not line["printed"]), available()
    return [known[name] for name in names if name in known], [name for name in names if name not in known]
