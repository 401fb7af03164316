"""From what one downloads to the folder that is read: unpack archives, convert NYUDv2's ``.mat``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from bench.data import catalogue
from bench.data.archive import LARGEST_TOTAL_BYTES, Unpacked, plan, unpack
from bench.data.images import read_ids, read_image
from bench.errors import RefusedInput, UsageError
from bench.files import write_atomic
from bench.temporaries import sweep_temporaries

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from bench.data.nyudv2_mat import NYUDv2Mat


def prepare(
    name: str,
    files: list[Path],
    target: Path,
    *,
    limit_bytes: int = LARGEST_TOTAL_BYTES,
    seen: Callable[[int, int], None] = lambda *_: None,
) -> Unpacked:
    """Unpack or convert the downloaded files of a data set into its own folder.

    Every file is read before anything is written. Repeat the call to resume after an interruption.

    Args:
        name: Name in the catalogue.
        files: Its archives; for ``nyudv2`` also the labelled set, the splits and the map to 40 classes, in
            any order.
        target: The set's folder, made when missing.
        limit_bytes: Most bytes that an archive may declare.
        seen: Called as ``seen(files done, files in all)``.

    Raises:
        UsageError: The data set is synthetic.
        RefusedInput: An archive is unsafe, damaged or of something else (then nothing is written), or the
            disk is full.
    """
    place = catalogue.entry(name).place
    if place is None:
        kind = "synthetic" if catalogue.is_synthetic(name) else "read as it is"
        raise UsageError(f"data set {name} is {kind}; there is nothing to prepare")
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise RefusedInput(f"{missing}: no such file", catalogue.entry(name).how_to_get)
    if name == "nyudv2" and any(file.suffix.lower() == ".mat" for file in files):
        return _convert(files, target, seen)
    plans = [plan(file, place, limit_bytes=limit_bytes) for file in files]
    _sweep(target)
    return unpack(plans, target, seen=seen)


def _sweep(target: Path) -> None:
    """Remove what a killed call left half-written."""
    for folder in {path.parent for path in target.rglob("*.tmp")}:
        sweep_temporaries(folder)


def _convert(files: list[Path], target: Path, seen: Callable[[int, int], None]) -> Unpacked:
    """Write ``SPLIT_images``, ``SPLIT_labels`` (0..39 and 255) and the lists of NYUDv2 from the raw file."""
    from bench.data.nyudv2_mat import NYUDv2Mat  # noqa: PLC0415 - it needs libraries that folders do not

    roles = _roles(files)
    splits = {
        split: NYUDv2Mat(
            split, roles["the labelled set"], roles["the splits"], roles["the map to 40 classes"]
        )
        for split in ("train", "val")
    }
    _sweep(target)
    result = Unpacked()
    total = sum(len(data) for data in splits.values())
    done = 0
    for split, data in splits.items():
        lines = []
        for index in range(len(data)):
            image_name, label_name = (
                f"{split}_{kind}/{data.sample_name(index)}.png" for kind in ("images", "labels")
            )
            _convert_one(data, index, target / image_name, target / label_name, result)
            lines.append(f"{image_name}\t{label_name}\n")
            done += 1
            seen(done, total)
        write_atomic(target / "official_split" / f"{split}.nyu", "".join(lines))
    return result


def _convert_one(data: NYUDv2Mat, index: int, image_path: Path, label_path: Path, result: Unpacked) -> None:
    sample = data.read(index)
    pictures = (
        (image_path, sample.image.permute(1, 2, 0), read_image, sample.image),
        (label_path, sample.label, read_ids, sample.label),
    )
    for path, pixels, read, wanted in pictures:
        if _holds(path, read, wanted):
            result.kept += 1
            continue
        content = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels.numpy())).save(content, "PNG")
        write_atomic(path, content.getvalue())
        result.written += 1


def _holds(path: Path, read: Callable[[Path], Tensor], wanted: Tensor) -> bool:
    try:
        return path.is_file() and torch.equal(read(path), wanted)
    except RefusedInput:
        return False


def _roles(files: list[Path]) -> dict[str, Path]:
    """Tell the three files of NYUDv2 apart by what is in them.

    Raises:
        RefusedInput: One is missing, two are the same, or a file is none of the three.
    """
    from bench.data.nyudv2_mat import matlab_variables  # noqa: PLC0415

    roles: dict[str, Path] = {}
    known = {
        "images": "the labelled set",
        "trainNdxs": "the splits",
        "mapClass": "the map to 40 classes",
    }
    for file in files:
        if file.suffix.lower() != ".mat":
            role = known["mapClass"]
        else:
            variables = matlab_variables(file)
            role = next((known[name] for name in known if name in variables), "")
            if not role:
                raise RefusedInput(
                    f"{file}: holds {', '.join(variables)}, expected files with {', '.join(known)}"
                )
        if role in roles:
            raise RefusedInput(f"{file}: is {role}, and so is {roles[role]}; expected one")
        roles[role] = file
    missing = set(known.values()) - set(roles)
    if missing:
        raise RefusedInput(
            f"nyudv2: {' and '.join(sorted(missing))} missing among {', '.join(file.name for file in files)}",
            catalogue.entry("nyudv2").how_to_get,
        )
    return roles
