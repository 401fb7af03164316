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
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from bench.data.border import WHOLE_HW, Box, find_box
from bench.data.dataset import Sample
from bench.data.images import id_table, map_ids
from bench.data.kept import state_of
from bench.data.nyudv2_classes import CLASSES, FROM_1, HOW_TO_GET, PALETTE, crop_entry
from bench.errors import BenchError, RefusedInput
from bench.extras import import_extra
from bench.files import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from jaxtyping import UInt8
    from numpy.typing import NDArray
    from torch import Tensor

NOT_VERIFIED = "read from nyu_depth_v2_labeled.mat by its description: not verified on the real file"
RAW_CLASSES = 894
T = TypeVar("T")
_PROBED = 16


class NYUDv2Mat:
    """One split of the raw file.

    Args:
        split: ``train``, or ``val`` or ``test`` for the official test split.
        labelled_set, splits, class_map: The three files; the map is a ``.mat`` with ``mapClass``, or text, of
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
        except (OSError, KeyError, RuntimeError) as error:
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
        strange = raw[~((raw >= 0) & (raw <= RAW_CLASSES) & (raw == np.floor(raw)))]  # NaN is in no range
        if strange.size:
            raise RefusedInput(
                f"{self._file.name} image {name}: raw class {strange.flat[0]}, {self._map_file.name} maps "
                f"1..{RAW_CLASSES}"
            )
        label = torch.from_numpy(self._forty[raw.T.astype(np.int64)])
        label = map_ids(label, self._table, len(CLASSES), f"{self._file.name} image {name}")
        return Sample(self.read_image(index), label if self.box is None else self.box.cut(label), name)

    def version(self, index: int) -> Hashable:
        """Return what decides the sample at ``index``."""
        return type(self), self.numbers[index], self.box, *map(state_of, self.files())

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
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise RefusedInput(f"{self._file}: cannot read {kind} ({error})", then=HOW_TO_GET) from error


def read_class_map(path: Path) -> NDArray[np.uint8]:
    """Return the map raw class -> 1..40 as an array whose element 0, unlabelled, is 0.

    Raises:
        RefusedInput: The file is missing or is no map, has not one number for each of the 894 raw classes, or
            not each of 1..40 and nothing else.
    """
    if path.suffix.lower() == ".mat":
        wanted = f"classMapping40.mat of Gupta et al., or a text of {RAW_CLASSES} numbers"
        flat = _whole_numbers(path, "mapClass", wanted)
    else:
        try:
            flat = [int(word) for word in path.read_text(encoding="utf-8").split()]
        except (OSError, ValueError) as error:
            raise RefusedInput(f"{path}: no map to 40 classes ({error}), expected numbers 1..40") from error
    if set(flat) != set(range(1, 41)):
        span = f"{min(flat)}..{max(flat)}" if flat else "nothing"
        raise RefusedInput(
            f"{path}: maps to {len(set(flat))} classes of {span}, expected each of the classes 1..40"
        )
    if len(flat) != RAW_CLASSES:  # a first number for 0, unlabelled, would shift every class
        raise RefusedInput(f"{path}: {len(flat)} numbers, expected one for each raw class 1..{RAW_CLASSES}")
    return np.array([0, *flat], dtype=np.uint8)


def read_split(path: Path, split: str, count: int) -> list[int]:
    """Return the numbers (1..count) of a split's images, ascending.

    Raises:
        RefusedInput: The file is missing or has no such list, or a number is twice there or outside 1..count.
    """
    variable = "trainNdxs" if split == "train" else "testNdxs"
    numbers = sorted(_whole_numbers(path, variable, "the official splits.mat"))
    if not numbers or len(set(numbers)) < len(numbers) or numbers[0] < 1 or numbers[-1] > count:
        raise RefusedInput(
            f"{path}: {variable} has {len(numbers)} numbers, expected different ones of 1..{count}"
        )
    return numbers


def is_hdf5(path: Path) -> bool:
    """Return whether a file is HDF5 in MATLAB's dress (its header fills the first 512 bytes) or plain."""
    try:
        with path.open("rb") as stream:
            start = stream.read(520)
    except OSError:
        return False  # whoever reads it says why it cannot be read
    return b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:520])


def matlab_variables(path: Path) -> list[str]:
    """Return the names of the variables in a MATLAB file, 5 or 7.3.

    Raises:
        RefusedInput: It is not one.
    """

    def names() -> list[str]:
        if is_hdf5(path):
            return list(_from_hdf5(path, list))
        return [str(name) for name, *_ in import_extra("scipy.io", "nyu").whosmat(str(path))]

    return _reading(path, names)


def _whole_numbers(path: Path, variable: str, wanted: str) -> list[int]:
    """Return a variable of whole numbers, in whatever form MATLAB holds them: a matrix or cells."""
    if is_hdf5(path):
        found = _reading(path, lambda: _from_hdf5(path, lambda stored: _all_of(stored, variable)))
    else:
        loadmat = import_extra("scipy.io", "nyu").loadmat
        found = _reading(path, lambda: loadmat(str(path), variable_names=[variable]).get(variable))
    if found is None:
        raise RefusedInput(f"{path}: no variable {variable} in it; wanted is {wanted}", then=HOW_TO_GET)
    numbers: list[int] = []
    for one in np.asarray(found).reshape(-1):
        try:
            value = float(np.asarray(one).item())
        except (TypeError, ValueError) as error:
            what = f"{variable} holds {type(one).__name__}"
            raise RefusedInput(f"{path}: {what}, expected whole numbers; wanted is {wanted}") from error
        if not value.is_integer():
            raise RefusedInput(f"{path}: {variable} holds {value}, expected whole numbers")
        numbers.append(int(value))
    return numbers


def _from_hdf5(path: Path, read: Callable[[Any], Any]) -> Any:
    with import_extra("h5py", "nyu").File(path, "r") as stored:
        return read(stored)


def _all_of(stored: Any, variable: str) -> Any:
    return stored[variable][()] if variable in stored else None


def _reading(path: Path, read: Callable[[], T]) -> T:
    """Read a file of numbers by a library for them; whatever it raises is the file's fault."""
    try:
        return read()
    except FileNotFoundError as error:
        raise RefusedInput(f"{path}: no such file", then=HOW_TO_GET) from error
    except BenchError:  # the library is not installed
        raise
    except Exception as error:
        raise RefusedInput(f"{path}: not a MATLAB 5 file ({error})", then=HOW_TO_GET) from error


def _check_shapes(path: Path, stored: Any) -> int:
    """Return how many images the file holds."""
    height, width = WHOLE_HW
    for kind, shape in (("images", (3, width, height)), ("labels", (width, height))):
        if kind not in stored:
            raise RefusedInput(f"{path}: no '{kind}' in it, found {', '.join(stored)}", then=HOW_TO_GET)
        found = getattr(stored[kind], "shape", ())  # a group has none
        if found[1:] != shape:
            raise RefusedInput(f"{path}: {kind} is {found}, expected (number, {str(shape)[1:]}")
    images, labels = stored["images"], stored["labels"]
    if images.dtype != np.uint8 or labels.dtype.kind not in "uif" or len(images) != len(labels):
        raise RefusedInput(
            f"{path}: {len(images)} images of {images.dtype} and {len(labels)} labels of {labels.dtype}, "
            "expected equally many, images of uint8 and labels of numbers"
        )
    return len(stored["images"])
