"""``carnet-bench score``: the score of label maps that were made elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.options import DataOption, DataRoot, Home, Json
from bench.cli.output import command_line, log, print_json, print_scores
from bench.cli.progress import showing


def score(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Label PNGs, one per image of the split.")],
    *,
    data: Annotated[str, typer.Option("--data", metavar="DATA", help="Data set whose labels are the truth.")],
    split: Annotated[
        Literal["train", "val", "test"], typer.Option("--split", help="Split to score.")
    ] = "val",
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="What made the predictions; default: the folder's name.", show_default=False
        ),
    ] = None,
    ids: Annotated[
        Literal["train", "label"] | None,
        typer.Option(
            "--ids",
            help="Ids in the files: train ids 0..n-1, or those of the set's label files; default: found out.",
        ),
    ] = None,
    setting: DataOption = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    as_json: Json = False,
) -> None:
    """Score label images that any framework or device made.

    The rule is that of `evaluate`, image by image. Below FOLDER lies one 8-bit PNG (grey or palette) of class
    ids per image of the split, at the label's size: NAME.png, NAME_labels.png (as `predict` writes it) or
    named as the data set's test server wants it. Missing, extra, unreadable and wrongly sized files and
    unknown ids are listed by name, with exit code 3.

    The result is an accuracy record with each image's confusion matrix. It says "predictions from outside"
    and holds their SHA-256; no table of the paper takes it, because nothing tells how they were computed.

    \b
    Example:
      carnet-bench score from-tensorflow --data camvid --split test --name deeplab-tf
      carnet-bench score results/berkeley --data cityscapes --split val --ids label
    """  # noqa: D301
    from bench.cli.data.report import data_options
    from bench.predict.score import score_folder
    from bench.train.run import Settings

    settings = Settings(home, data_root, command=command_line())
    with showing() as tell:
        record, same = score_folder(
            folder,
            data,
            split,
            settings,
            tell,
            called=name,
            ids=ids,
            options=data_options(setting),
        )
    predictions = record.identity.predictions
    if same:
        log(f"every image's confusion matrix equals that of record {record.id}")
    if as_json:
        print_json(
            {
                "accuracy_record": record.id,
                "same_as_recorded": same,
                "model": record.identity.model,
                "predictions": record.stored["identity"]["predictions"],
                "protocol": record.stored["identity"]["protocol"],
                "values": record.stored["values"],
                "notes": record.notes,
            }
        )
        return
    print_scores(record)
    if predictions is not None:
        print(f"  SHA-256 of the predictions {predictions.sha256}, read as {predictions.ids} ids")
