"""``carnet-bench check``: whether a change made anything worse."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import FolderHome, Json, Size, Threads
from bench.cli.output import log, print_json
from bench.cli.parsing import number, parse_size
from bench.cli.progress import timing
from bench.errors import BenchError, NotMeasured, UsageError

if TYPE_CHECKING:
    from bench.gate.findings import Report

Kind = StrEnum("Kind", ["counts", "golden", "accuracy", "speed"])


def check(
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|REV",
            help="Baseline file (FILE.json) or git revision; REV... is where this branch left it.  "
            "[default: results/baseline.json]",
            show_default=False,
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write this tree's baseline file instead of comparing.")
    ] = False,
    only: Annotated[
        list[Kind] | None, typer.Option("--only", help="Compare only this; may be repeated.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME|FILE.py:FUNCTION",
            help="Compare counts and golden outputs of this method; one of your own is timed too. "
            "May be repeated.",
        ),
    ] = None,
    max_loss: Annotated[
        float, typer.Option("--max-loss", **number(0, 100), help="Allowed drop of mIoU, percent points.")
    ] = 1.0,
    speed: Annotated[bool, typer.Option("--speed/--no-speed", help="Time the models.")] = True,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            help="Model to time; may be repeated.  [default: --method's own networks, else carnet-mobile]",
        ),
    ] = None,
    size: Size = "128x256",
    threads: Threads = 1,
    max_slowdown: Annotated[
        float, typer.Option("--max-slowdown", **number(0, 1000), help="Allowed slowdown, percent.")
    ] = 2.0,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the findings as JUnit XML.")
    ] = None,
    home: FolderHome = Path(),
    as_json: Json = False,
) -> None:
    """Compare this tree with a baseline.

    Counts, parameters and golden outputs of all methods must be equal. Accuracy may drop by at most
    --max-loss; it is a regression when the whole 95 % interval of the drop (Student's t over seeds, jackknife
    over images) exceeds that. A model's time may grow by at most --max-slowdown, timed in turns with the
    baseline's code or, against a file, with a reference workload on the same machine. What the baseline has
    and this tree lacks is a regression. Comparisons that cannot be judged are reported and do not fail the
    check. Where GITHUB_STEP_SUMMARY is set, a summary is appended there.

    A network of your own is gated with a baseline file of your own: write it with --update, commit it, and
    compare each pull request with it. It holds only the methods named. Exit codes: 0 passed, 5 regression,
    4 nothing could be compared, 3 baseline refused.

    \b
    Example:
      carnet-bench check
      carnet-bench check --baseline origin/main... --junit check.xml
      carnet-bench check --only counts --only golden --method carnet-mobile
      carnet-bench check --update
      carnet-bench check --method mynet.py:build --baseline gate.json --update
      carnet-bench check --method mynet.py:build --baseline gate.json
    """  # noqa: D301
    size_hw = parse_size(size)
    if update and (only or (baseline or ".json")[-5:] != ".json"):
        raise UsageError("check --update writes a whole baseline file; drop --only, --baseline names a .json")
    from bench.gate.baseline import NAME, write_baseline
    from bench.gate.check import Settings, named, updated
    from bench.gate.check import check as compare
    from bench.gate.speed import Asked

    kinds = tuple(kind for kind in only or Kind if speed or kind != "speed")
    names, own = named(method or [])
    timed = tuple(dict.fromkeys([*(models or ([] if own else ["carnet-mobile"])), *own]))
    files = {name: _absolute(reference) for name, (reference, _) in own.items()}
    asked = Asked(timed, size_hw, threads or 1, max_slowdown / 100, own=files)
    settings = Settings(home, kinds, names, own, max_loss / 100, asked)
    path = home / NAME if baseline is None else Path(baseline)
    with timing() as show:
        if update:
            written, reasons = updated(settings, show, path)
        else:
            report = compare(str(path) if baseline is None else baseline, settings, show)
    if update:
        write_baseline(written, path)
        log(f"baseline: {path}")
        if as_json:
            print_json({"written": str(path), "methods": len(written.methods)})
        if reasons:
            raise NotMeasured(
                f"speed not valid, {', '.join(reasons)}; the rest is written",
                then="rerun on a quiet machine, or with --no-speed",
            )
        return
    # what was found comes first: a disk that refuses a file must not hide a regression
    if as_json:
        print_json(report.as_dict())
    else:
        _show(report)
    unwritten = _write(report, junit)
    error = report.error()
    if error is not None:
        for refused in unwritten:
            log(f"error: {refused}")
        raise error
    if unwritten:
        raise unwritten[0]


def _absolute(reference: str) -> str:
    """Return ``/path/to/file.py:build``: the process that times has another working folder."""
    path, _, function = reference.rpartition(":")
    return f"{Path(path).resolve()}:{function}"


def _write(report: Report, junit: Path | None) -> list[BenchError]:
    """Write the files for other programs, and return what could not be written."""
    from bench.files import append, write_atomic
    from bench.gate.formats import to_junit, to_markdown

    refused = []
    if junit is not None:
        try:
            write_atomic(junit, to_junit(report))
            log(f"JUnit: {junit}")
        except BenchError as error:
            refused.append(error)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            append(Path(summary), to_markdown(report))
        except BenchError as error:
            refused.append(error)
    return refused


def _show(report: Report) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from bench.gate.formats import TITLES, to_tell

    console = Console()
    console.print(f"compared with {report.baseline}", soft_wrap=True, markup=False, highlight=False)
    if report.conditions:
        console.print(f"golden outputs: {report.conditions}", soft_wrap=True, markup=False, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "compared", "verdicts"):
        table.add_column(heading, justify="right" if heading == "compared" else "left")
    for kind, verdicts in report.counted().items():
        if verdicts:
            words = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
            table.add_row(TITLES[kind], str(sum(verdicts.values())), words)
    console.print(table)
    for one in to_tell(report):
        line = f"{one.kind}: {one.name}: {one.verdict}{f', {one.note}' if one.note else ''}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(report.verdict, markup=False, highlight=False)
