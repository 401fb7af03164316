"""What the ``data`` commands share: the check with its progress, its report, the contact sheet."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.output import log
from bench.cli.progress import showing
from bench.errors import RefusedInput, UsageError

_LONGEST_TABLE = 50  # ids; a longer table leaves out those that do not occur


def _data_names() -> list[str]:
    from bench.data import catalogue

    return catalogue.names()


Name = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Data set, e.g. camvid (`data list`), or the .toml file of your own.",
        autocompletion=_data_names,
    ),
]


def require_png(option: str, path: Path) -> None:
    """Refuse a file name that does not end in .png."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"{option} {path}: expected a file name ending in .png")


def refuse_problems(report: Any, then: str) -> None:
    """Raise RefusedInput when a check found problems."""
    if report.problems:
        raise RefusedInput(
            f"{report.name}: {len(report.problems)} problems, first: {report.problems[0]}", then=then
        )


def write_sheet(data: Any, count: int, out: Path) -> list[str]:
    """Write a contact sheet of a split, and return the names of its samples."""
    import io

    from bench.data.dataset import sample_name
    from bench.data.sheet import contact_sheet, spread
    from bench.files import write_atomic

    content = io.BytesIO()
    contact_sheet(data, count).save(content, "PNG")
    write_atomic(out, content.getvalue())
    log(f"wrote {out}")
    return [sample_name(data, index) for index in spread(len(data), count)]


def data_options(settings: list[str] | None) -> dict[str, Any]:
    """Return the data options of ``--set data_options.KEY=VALUE``.

    Raises:
        UsageError: Another key.
    """
    from bench.train.recipe_text import parse_changes

    changes = parse_changes(settings or [])
    for key in changes:
        if not key.startswith("data_options."):
            raise UsageError(f"--set {key}: expected data_options.KEY=VALUE, e.g. data_options.labels=0..40")
    return {key.partition(".")[2]: value for key, value in changes.items()}


def check_folder(
    name: str, data_root: Path | None, home: Path, partial: bool, options: dict[str, Any] | None = None
) -> Any:
    """Check a data set's folder, with progress per split."""
    from functools import partial as bind

    from bench.data import catalogue
    from bench.data.check import check_data
    from bench.data.check_report import Published

    entry = catalogue.entry(name)
    opened = bind(catalogue.open_data, name, root=data_root, home=home, **(options or {}))
    openers = {split: bind(opened, split) for split in entry.splits}
    with showing() as tell:
        return check_data(
            name,
            openers,
            entry.stored_ids,
            Published(entry.expected, entry.sizes_hw, entry.stored_names, entry.manifests, entry.unlabelled),
            partial=partial or (data_root is not None and data_root.name == f"{name}_sample"),
            seen=tell,
        )


def sheet_of_report(
    report: Any, data_root: Path | None, home: Path, out: Path, options: dict[str, Any]
) -> None:
    """Write the sheet of the first split with labels; refused files are listed already."""
    from bench.data.catalogue import open_data

    split = next((split for split, part in report.splits.items() if part.labelled and part.samples), None)
    if split is None:
        log(f"no contact sheet: {report.name} has no labelled split here")
        return
    try:
        write_sheet(open_data(report.name, split, data_root, home=home, **options), 8, out)
    except RefusedInput as error:
        log(f"no contact sheet: {error}")


def print_report(report: Any) -> None:
    """Print what a check found."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("id", "class", *report.splits, title=f"{report.name}: share of all pixels, %")
    absent = 0
    for stored, title in report.stored_ids.items():
        if len(report.stored_ids) > _LONGEST_TABLE and not any(
            part.stored_pixels.get(stored) for part in report.splits.values()
        ):
            absent += 1
            continue
        table.add_row(stored, title, *(_share(part, stored, title) for part in report.splits.values()))
    console.print(table)
    if absent:
        console.print(f"{absent} of {len(report.stored_ids)} ids do not occur")
    for split, part in report.splits.items():
        sizes = ", ".join(f"{size} ({samples})" for size, samples in part.sizes.items()) or "none"
        console.print(f"{split}: {part.samples} samples, {part.unreadable} refused; height x width {sizes}")
        console.print(f"  manifest {part.manifest or 'missing'}", soft_wrap=True)
    for kind, lines in (("note", report.notes), ("problem", report.problems)):
        for line in lines:
            console.print(f"{kind}: {line}", soft_wrap=True, markup=False, highlight=False)
    if not report.problems:
        console.print("no problems")


def _share(part: Any, stored: str, title: str) -> str:
    """Return an id's share of a split in percent; a class's share where label files hold no ids."""
    total = sum(part.pixels.values()) + part.ignored_pixels
    if not total:
        return "-"
    if part.stored_pixels:
        return f"{100 * part.stored_pixels.get(stored, 0) / total:.2f}"
    return f"{100 * part.pixels.get(title, part.ignored_pixels) / total:.2f}"
