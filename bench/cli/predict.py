"""``carnet-bench predict``: label maps and overlays of images, or the overlay of a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from bench.cli.options import Data, Device, Json, Overwrite, OwnModel, StatisticsName, Threads
from bench.cli.output import log, print_json
from bench.cli.progress import showing
from bench.errors import RefusedInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from baselines.method import Method
    from bench.data.statistics import Statistics
    from bench.data.unlabelled import Found, ImageFiles
    from bench.predict.overlay import ClassShare

_MOST_CLASSES = 6  # per image on a line of text


def predict(
    weights: Annotated[
        Path,
        typer.Argument(metavar="WEIGHTS", help="A run's folder, a weights file, or a .onnx or .xml file."),
    ],
    source: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="Image or video file, or a folder of images.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    overwrite: Overwrite = False,
    model: OwnModel = None,
    data: Data = None,
    statistics: StatisticsName = None,
    device: Device = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Segment images or a video with trained weights.

    For each image, NAME_labels.png and NAME_overlay.png are written at the image's own size. The labels are
    an indexed PNG: pixel values are train ids 0..n-1, the palette holds the data set's colours. The overlay
    has a legend of the classes that occur. From a folder, .png, .jpg, .jpeg, .webp and .bmp files are read
    (subfolders are not); other files are listed. What is converted to RGB (WebP, BMP, palettes, transparency)
    is reported. An image that cannot be read is left out and listed at the end, with exit code 3.

    Of a video (.mp4, .m4v, .mov, .mkv, .webm, .avi; extra `video`), NAME_overlay.mp4 is written: each frame
    at its time, above a legend of all classes (unless that is taller than the frame), without sound. A video
    that is damaged or cut is named, with exit code 3; the overlay holds the frames that could be read.

    A network's file (.onnx, .xml) is run itself, on images of its size; classes and normalisation are those
    that `export` wrote into it, else --data and --statistics.

    \b
    Example:
      carnet-bench predict carnet-mobile.onnx photos --data camvid --out segmented
      carnet-bench predict results/weights/carnet-mobile-0123456789ab.safetensors photos --out segmented
      carnet-bench predict runs/camvid-quick-0123456789ab drive.mp4 --out segmented
    """  # noqa: D301
    from bench.data.pictures import PICTURE_ENDS
    from bench.data.unlabelled import Found, find_images
    from bench.data.video import import_av, is_video
    from bench.predict.predict import require_absent, require_free
    from bench.predict.video import overlay_of
    from bench.speed.net_file import is_net_file

    is_film = is_video(source) and not source.is_dir()
    if is_film:
        import_av()
        require_absent([overlay_of(source, out)], overwrite)
    found = Found((), ()) if is_film else find_images(source, PICTURE_ENDS, look=False)
    require_free(found.images, out, overwrite)
    is_file = is_net_file(weights)
    if is_file and (model is not None or device not in {"auto", "cpu"}):
        raise UsageError(f"{weights}: a network's file is run on the CPU; drop --model and --device")
    if not is_file and statistics is not None:
        raise UsageError("--statistics is for a .onnx or .xml file; weights have their own")
    where = _device("cpu" if is_file else device, threads)
    opened = (
        _file(weights, found.images, data, statistics)
        if is_file
        else _trained(weights, found.images, data, model, where)
    )
    for name, why in found.skipped:
        log(f"skipped {name}: {why}")
    if is_film:
        _video(opened, source, where, out, overwrite=overwrite, as_json=as_json)
    else:
        _images(opened, found, where, out, overwrite=overwrite, as_json=as_json)


