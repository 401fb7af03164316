"""``carnet-bench predict``: label maps and overlays of images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.options import Data, Device, Json, Overwrite, OwnModel, Threads
from bench.cli.output import log, print_json
from bench.cli.progress import showing

_MOST_CLASSES = 6  # per image on a line of text


def predict(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="A run's folder or weights file.")],
    source: Annotated[Path, typer.Argument(metavar="IMAGES", help="PNG or JPEG file, or a folder of them.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    overwrite: Overwrite = False,
    model: OwnModel = None,
    data: Data = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Segment images with trained weights.

    For each image, NAME_labels.png and NAME_overlay.png are written at the image's own size. The labels are
    an indexed PNG: pixel values are train ids 0..n-1, the palette holds the data set's colours. The overlay
    has a legend of the classes that occur. From a folder, .png, .jpg and .jpeg files are read (subfolders are
    not); other files are listed.

    \b
    Example:
      carnet-bench predict results/weights/carnet-mobile-0123456789ab.safetensors photos --out segmented
    """  # noqa: D301
    from bench.data.unlabelled import ImageFiles, find_images
    from bench.own.guard import user_code
    from bench.predict.overlay import percent
    from bench.predict.predict import predict_files, require_free
    from bench.train.trained import open_weights

    found = find_images(source)
    require_free(found.images, out, overwrite)
    trained = open_weights(weights)
    trained.require_data(data)
    files = ImageFiles(trained.data, found.images)
    where = _device(device, threads)
    method = trained.method(model)
    network = trained.network(method, files, where)
    for name, why in found.skipped:
        log(f"skipped {name}: {why}")
    with showing() as tell, user_code("prediction", method):
        done = predict_files(
            network,
            files,
            trained.statistics,
            where,
            out,
            sizes=method.sizes,
            overwrite=overwrite,
            progress=lambda count: tell("images", count, len(files)),
        )
    if as_json:
        print_json(
            {
                "weights_sha256": trained.sha256,
                "model": trained.identity["model"],
                "data": trained.recipe.data,
                "classes": list(files.classes),
                "files": [_row(one) for one in done],
                "skipped": [{"name": name, "why": why} for name, why in found.skipped],
                "notes": list(trained.notes),
            }
        )
        return
    for one in done:
        shares = ", ".join(f"{share.title} {percent(share.share)}" for share in one.shares[:_MOST_CLASSES])
        more = len(one.shares) - _MOST_CLASSES
        typer.echo(f"{one.overlay}: {shares}" + (f" and {more} more" if more > 0 else ""))


def _device(name: str, threads: int | None) -> Any:
    import torch

    from bench.fabric import launch_fabric

    if threads is not None:
        torch.set_num_threads(threads)
    return launch_fabric(name).device


def _row(one: Any) -> dict[str, Any]:
    return {
        "image": str(one.image),
        "labels": str(one.labels),
        "overlay": str(one.overlay),
        "size_hw": list(one.size_hw),
        "shares": {share.title: share.share for share in one.shares},
    }
