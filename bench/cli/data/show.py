"""``carnet-bench data show``: a contact sheet of images and labels."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.data.report import Name, data_options, require_png, write_sheet
from bench.cli.options import DataOption, DataRoot, FolderHome, Json
from bench.cli.output import print_json
from bench.cli.parsing import whole_number


def show(
    name: Name,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.png", help="Where to write.")],
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Split to show.")] = "val",
    count: Annotated[int, typer.Option("--count", **whole_number(1, 100), help="Number of samples.")] = 8,
    data_root: DataRoot = None,
    setting: DataOption = None,
    home: FolderHome = Path(),
    as_json: Json = False,
) -> None:
    """Write a contact sheet: images next to their labels in colour.

    \b
    Example:
      carnet-bench data show camvid --split val --out sheet.png
    """  # noqa: D301
    from bench.data.catalogue import open_data

    require_png("--out", out)
    data = open_data(name, split, data_root, home=home, **data_options(setting))
    samples = write_sheet(data, count, out)
    if as_json:
        print_json({"data": data.name, "split": split, "file": str(out), "samples": samples})
