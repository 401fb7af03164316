"""``carnet-bench score``: the score of label maps that were made elsewhere, or of a network's file."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.options import DataOption, DataRoot, Home, Json, StatisticsName, Threads
from bench.cli.output import command_line, log, print_json, print_scores, require_valid_score
from bench.cli.progress import showing
from bench.errors import UsageError


def score(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Label PNGs, one per image of the split; or a .onnx or .xml file."
        ),
    ],
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
    statistics: StatisticsName = None,
    setting: DataOption = None,
    home: Home = Path(),
    data_root: DataRoot = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Score label images made by any framework or device.

    The rule is that of `evaluate`, image by image. Below FOLDER lies one 8-bit PNG (grey or palette) of class
    ids per image of the split, at the label's size: NAME.png, NAME_labels.png (as `predict` writes it) or
    named as the data set's test server wants it. Missing, extra, unreadable and wrongly sized files and
    unknown ids are listed by name, with exit code 3.

    The result is an accuracy record with each image's confusion matrix. It says "predictions from outside"
    and holds their SHA-256; no table of the paper takes it, because nothing tells how they were computed.

    A network's file (.onnx, .xml) is run itself: `evaluate FILE` on this data and split, whose record it is.

    \b
    Example:
      carnet-bench score from-tensorflow --data camvid --split test --name deeplab-tf
      carnet-bench score results/berkeley --data cityscapes --split val --ids label
      carnet-bench score carnet-mobile.onnx --data camvid --split test
    """  # noqa: D301
    from bench.cli.data.report import data_options
    from bench.predict.score import score_folder
    from bench.speed.file_score import evaluate_file
    from bench.speed.net_file import is_net_file
    from bench.train.settings import Settings

    settings = Settings(home, data_root, threads=threads, command=command_line())
    options = data_options(setting)
    is_file = is_net_file(folder) and not folder.is_dir()
    if is_file and (name is not None or ids is not None):
        raise UsageError(f"{folder}: a file has its own name and gives train ids; drop --name and --ids")
    if not is_file and (statistics is not None or threads is not None):
        raise UsageError("--statistics and --threads are for a .onnx or .xml file, not for labels")
    with showing() as tell:
        if is_file:
            record, same = evaluate_file(
                folder,
                split,
                settings,
                partial(tell, split),
                data_set=data,
                statistics=statistics,
                options=options,
            )
        else:
            record, same = score_folder(
                folder, data, split, settings, tell, called=name, ids=ids, options=options
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
                "predictions": record.stored["identity"].get("predictions"),
                "protocol": record.stored["identity"]["protocol"],
                "values": record.stored["values"],
                "valid": record.valid,
                "reasons": record.reasons,
                "notes": record.notes,
            }
        )
    else:
        print_scores(record)
        if predictions is not None:
            print(f"  SHA-256 of the predictions {predictions.sha256}, read as {predictions.ids} ids")
    require_valid_score(record)