def _images(
    opened: _Opened, found: Found, where: torch.device, out: Path, *, overwrite: bool, as_json: bool
) -> None:
    """Segment image files, print what is in them, and name those that could not be read."""
    from bench.own.guard import user_code
    from bench.predict.predict import predict_files

    files = opened.files
    with showing() as tell, user_code("prediction", opened.method):
        done, left_out = predict_files(
            opened.network,
            files,
            opened.statistics,
            where,
            out,
            sizes=opened.method.sizes,
            overwrite=overwrite,
            progress=lambda count: tell("images", count, len(files)),
        )
    for path, was in files.converted.items():
        log(f"converted {path.name}: {was}")
    if as_json:
        print_json(
            {
                **opened.as_json(),
                "files": [_row(one) for one in done],
                "video": None,
                "skipped": [{"name": name, "why": why} for name, why in found.skipped],
                "converted": [{"name": path.name, "from": was} for path, was in files.converted.items()],
                "left_out": [{"name": path.name, "why": why} for path, why in left_out],
            }
        )
    for one in () if as_json else done:
        typer.echo(f"{one.overlay}: {_shares(one.shares)}")
    if left_out:
        raise RefusedInput(
            "\n  ".join([f"{len(left_out)} of {len(files)} images left out", *(why for _, why in left_out)]),
            then="fix or remove them; the results of the others are written",
        )


def _video(
    opened: _Opened, source: Path, where: torch.device, out: Path, *, overwrite: bool, as_json: bool
) -> None:
    """Segment the frames of a video, print what is in them, and say what could not be read."""
    from bench.own.guard import user_code
    from bench.predict.video import predict_video

    with showing() as tell, user_code("prediction", opened.method):
        one = predict_video(
            opened.network,
            opened.files,
            source,
            opened.statistics,
            where,
            out=out,
            sizes=opened.method.sizes,
            overwrite=overwrite,
            progress=lambda done, frames: tell("frames", done, frames),
        )
    if one.has_sound:
        log(f"{source.name}: the overlay has no sound")
    if as_json:
        row = {
            "video": str(one.video),
            "overlay": str(one.overlay),
            "size_hw": list(one.size_hw),
            "frames": one.frames,
            "shares": {share.title: share.share for share in one.shares},
            "faults": list(one.faults),
        }
        print_json(
            {**opened.as_json(), "files": [], "video": row, "skipped": [], "converted": [], "left_out": []}
        )
    else:
        typer.echo(f"{one.overlay}: {one.frames} frames; {_shares(one.shares)}")
    if one.faults:
        raise RefusedInput(
            f"{source}: {'; '.join(one.faults)}",
            then=f"{one.overlay} shows the {one.frames} frames that could be read",
        )


def _shares(shares: Sequence[ClassShare]) -> str:
    """Return the largest shares in words."""
    from bench.predict.overlay import percent

    shown = ", ".join(f"{share.title} {percent(share.share)}" for share in shares[:_MOST_CLASSES])
    more = len(shares) - _MOST_CLASSES
    return shown + (f" and {more} more" if more > 0 else "")


class _Opened(NamedTuple):
    """What segments, the images as its data, and what is said of both."""

    network: nn.Module
    files: ImageFiles
    method: Method
    statistics: Statistics
    weights_sha256: str
    model: str
    data: str
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return what the document says of the network."""
        return {
            "weights_sha256": self.weights_sha256,
            "model": self.model,
            "data": self.data,
            "classes": list(self.files.classes),
            "notes": self.notes,
        }


def _trained(
    weights: Path, images: Sequence[Path], data: str | None, model: str | None, where: torch.device
) -> _Opened:
    """Open the weights of a run."""
    from bench.data.unlabelled import ImageFiles
    from bench.train.trained import open_weights

    trained = open_weights(weights)
    trained.require_data(data)
    files = ImageFiles(trained.data, images, convert=True)
    method = trained.method(model)
    return _Opened(
        trained.network(method, files, where),
        files,
        method,
        trained.statistics,
        trained.sha256,
        trained.identity["model"],
        trained.recipe.data,
        list(trained.notes),
    )


def _file(path: Path, images: Sequence[Path], data: str | None, statistics: str | None) -> _Opened:
    """Open a network's file."""
    from bench.data.catalogue import entry
    from bench.data.unlabelled import ImageFiles
    from bench.speed.net_file import FileNetwork, method_of, open_net_file

    file = open_net_file(path)
    known = entry(file.data(data))
    return _Opened(
        FileNetwork(file),
        ImageFiles(known, images, convert=True),
        method_of(file),
        file.statistics(statistics),
        file.sha256,
        path.name,
        known.name,
        list(file.notes),
    )


def _device(name: str, threads: int | None) -> torch.device:
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
