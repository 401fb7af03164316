"""``carnet-bench data init``: describe a folder of one's own, so that every command takes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import Json, Overwrite
from bench.cli.output import log, print_json
from bench.cli.parsing import number, whole_number
from bench.cli.progress import showing

if TYPE_CHECKING:
    from bench.data.own.init import Made


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of images and labels.")],
    *,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the data set; default: the folder's.", show_default=False),
    ] = None,
    colours: Annotated[
        Path | None,
        typer.Option(
            "--colours",
            metavar="FILE",
            help="Classes of colour-coded labels: CSV with name,r,g,b; 'name:r,g,b::'; or 'r g b name'.",
        ),
    ] = None,
    val: Annotated[
        float | None,
        typer.Option(
            "--val", **number(0.01, 0.9), help="Share of the training images to take as validation split."
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", **whole_number(0, 2**31 - 1), help="Seed of --val.")] = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Recognise a folder of your own and write data.toml into it.

    Recognised are images/SPLIT with masks/SPLIT (Ultralytics), img_dir/SPLIT with ann_dir/SPLIT
    (mmsegmentation), JPEGImages with SegmentationClass and ImageSets (PASCAL VOC), SPLIT with SPLIT_labels,
    and images next to their labels. Labels are PNGs of ids, or of colours with a list (class_dict.csv,
    labelmap.txt, label_colors.txt in the folder, or --colours). Every label is read: ids and their shares are
    printed, and what the folder does not say, such as class names, is listed for you to edit.

    --val takes a validation split from the training images: fixed by names and seed, whole sequences where
    the names show them. Only data.toml and its lists are written; --overwrite replaces earlier ones.

    \b
    Example:
      carnet-bench data init photos --val 0.1
      carnet-bench data check photos/data.toml
    """  # noqa: D301
    from bench.data.own.init import init as describe

    with showing() as tell:
        made = describe(
            folder, name=name, colours=colours, val=val, seed=seed, overwrite=overwrite, seen=tell
        )
    if as_json:
        print_json(
            {
                "file": str(made.file),
                "layout": made.layout.title,
                "samples": made.samples,
                "stored": made.stored,
                "classes": list(made.classes),
                "histogram": made.histogram.to_dict("records"),
                "not_known": made.not_known,
                "validation": _validation(made),
            }
        )
        return
    _print(made)
    log(f"wrote {made.file}")
    log(f"next: edit it where needed, then carnet-bench data check {made.file}")


def _validation(made: Made) -> str | None:
    """Return how the validation split was taken, or what is offered; None where it was there."""
    held = made.held_out
    if held is None:
        return made.offer
    how = f"{held.sequences[1]} of {held.sequences[0]} sequences" if held.sequences else "image by image"
    return f"taken from train: {len(held.val)} of {len(held.train) + len(held.val)} images, {how}"


def _print(made: Made) -> None:
    typer.echo(f"layout: {made.layout.title}")
    typer.echo("images: " + ", ".join(f"{split} {count}" for split, count in made.samples.items()))
    typer.echo(f"labels: {made.stored}, names end in {made.layout.label_end}")
    typer.echo(made.histogram.to_string(index=False, float_format="{:.2f}".format))
    for line in made.not_known:
        typer.echo(f"not known: {line}")
    if validation := _validation(made):
        typer.echo(f"validation: {validation}")
