"""``carnet-bench data check``: whether a data set's files are complete and readable."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.data.report import (
    Name,
    check_folder,
    data_options,
    print_report,
    refuse_problems,
    require_png,
    sheet_of_report,
)
from bench.cli.options import DataOption, DataRoot, FolderHome, Json, Partial
from bench.cli.output import print_json


def check(
    name: Name,
    data_root: DataRoot = None,
    home: FolderHome = Path(),
    *,
    partial: Partial = False,
    setting: DataOption = None,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", metavar="FILE.png", help="Write a contact sheet of the first split."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every file of a data set and report problems.

    Reported are counts, sizes, label ids, unreadable files, and images that occur in two splits. Exit code 3
    when there is a problem; every problem is listed.

    \b
    Example:
      carnet-bench data check camvid --data-root CamVid --sheet sheet.png
      carnet-bench data check photos/data.toml
    """  # noqa: D301
    from bench.data import catalogue

    if sheet is not None:
        require_png("--sheet", sheet)
    name = catalogue.entry(name).name
    if not catalogue.is_synthetic(name):
        data_root = catalogue.locate(name, data_root, home=home)
    options = data_options(setting)
    report = check_folder(name, data_root, home, partial, options)
    if as_json:
        print_json(asdict(report))
    else:
        print_report(report)
    if sheet is not None:
        sheet_of_report(report, data_root, home, sheet, options)
    refuse_problems(report, "fix or replace the files; no file is skipped")
