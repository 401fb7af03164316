"""Images without labels, as data that a network can be run on: plain files, or the images of a split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from bench.data.dataset import IGNORE, ReadsImages, Sample, SegmentationData, image_digests, sample_name
from bench.data.folder import COMPANION
from bench.data.images import exif_orientation, read_image
from bench.data.pictures import read_picture
from bench.errors import RefusedInput
from bench.files import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jaxtyping import UInt8
    from torch import Tensor

    from bench.data.entry import Entry

_IMAGE_ENDS = (".png", ".jpg", ".jpeg")
_THEN = "fix it, convert it to an 8-bit RGB or grey PNG or JPEG, or take it out of the folder"


@dataclass(frozen=True)
class Found:
    """The images at a place, and what else lies there: (name, why it is no image)."""

    images: tuple[Path, ...]
    skipped: tuple[tuple[str, str], ...]


class ImageFiles:
    """Image files as a split without labels: each label is ``IGNORE`` everywhere.

    Args:
        entry: Data set whose classes are meant.
        files: Image files; a sample's name is its file's without the suffix, and unique.
        convert: Whether to read what a data set may not hold too: WebP, BMP, transparency, palettes.

    Attributes:
        converted: {file: what it was converted from}, of those read so far.
    """

    split = "files"
    synthetic = False
    labelled = False

    def __init__(self, entry: Entry, files: Sequence[Path] = (), *, convert: bool = False) -> None:
        self.name, self.classes, self.palette = entry.name, entry.classes, entry.palette
        self.files = tuple(files)
        self.convert = convert
        self.converted: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Sample:
        """Return the image at ``index``, upright, with a label of ``IGNORE``."""
        path = self.files[index]
        if self.convert:
            image, was = read_picture(path)
            if was is not None:
                self.converted[path] = was
            return unlabelled(image, path.stem)
        try:
            image = read_image(path, most_bits=8)
        except RefusedInput as error:
            raise RefusedInput(str(error), then=_THEN) from error
        return unlabelled(image, path.stem)

    def manifest(self) -> dict[str, str]:
        """Return {file name: SHA-256}."""
        return {path.name: sha256_of_file(path) for path in self.files}


class WithoutLabels:
    """A view of some samples of a split that never opens a label.

    Args:
        data: The split.
        indices: Indices of the samples; None for all.
    """

    labelled = False

    def __init__(self, data: SegmentationData, indices: Sequence[int] | None = None) -> None:
        self._data = data
        self._indices = list(range(len(data)) if indices is None else indices)
        self.name, self.split, self.synthetic = data.name, data.split, data.synthetic
        self.classes, self.palette = data.classes, data.palette

    def __len__(self) -> int:
        return len(self._indices)

    def sample_name(self, index: int) -> str:
        """Return the sample's name, without reading it where the data set knows it."""
        return sample_name(self._data, self._indices[index])

    def read(self, index: int) -> Sample:
        """Return the image at ``index`` with a label of ``IGNORE``."""
        place = self._indices[index]
        if isinstance(self._data, ReadsImages):
            return unlabelled(self._data.read_image(place), self.sample_name(index))
        sample = self._data.read(place)
        return unlabelled(sample.image, sample.name)

    def manifest(self) -> dict[str, str]:
        """Return {name: SHA-256} of all the split's images."""
        return image_digests(self._data)


class OneImage:
    """An image that was read already, as data of one sample.

    Args:
        files: The images that it is of.
        sample: The image.
    """

    split = "files"
    synthetic = False
    labelled = False

    def __init__(self, files: ImageFiles, sample: Sample) -> None:
        self.name, self.classes, self.palette = files.name, files.classes, files.palette
        self._sample = sample

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Sample:
        """Return the image."""
        if index != 0:
            raise IndexError(index)
        return self._sample

    def manifest(self) -> dict[str, str]:
        """Return nothing: its files are those of the images."""
        return {}


def find_images(source: Path, ends: tuple[str, ...] = _IMAGE_ENDS, *, look: bool = True) -> Found:
    """Return the image files of a folder (not of folders in it) in the order of their names, or the one file.

    What a file is called says whether it is meant as an image.

    Args:
        source: The folder or file.
        ends: Endings of an image's name, in any case.
        look: Whether a file that is called an image and is none is refused here; else reading it refuses it.

    Raises:
        RefusedInput: Nothing there; no image in the folder; two images of one name; or a file that is called
            an image and is none.
    """
    try:
        if source.is_dir():
            reasons = {path: _why_no_image(path, ends) for path in sorted(source.iterdir())}
        elif source.is_file():
            reasons = {source: None}
        else:
            raise RefusedInput(
                f"{source}: no such file or folder", then="name an image or a folder of images"
            )
    except OSError as error:
        raise RefusedInput(f"{source}: cannot read ({error.strerror})") from error
    images = [path for path, why in reasons.items() if why is None]
    skipped = tuple((path.name, why) for path, why in reasons.items() if why is not None)
    if not images:
        raise RefusedInput(
            f"{source}: no image among its {len(skipped)} entries; images are named {', '.join(ends)}"
        )
    by_stem: dict[str, Path] = {}
    for path in images:
        # as a disk that does not tell cases apart sees the names of what is written
        other = by_stem.setdefault(path.stem.lower(), path)
        if other is not path:
            raise RefusedInput(
                f"{path}: {other.name} has the same name, so their results would too",
                then="rename one of them",
            )
        try:
            if look:
                exif_orientation(path)
        except RefusedInput as error:
            raise RefusedInput(str(error), then=_THEN) from error
    return Found(tuple(images), skipped)


def _why_no_image(path: Path, ends: tuple[str, ...]) -> str | None:
    """Return why an entry of a folder is not read as an image, or None."""
    if path.name.startswith(COMPANION):
        return "a companion file of macOS"
    if path.is_symlink() and not path.exists():
        return "a broken link"
    if path.is_dir():
        return "a folder"
    if path.suffix.lower() not in ends:
        return f"not named {', '.join(ends)}"
    return None if path.is_file() else "not a regular file"


def unlabelled(image: UInt8[Tensor, "3 h w"], name: str) -> Sample:
    """Return an image with a label of ``IGNORE``."""
    return Sample(image, torch.full(image.shape[1:], IGNORE, dtype=torch.uint8), name)
