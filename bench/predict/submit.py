"""Write a network's predictions as the label files of a test server, and the zip that is uploaded."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from baselines.sizes import ANY, SizeRule
from bench.data.catalogue import open_data
from bench.data.dataset import IGNORE, ReadsImages, image_digests, sample_name
from bench.data.unlabelled import WithoutLabels
from bench.errors import RefusedInput
from bench.evaluate.evaluate import predictions
from bench.evaluate.views import SINGLE, Views
from bench.files import write_atomic
from bench.predict.submission_format import FORMATS, SubmissionFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from bench.data.dataset import SegmentationData
    from bench.data.statistics import Statistics

DESCRIPTION = "submission.json"
_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name: the same files give the same bytes


@dataclass(frozen=True)
class Submission:
    """What was written.

    Attributes:
        files: The label files, in the order of the samples.
        kept: How many of them an interrupted call of the same submission had written before.
        images: {name: None} of the samples, as ``validate_submission`` takes them.
        archive: The zip of exactly these files.
    """

    files: tuple[Path, ...]
    kept: int
    images: dict[str, tuple[int, int] | None]
    archive: Path


def export_predictions(  # noqa: PLR0917 - a network with all that it needs, then what is written
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    device: torch.device,
    folder: Path,
    stored_ids: Sequence[int],
    sizes: SizeRule = ANY,
    *,
    ending: str = ".png",
    views: Views = SINGLE,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Write each image's predicted classes as an 8-bit grey PNG of the image's size, and return the files.

    Args:
        network, statistics, device, sizes, views: As in ``bench.evaluate.evaluate.predictions``.
        data: Only its images are read, so a split without labels will do.
        folder: Where the files go, flat: ``NAME`` + ``ending``; a file of this name is replaced.
        stored_ids: Train id -> id in the file.
        ending: What follows a sample's name.
        progress: Called with the number of images done.

    Raises:
        ValueError: Ids that are not one a class, or one that no file may hold (255).
        RefusedInput: An image that cannot be read, or a disk that refuses.
    """
    if len(stored_ids) != len(data.classes) or not all(0 <= value < IGNORE for value in stored_ids):
        raise ValueError(
            f"{len(stored_ids)} ids {min(stored_ids)}..{max(stored_ids)} for {len(data.classes)} classes; "
            "expected one per class, 0..254"
        )
    table = torch.tensor(stored_ids, dtype=torch.uint8)
    files = []
    images = WithoutLabels(data)
    for name, prediction, _ in predictions(network, images, statistics, device, sizes, views=views):
        path = folder / f"{name}{ending}"
        content = io.BytesIO()
        Image.fromarray(table[prediction.cpu().long()].numpy()).save(content, "PNG")
        write_atomic(path, content.getvalue())
        files.append(path)
        progress(len(files))
    return files


def write_submission(
    network: nn.Module,
    data: SegmentationData,
    statistics: Statistics,
    device: torch.device,
    folder: Path,
    *,
    wanted: SubmissionFormat,
    identity: dict[str, Any],
    sizes: SizeRule = ANY,
    views: Views = SINGLE,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Submission:
    """Write the label files of a split and their zip; an interrupted call is resumed by the same call.

    Args:
        folder: Gets the files, flat, the zip ``DATA-SPLIT.zip`` and ``submission.json``, which says what they
            are of.
        wanted: The server's format.
        identity: What defines the predictions, as JSON can hold it: files of another identity are never mixed
            in.
        overwrite: Replace a submission of another identity.

    Raises:
        RefusedInput: The folder holds another submission, or files that no submission wrote.
    """
    names = [sample_name(data, index) for index in range(len(data))]
    files = [folder / f"{name}{wanted.ending}" for name in names]
    _claim(folder, files, identity, overwrite)
    missing = [index for index, path in enumerate(files) if not path.is_file()]
    kept = len(files) - len(missing)
    progress(kept)
    export_predictions(
        network,
        WithoutLabels(data, missing),
        statistics,
        device,
        folder,
        wanted.stored_ids,
        sizes,
        ending=wanted.ending,
        views=views,
        progress=lambda done: progress(kept + done),
    )
    archive = folder / f"{data.name}-{data.split}.zip"
    write_atomic(archive, zipped(files))
    return Submission(tuple(files), kept, dict.fromkeys(names), archive)


def submission_identity(
    data: SegmentationData,
    wanted: SubmissionFormat,
    *,
    model: str,
    weights_sha256: str,
    device: torch.device,
    sizes: SizeRule = ANY,
    views: Views = SINGLE,
) -> dict[str, Any]:
    """Return what defines a submission's predictions: weights, images, how they are made and written."""
    images = image_digests(data)
    return {
        "model": model,
        "weights_sha256": weights_sha256,
        "data": data.name,
        "split": data.split,
        "images": len(data),
        "images_sha256": hashlib.sha256(json.dumps(images).encode()).hexdigest(),
        "stored_ids": list(wanted.stored_ids),
        "sizes": str(sizes),
        "views": asdict(views),
        "device": device.type,
    }


def require_whole(data: SegmentationData, wanted: SubmissionFormat) -> None:
    """Refuse to make a submission of a part of the test split, which the server would not take.

    Raises:
        RefusedInput: Another number of test images than the server has; both are named.
    """
    count = wanted.count(data.split) if data.split == "test" else None
    if count is not None and len(data) != count:
        raise RefusedInput(
            f"{data.name} test: {len(data)} images, the server wants labels of {count}",
            then="take the missing images from the set's archive, or make a part of it with --partial",
        )


def images_at(name: str, split: str, root: Path) -> dict[str, tuple[int, int] | None]:
    """Return {name: (height, width)} of a split's images; None where the format has one size for all."""
    data = open_data(name, split, root)
    if FORMATS[name].size_hw is not None or not isinstance(data, ReadsImages):
        return {sample_name(data, index): None for index in range(len(data))}
    found: dict[str, tuple[int, int] | None] = {}
    for index in range(len(data)):
        height, width = data.read_image(index).shape[1:]
        found[sample_name(data, index)] = (height, width)
    return found


def zipped(files: Sequence[Path]) -> bytes:
    """Return a zip of the files, flat; PNG is compressed already, so they are stored as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            info = zipfile.ZipInfo(path.name, _DAY)
            info.create_system = 3  # Unix, on every machine
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())
    return content.getvalue()


def _claim(folder: Path, files: list[Path], identity: dict[str, Any], overwrite: bool) -> None:
    """Make the folder that of this submission: whatever label file is in it afterwards is of it."""
    text = json.dumps(identity, indent=2, sort_keys=True, allow_nan=False) + "\n"
    description = folder / DESCRIPTION
    same = description.is_file() and description.read_text(encoding="utf-8") == text
    if same and not overwrite:
        return
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if there and not overwrite:
        what = "another submission" if DESCRIPTION in there else "files that no submission wrote"
        raise RefusedInput(
            f"{folder}: holds {what} ({len(there)} entries, first {there[0]})",
            then="name another folder with --out, or replace this one's label files with --overwrite",
        )
    for path in files:
        path.unlink(missing_ok=True)
    write_atomic(description, text)
