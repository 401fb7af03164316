"""NYU Depth v2 read directly from ``nyu_depth_v2_labeled.mat``, with ``splits.mat`` and a map to 40 classes.

The labelled set is a MATLAB 7.3 file, that is HDF5, in which MATLAB's axes stand in reverse order: images are
(number, 3, width, height), labels (number, width, height) with 0 for unlabelled and 1..894 for the raw
classes. ``splits.mat`` (``trainNdxs``, ``testNdxs``) and the map (``mapClass``, 894 numbers 1..40) are MATLAB
5 files.

Tested on files made to this description; not verified on the real file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.data.border import WHOLE_HW, Box, find_box
from bench.data.dataset import Sample
from bench.data.images import id_table, map_ids
from bench.data.nyudv2_classes import CLASSES, FROM_1, HOW_TO_GET, PALETTE, crop_entry
from bench.errors import RefusedInput
from bench.extras import import_extra
from bench.files import sha256_of_file

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy.typing import NDArray
    from torch import Tensor

NOT_VERIFIED = "read from nyu_depth_v2_labeled.mat by its description: not verified on the real file"
_PROBED = 16


class NYUDv2Mat:
    """One split of the raw file.

    Args:
        split: ``train``, or ``val`` or ``test`` for the official test split.
        labelled_set, splits, class_map: The three files; the map is a ``.mat`` with ``mapClass``, or text of
            894 numbers.
        crop_border: Keep the 468x625 pixels inside the white border.

    Raises:
        RefusedInput: A file is missing or is not what its name says, or h5py and scipy are not installed.
    """

    name = "nyudv2"
    classes = CLASSES
    palette = PALETTE
    synthetic = False

    def __init__(
        self, split: str, labelled_set: Path, splits: Path, class_map: Path, *, crop_border: bool = False
    ) -> None:
        self.split = split
        self.stored_ids = FROM_1
        self._open = import_extra("h5py", "nyu").File
        self._file = labelled_set
        self._map_file = class_map
        self._forty = read_class_map(class_map)
        self._table = id_table(FROM_1)
        try:
            with self._open(labelled_set, "r") as stored:
                count = _check_shapes(labelled_set, stored)
        except OSError as error:
            raise RefusedInput(f"{labelled_set}: not an HDF5 file ({error})", then=HOW_TO_GET) from error
        self.numbers = read_split(splits, split, count)
        self.notes: tuple[str, ...] = (NOT_VERIFIED,)
        self.box: Box | None = None
        if crop_border:
            step = max(1, len(self) // _PROBED)
            probed = (self._image(index) for index in range(0, len(self), step))
            self.box = find_box(probed, labelled_set.name)
            self.notes += (f"border cropped to {self.box}",)

    def __len__(self) -> int:
        return len(self.numbers)

    def sample_name(self, index: int) -> str:
        """Return the image's number in the set, 1..1449, with six digits as folders of the set write it."""
        return f"{self.numbers[index]:06d}"

    def read_image(self, index: int) -> UInt8[Tensor, "3 h w"]:
        """Return the image at ``index``."""
        image = self._image(index)
        return image if self.box is None else self.box.cut(image)

    def read(self, index: int) -> Sample:
        """Return the sample at ``index``; a raw class that the map does not know is refused."""
        name = self.sample_name(index)
        raw = self._stored("labels", index)
        if raw.max(initial=0) >= len(self._forty):
            raise RefusedInput(
                f"{self._file.name} image {name}: raw class {raw.max()}, {self._map_file.name} maps "
                f"1..{len(self._forty) - 1}"
            )
        label = torch.from_numpy(self._forty[raw.T])
        label = map_ids(label, self._table, len(CLASSES), f"{self._file.name} image {name}")
        return Sample(self.read_image(index), label if self.box is None else self.box.cut(label), name)

    def files(self) -> list[Path]:
        """Return the file of images and labels, and that of the class map."""
        return [self._file, self._map_file]

    def manifest(self) -> dict[str, str]:
        """Return {images/NUMBER, labels/NUMBER: SHA-256 of what is stored}, the map's file and the crop."""
        digests = {
            f"{kind}/{name}": digest for kind in ("images", "labels") for name, digest in self._of(kind)
        }
        return {**digests, self._map_file.name: sha256_of_file(self._map_file), **crop_entry(self.box)}

    def manifest_rows(self) -> list[list[str]]:
        """Return number and SHA-256 of image and label of each sample, in order, the map and the crop."""
        pairs = zip(self._of("images"), self._of("labels"), strict=True)
        ids = ["ids", *map(str, self._table[self._forty.astype("int64")].tolist())]
        return [*([*image, *label] for image, label in pairs), ids, *map(list, crop_entry(self.box).items())]

    def image_digests(self) -> dict[str, str]:
        """Return the part of the manifest that is images."""
        return {f"images/{name}": digest for name, digest in self._of("images")}

    def _of(self, kind: str) -> list[tuple[str, str]]:
        return [
            (self.sample_name(index), hashlib.sha256(self._stored(kind, index).tobytes()).hexdigest())
            for index in range(len(self))
        ]

    def _image(self, index: int) -> UInt8[Tensor, "3 480 640"]:
        return torch.from_numpy(self._stored("images", index).transpose(0, 2, 1).copy())

    def _stored(self, kind: str, index: int) -> NDArray[Any]:
        # opened each time: an HDF5 handle survives neither a fork nor pickling into a worker
        try:
            with self._open(self._file, "r") as stored:
                numbers: NDArray[Any] = stored[kind][self.numbers[index] - 1]
                return numbers
        except (OSError, KeyError) as error:
            raise RefusedInput(f"{self._file}: cannot read {kind} ({error})", then=HOW_TO_GET) from error


