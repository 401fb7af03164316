"""``carnet-bench data``: what data there is, whether it is whole, what it looks like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.data_report import (
    check_folder,
    print_report,
    progress_bars,
    require_png,
    sheet_of_report,
    write_sheet,
)
from bench.cli.options import DataHome
from bench.cli.output import log, print_json
from bench.errors import RefusedInput, UsageError

if TYPE_CHECKING:
    from bench.data.check_report import CheckReport

group = typer.Typer(
    name="data", help="List, check and show the data sets.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="Data set, e.g. camvid.")]
Root = Annotated[
    Path | None, typer.Option("--data-root", help="The set's own folder; beats the variable CARNET_DATA.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(group)


@group.command("list")
def list_data(home: DataHome = Path(), as_json: Json = False) -> None:
    """List the data sets: what is here, where, and how to get what is not.

    \b
    Example:
      carnet-bench data list
    """  # noqa: D301
    from bench.data import catalogue

    rows: list[dict[str, Any]] = []
    for name in catalogue.names():
        entry = catalogue.entry(name)
        drawn = entry.open_folder is None
        folder = None if drawn else catalogue.find(name, home)
        rows.append(
            {
                "name": name,
                "title": entry.title,
                "synthetic": drawn,
                "available": drawn or folder is not None,
                "folder": None if folder is None else str(folder),
                "how_to_get": entry.how_to_get,
                "terms": entry.terms,
                "fetched_without_registration": [source.file for source in entry.sources],
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "drawn" if row["synthetic"] else row["folder"] or "not here"
        typer.echo(f"{row['name']:13}{row['title']}")
        typer.echo(f"{'':13}{state}" + ("" if row["available"] else f": {row['how_to_get']}"))
        if not row["synthetic"]:
            typer.echo(f"{'':13}terms: {row['terms']}")


@group.command("check")
def check(
    name: Name,
    data_root: Root = None,
    home: DataHome = Path(),
    *,
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="The folder holds a part of the set, as NAME_sample does: no split or count is missed.",
        ),
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write a contact sheet of the first split to this PNG.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read every file of a data set: counts, sizes, ids, bad files, images in two splits.

    Exit code 3 when something is wrong; every problem is listed.

    \b
    Example:
      carnet-bench data check camvid --data-root CamVid --sheet sheet.png
    """  # noqa: D301
    from dataclasses import asdict

    from bench.data import catalogue

    if sheet is not None:
        require_png("--sheet", sheet)
    if catalogue.entry(name).open_folder is not None:
        data_root = catalogue.locate(name, data_root, home=home)
    report = check_folder(name, data_root, home, partial)
    if as_json:
        print_json(asdict(report))
    else:
        print_report(report)
    if sheet is not None:
        sheet_of_report(report, data_root, home, sheet)
    _refuse_problems(report, "mend or replace the files; nothing is skipped")


@group.command("prepare")
def prepare(
    name: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="What was downloaded: .zip, .tar, .mat.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="The set's folder to be; default: HOME/data/NAME.")
    ] = None,
    home: DataHome = Path(),
    as_json: Json = False,
) -> None:
    """Unpack or convert downloaded files into the folder that is read, and check what came out.

    An archive with absolute or climbing paths, links, or more than the disk can hold is refused before
    anything is written. After an interruption the same command goes on. NYUDv2: the labelled .mat, splits.mat
    and the map to 40 classes.

    \b
    Example:
      carnet-bench data prepare cityscapes leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip
    """  # noqa: D301
    from dataclasses import asdict

    from bench.data.prepare import prepare as unpack_or_convert

    folder = out or home / "data" / name
    with progress_bars() as progress:
        bar = progress.add_task("writing", total=None)
        done = unpack_or_convert(
            name, files, folder, seen=lambda count, total: progress.update(bar, completed=count, total=total)
        )
    log(f"{folder}: {done.written} files written, {done.kept} were there, {done.left_out} not needed")
    # one archive of several makes a part of the set, whose other splits are not missing yet
    report = check_folder(name, folder, home, True)
    if as_json:
        print_json({"folder": str(folder), **asdict(done), "check": asdict(report)})
    else:
        print_report(report)
    _refuse_problems(report, "prepare the other archives too, or take the bad files again")


@group.command("fetch")
def fetch(
    name: Name,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the files; default: HOME/downloads.")
    ] = None,
    home: DataHome = Path(),
    as_json: Json = False,
) -> None:
    """Fetch what may be had without registration; a file appears only whole and with the right digest.

    \b
    Example:
      carnet-bench data fetch ade20k
    """  # noqa: D301
    from bench.data import catalogue
    from bench.data.fetch import fetch as fetch_file
    from bench.files import sha256_of_file

    entry = catalogue.entry(name)
    if not entry.sources:
        raise UsageError(f"data set {name} is not fetched from here: {entry.how_to_get}")
    rows = []
    with progress_bars() as progress:
        for source in entry.sources:
            bar = progress.add_task(source.file, total=None)

            def seen(done: int, total: int | None, bar: Any = bar) -> None:
                progress.update(bar, completed=done, total=total)

            path, new = fetch_file(source, out or home / "downloads", seen=seen)
            compared = "as published" if source.digest else "not compared, none is published"
            rows.append(
                {"file": str(path), "fetched": new, "digest": compared, "sha256": sha256_of_file(path)}
            )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['file']}: {'fetched' if row['fetched'] else 'was there'}, digest {row['digest']}")
        typer.echo(f"  sha256 {row['sha256']}")
    log(f"next: carnet-bench data prepare {name} {' '.join(str(row['file']) for row in rows)}")


@group.command("show")
def show(
    name: Name,
    *,
    out: Annotated[Path, typer.Option("--out", help="PNG file to write.")],
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "val",
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="Samples to show.")] = 8,
    data_root: Root = None,
    home: DataHome = Path(),
) -> None:
    """Write a contact sheet: images beside their labels in colour.

    \b
    Example:
      carnet-bench data show camvid --split val --out sheet.png
    """  # noqa: D301
    from bench.data.catalogue import open_data

    require_png("--out", out)
    write_sheet(open_data(name, split, data_root, home=home), count, out)


def _refuse_problems(report: "CheckReport", then: str) -> None:
    if report.problems:
        raise RefusedInput(
            f"{report.name}: {len(report.problems)} problems, first: {report.problems[0]}", then=then
        )
