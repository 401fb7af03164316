"""``carnet-bench data prepare``: from downloaded files to the folder that is read."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.data.report import Name, check_folder, print_report, refuse_problems
from bench.cli.options import FolderHome, Json, Out
from bench.cli.output import log, print_json
from bench.cli.progress import showing


def prepare(
    name: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="The downloaded files: .zip, .tar, .mat.")
    ],
    *,
    out: Out = None,
    home: FolderHome = Path(),
    as_json: Json = False,
) -> None:
    """Unpack or convert downloaded files, then check the result.

    The folder is --out, or HOME/data/NAME. An archive with absolute paths, parent paths (..), links, or more
    than the disk can hold is refused before anything is written. Rerun the same command to resume. NYUDv2
    takes the labelled .mat, splits.mat and the map to 40 classes.

    \b
    Example:
      carnet-bench data prepare cityscapes leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip
    """  # noqa: D301
    from bench.data.prepare import prepare as unpack_or_convert

    folder = out or home / "data" / name
    with showing() as tell:
        done = unpack_or_convert(name, files, folder, seen=lambda count, total: tell("writing", count, total))
    log(f"{folder}: {done.written} files written, {done.kept} already there, {done.left_out} not needed")
    # one archive of several makes a part of the set, whose other splits are not missing yet
    report = check_folder(name, folder, home, True)
    if as_json:
        print_json({"folder": str(folder), **asdict(done), "check": asdict(report)})
    else:
        print_report(report)
    refuse_problems(report, "prepare the other archives too, or re-download the bad files")
