"""Run a network on image files: for each a PNG of its classes and a picture with a legend."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL import Image

from baselines.sizes import ANY, SizeRule
from bench.data.unlabelled import OneImage
from bench.errors import RefusedInput
from bench.evaluate.evaluate import predictions
from bench.files import write_atomic
from bench.predict.overlay import ClassShare, class_shares, overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import Tensor, nn

    from bench.data.statistics import Statistics
    from bench.data.unlabelled import ImageFiles


@dataclass(frozen=True)
class Predicted:
    """One image's results: where they are, the image's size, and the classes in it by share."""

    image: Path
    labels: Path
    overlay: Path
    size_hw: tuple[int, int]
    shares: tuple[ClassShare, ...]


def results_of(image: Path, out: Path) -> tuple[Path, Path]:
    """Return where an image's labels and overlay are written."""
    return out / f"{image.stem}_labels.png", out / f"{image.stem}_overlay.png"


def require_free(images: Sequence[Path], out: Path, overwrite: bool) -> None:
    """Refuse to write where something would be lost, before anything is computed.

    Raises:
        RefusedInput: The folder of the images itself, whose next prediction would take the results for
            images; or, without ``overwrite``, a result that is there already.
    """
    if any(image.parent.resolve() == out.resolve() for image in images):
        raise RefusedInput(f"{out}: is the folder of the images", then="name another folder with --out")
    require_absent([path for image in images for path in results_of(image, out)], overwrite)


def require_absent(results: Sequence[Path], overwrite: bool) -> None:
    """Refuse results that are there already, without ``overwrite``."""
    there = [path for path in results if path.exists()]
    if there and not overwrite:
        more = f", and {len(there) - 1} more of the {len(results)} results" if len(results) > 1 else ""
        raise RefusedInput(
            f"{there[0]}: there already{more}",
            then="name another folder with --out, or replace them with --overwrite",
        )


def predict_files(
    network: nn.Module,
    files: ImageFiles,
    statistics: Statistics,
    device: torch.device,
    out: Path,
    *,
    sizes: SizeRule = ANY,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[Predicted], list[tuple[Path, str]]]:
    """Write labels and overlay of each image; what cannot be read is left out.

    The labels are a palette PNG of the image's size (upright): its stored values are train ids, its palette
    the data set's colours.

    Args:
        network, statistics, device, sizes: As in ``bench.evaluate.evaluate.predictions``.
        files: The images, with the classes that the network was trained on.
        out: Folder of the results.
        overwrite: Replace results that are there.
        progress: Called with the number of images done, those left out among them.

    Returns:
        The results, and the images that were left out, each with the reason.

    Raises:
        RefusedInput: As ``require_free``, or a disk that refuses.
    """
    require_free(files.files, out, overwrite)
    done: list[Predicted] = []
    left_out: list[tuple[Path, str]] = []
    for index, path in enumerate(files.files):
        progress(index)
        try:
            sample = files.read(index)
            one = OneImage(files, sample)
            ((_, found, _),) = predictions(network, one, statistics, device, sizes)
        except (
            RefusedInput
        ) as error:  # an image that is bad, or of a size that a network's file does not take
            why = str(error)  # of the network rather than of the file, it does not name the image
            left_out.append((path, why if str(path) in why else f"{path}: {why}"))
            continue
        prediction = found.to("cpu", torch.uint8)
        labels_path, overlay_path = results_of(path, out)
        image = sample.image
        write_atomic(labels_path, _png(_indexed(prediction, files.palette)))
        write_atomic(overlay_path, _png(overlay(image, prediction, files.classes, files.palette)))
        height, width = prediction.shape
        shares = class_shares(prediction, files.classes, files.palette)
        done.append(Predicted(path, labels_path, overlay_path, (height, width), tuple(shares)))
    progress(len(files.files))
    return done, left_out


def _indexed(prediction: UInt8[Tensor, "h w"], palette: tuple[tuple[int, int, int], ...]) -> Image.Image:
    """Return a picture that stores train ids and shows the palette's colours."""
    picture = Image.fromarray(prediction.contiguous().numpy(), "L")
    picture.putpalette([channel for colour in palette for channel in colour])
    return picture


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