def read_class_map(path: Path) -> NDArray[np.uint8]:
    """Return the map raw class -> 1..40 as an array whose element 0, unlabelled, is 0.

    Raises:
        RefusedInput: The file is missing, is no map, or holds another number than 1..40.
    """
    if path.suffix == ".mat":
        numbers = _matlab_variable(
            path, "mapClass", "classMapping40.mat of Gupta et al., or a text of 894 numbers"
        )
    else:
        try:
            numbers = np.array([int(word) for word in path.read_text(encoding="utf-8").split()])
        except (OSError, ValueError) as error:
            raise RefusedInput(f"{path}: no map to 40 classes ({error}), expected numbers 1..40") from error
    flat = np.asarray(numbers).reshape(-1)
    if flat.size == 0 or flat.min() < 1 or flat.max() > 40 or (flat != np.round(flat)).any():
        span = f"{flat.min()}..{flat.max()}" if flat.size else "nothing"
        raise RefusedInput(f"{path}: maps to {span}, expected the classes 1..40")
    return np.concatenate([[0], flat]).astype(np.uint8)


def read_split(path: Path, split: str, count: int) -> list[int]:
    """Return the numbers (1..count) of a split's images, ascending.

    Raises:
        RefusedInput: The file is missing or has no such list, or a number is twice there or outside 1..count.
    """
    variable = "trainNdxs" if split == "train" else "testNdxs"
    numbers = sorted(
        int(number) for number in _matlab_variable(path, variable, "the official splits.mat").reshape(-1)
    )
    if not numbers or len(set(numbers)) < len(numbers) or numbers[0] < 1 or numbers[-1] > count:
        raise RefusedInput(
            f"{path}: {variable} has {len(numbers)} numbers, expected different ones of 1..{count}"
        )
    return numbers


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5 in MATLAB's dress (its header fills the first 512 bytes) or plain."""
    with path.open("rb") as stream:
        start = stream.read(520)
    return b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:520])


def matlab_variables(path: Path) -> list[str]:
    """Return the names of the variables in a MATLAB 5 file.

    Raises:
        RefusedInput: It is not one.
    """
    return [str(name) for name, *_ in _reading(path, import_extra("scipy.io", "nyu").whosmat)]


def _matlab_variable(path: Path, variable: str, wanted: str) -> NDArray[Any]:
    found = _reading(
        path, lambda name: import_extra("scipy.io", "nyu").loadmat(name, variable_names=[variable])
    )
    if variable not in found:
        raise RefusedInput(f"{path}: no variable {variable} in it; wanted is {wanted}", then=HOW_TO_GET)
    numbers: NDArray[Any] = np.asarray(found[variable])
    return numbers


def _reading(path: Path, read: Any) -> Any:
    try:
        return read(str(path))
    except FileNotFoundError as error:
        raise RefusedInput(f"{path}: no such file", then=HOW_TO_GET) from error
    except (OSError, ValueError, TypeError, NotImplementedError, KeyError, IndexError, EOFError) as error:
        raise RefusedInput(f"{path}: not a MATLAB 5 file ({error})", then=HOW_TO_GET) from error


def _check_shapes(path: Path, stored: Any) -> int:
    """Return how many images the file holds."""
    height, width = WHOLE_HW
    for kind, shape in (("images", (3, width, height)), ("labels", (width, height))):
        if kind not in stored:
            raise RefusedInput(f"{path}: no '{kind}' in it, found {', '.join(stored)}", then=HOW_TO_GET)
        if stored[kind].shape[1:] != shape:
            raise RefusedInput(f"{path}: {kind} is {stored[kind].shape}, expected (number, {str(shape)[1:]}")
    if stored["images"].dtype != np.uint8 or len(stored["images"]) != len(stored["labels"]):
        raise RefusedInput(
            f"{path}: {len(stored['images'])} images of {stored['images'].dtype} and {len(stored['labels'])} "
            "labels, expected equally many, the images of uint8"
        )
    return len(stored["images"])
