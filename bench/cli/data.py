"""``carnet-bench data``: what data there is, whether it is whole, what it looks like."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.cli.output import log, print_json
from bench.errors import RefusedInput, UsageError

group = typer.Typer(
    name="data", help="List, check and show the data sets.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="Data set, e.g. camvid.")]
Root = Annotated[
    Path | None, typer.Option("--data-root", help="The set's own folder; beats the variable CARNET_DATA.")
]
Home = Annotated[
    Path, typer.Option("--home", envvar="CARNET_BENCH_HOME", help="Home folder; its data/ is looked in last.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(group)


@group.command("list")
def list_data(home: Home = Path(), as_json: Json = False) -> None:
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
            }
        )
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "drawn" if row["synthetic"] else row["folder"] or "not here"
        typer.echo(f"{row['name']:10}{row['title']}")
        typer.echo(f"{'':10}{state}" + ("" if row["available"] else f": {row['how_to_get']}"))


@group.command("check")
def check(name: Name, data_root: Root = None, home: Home = Path(), as_json: Json = False) -> None:
    """Read every file of a data set: counts, sizes, ids, bad files, images in two splits.

    Exit code 3 when something is wrong; every problem is listed.

    \b
    Example:
      carnet-bench data check camvid --data-root CamVid
    """  # noqa: D301
    from dataclasses import asdict
    from functools import partial

    from bench.data import catalogue
    from bench.data.check import check_data

    entry = catalogue.entry(name)
    if entry.open_folder is not None:
        data_root = catalogue.locate(name, data_root, home=home)
    openers = {
        split: partial(catalogue.open_data, name, split, data_root, home=home) for split in catalogue.SPLITS
    }
    with _progress() as progress:
        bars = {split: progress.add_task(split, total=None) for split in openers}
        report = check_data(
            name,
            openers,
            entry.stored_ids,
            entry.expected,
            seen=lambda split, done, total: progress.update(bars[split], completed=done, total=total),
        )
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report)
    if report.problems:
        raise RefusedInput(
            f"{name}: {len(report.problems)} problems, first: {report.problems[0]}",
            then="mend or replace the files; nothing is skipped",
        )


@group.command("show")
def show(
    name: Name,
    *,
    out: Annotated[Path, typer.Option("--out", help="PNG file to write.")],
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "val",
    count: Annotated[int, typer.Option("--count", min=1, max=100, help="Samples to show.")] = 8,
    data_root: Root = None,
    home: Home = Path(),
) -> None:
    """Write a contact sheet: images beside their labels in colour.

    \b
    Example:
      carnet-bench data show camvid --split val --out sheet.png
    """  # noqa: D301
    import io

    from bench.data.catalogue import open_data
    from bench.data.sheet import contact_sheet
    from bench.files import write_atomic

    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: allowed is a file name ending in .png")
    content = io.BytesIO()
    contact_sheet(open_data(name, split, data_root, home=home), count).save(content, "PNG")
    write_atomic(out, content.getvalue())
    log(f"wrote {out}")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _print_report(report: Any) -> None:
    console = Console()
    table = Table("id", "class", *report.splits, title=f"{report.name}: share of all pixels, %")
    totals = {split: sum(part.pixels.values()) + part.ignored_pixels for split, part in report.splits.items()}
    for stored, title in report.stored_ids.items():
        counts = [
            part.ignored_pixels if title == "ignored" else part.pixels[title]
            for part in report.splits.values()
        ]
        shares = [
            f"{100 * pixels / total:.2f}" if total else "-"
            for pixels, total in zip(counts, totals.values(), strict=True)
        ]
        table.add_row(stored, title, *shares)
    console.print(table)
    for split, part in report.splits.items():
        sizes = ", ".join(f"{size} ({samples})" for size, samples in part.sizes.items()) or "none"
        console.print(f"{split}: {part.samples} samples, {part.unreadable} refused; height x width {sizes}")
        console.print(f"  manifest {part.manifest or 'not made'}", soft_wrap=True)
    for problem in report.problems:
        console.print(f"problem: {problem}", soft_wrap=True, markup=False, highlight=False)
    if not report.problems:
        console.print("no problems")
