"""Rebuild a published comparison from the records that its table names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from glob import escape
from pathlib import Path

from baselines.method import Method
from bench.audit.findings import Findings
from bench.audit.pages import differing_files, published
from bench.errors import BenchError, RefusedInput
from bench.models import available
from bench.report.compare_figure import AXES
from bench.report.compare_table import Line, given_in, records_of, table_lines
from bench.report.compare_write import comparison_files
from bench.report.origin import Origin
from bench.reproduce.comparison import judge_comparison
from bench.reproduce.comparison_entries import entry_of, of_kind
from bench.reproduce.comparison_result import Entry
from bench.results.record import AccuracyRecord, Record, SpeedRecord

_FILES = "compare-*.csv"
_SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_GIVEN = ("outside", "file")
"""Kinds of methods that are scored as they stand and are installed nowhere."""


def audit_comparisons(found: Findings, records: Mapping[str, Record]) -> None:
    """Rebuild each comparison from the records that its table names and compare the files that are there."""
    for path in published((found.home / "reports").glob(_FILES)):
        found.progress(path.name)
        try:
            files, absent = rebuilt_comparison(path, found.home, records)
        except BenchError as error:
            found.add(path, str(error))
            for beside in beside_the_table(path):
                found.add(beside, f"not compared: {path.name} cannot be rebuilt")
            continue
        if absent:
            found.notes.append(
                f"{path.relative_to(found.home)}: {', '.join(absent)} not installed here, so numbers were "
                "compared with their records and nothing was rebuilt"
            )
        command = f"carnet-bench compare METHOD... --from-records --name {path.stem.removeprefix('compare-')}"
        for file, fault in differing_files(files, found.home, command):
            found.add(file, fault)


def beside_the_table(table: Path) -> list[Path]:
    """Return the page, the LaTeX and the figures that are there beside a comparison's table."""
    stems = (table.stem, *(f"{table.stem}-{axis.name}" for axis in AXES))
    return [
        path for stem in stems for path in published(table.parent.glob(f"{escape(stem)}.*")) if path != table
    ]


def rebuilt_comparison(
    path: Path, home: Path, records: Mapping[str, Record]
) -> tuple[dict[str, str | bytes], list[str]]:
    """Return what the records that a comparison's table names give, by path below the home folder.

    Which records they are, commit and machine are taken from the table; the numbers are not.

    Args:
        path: ``reports/compare-NAME.csv``.
        home: Holds ``results/records``.
        records: Every record, by id.

    Returns:
        The files, and the methods that are not installed here; with any of those there are no files, and only
        mIoU and median time are compared with the records.

    Raises:
        RefusedInput: No such table; a record that is missing or of another method; without the method, a
            number that is not its records'.
    """
    lines = table_lines(path)
    known = available()
    absent = [one["method"] for one in lines if one["method"] not in known and one["kind"] not in _GIVEN]
    chosen = [records_of(line, records) for line in lines]
    if absent:
        for line, found in zip(lines, chosen, strict=True):
            _require_numbers(line, found)
        return {}, absent
    origins = {(line["commit"], line["machine"]) for line in lines}
    sizes = {line["size"] for line in lines}
    size = _SIZE.fullmatch(next(iter(sizes)))
    if len(origins) != 1 or len(sizes) != 1 or size is None:
        raise RefusedInput(
            f"{len(origins)} origins and the sizes {', '.join(sorted(sizes))}; expected one of each"
        )
    size_hw = int(size[1]), int(size[2])
    scored = [one for found in chosen for one in of_kind(AccuracyRecord, found)]
    if not scored:
        raise RefusedInput("names no score; expected one at least")
    classes = scored[0].identity.num_classes
    entries = [
        _entry(known.get(line["method"]), found, classes, size_hw)
        for line, found in zip(lines, chosen, strict=True)
    ]
    judged = judge_comparison(path.stem.removeprefix("compare-"), entries, home, size_hw)
    return comparison_files(judged, Origin(*origins.pop())), []


def _entry(
    method: Method | None, found: Sequence[Record], num_classes: int, size_hw: tuple[int, int]
) -> Entry:
    given = given_in(found)
    if given is not None:
        return given
    if method is None:
        raise RefusedInput("a method that is not installed is called predictions from outside or a file")
    return entry_of(method, found, num_classes, size_hw)


def _require_numbers(line: Line, found: Sequence[Record]) -> None:
    scores = [one.values.miou for one in of_kind(AccuracyRecord, found)]
    medians = [one.values.median_ms for one in of_kind(SpeedRecord, found)]
    for name, values in (("miou", scores), ("median_ms", medians)):
        expected = math.fsum(values) / len(values) if values else None
        given = float(line[name]) if line.get(name) else None
        if given is None or expected is None:
            same = given is expected
        else:
            same = math.isclose(given, expected, rel_tol=1e-9)
        if not same:
            raise RefusedInput(f"{line['method']}: {name} is {given}, its records give {expected}")
