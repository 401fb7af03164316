"""NYU Depth v2 with 40 classes: folders of images and labels; the raw ``.mat`` file is in ``nyudv2_mat``.

Silberman, Hoiem, Kohli, Fergus, ECCV 2012: 1449 labelled images of 480x640, 795 to train, 654 to test. The 40
classes are those of Gupta, Arbelaez, Malik, CVPR 2013. There are always 40 outputs: what is void is never a
class.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench.data.border import CROPPED_HW, WHOLE_HW, Box, find_box
from bench.data.dataset import IGNORE, Sample
from bench.data.entry import Entry
from bench.data.fetch import Source
from bench.data.folder import Pair, PairFolder, ending, missing_split
from bench.data.images import id_table, read_image
from bench.data.nyudv2_classes import CLASSES, FORMS, FROM_0, HOW_TO_GET, PALETTE, STUFF, crop_entry
from bench.errors import RefusedInput, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bench.data.dataset import SegmentationData

SPLIT_SIZES: dict[str, int] = {"train": 795, "val": 654}
SPLITS = ("train", "val", "test")  # test names the same images as val
SIZES_HW = (WHOLE_HW, CROPPED_HW)
OPTIONS = ("crop_border", "labels", "class_map")
MAT_FILE, SPLITS_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
TERMS = "research; cite Silberman et al. 2012 and, for the 40 classes, Gupta et al. 2013"
_SERVER = "http://horatio.cs.nyu.edu/mit/silberman"
# digests as several public projects state them; the files were not fetched here
SOURCES = (
    Source(MAT_FILE, (f"{_SERVER}/nyu_depth_v2/{MAT_FILE}",), "md5:520609c519fba3ba5ac58c8fefcc3530"),
    Source(SPLITS_FILE, (f"{_SERVER}/indoor_seg_sup/{SPLITS_FILE}",), "md5:08e3c3aea27130ac7c01ffd739a4535f"),
)
_WANTED = re.compile(r"(?:(?:train|val)_(?:images|labels)/\d{6}(?i:\.png)|official_split/(?:train|val)\.nyu)")
_LISTS = ("official_split/{}.nyu", "{}.nyu", "{}.txt")
_PROBED_LABELS, _PROBED_IMAGES = 20, 16
_SAMPLE = "_sample"


def open_nyudv2(
    split: str,
    root: Path,
    *,
    crop_border: bool = False,
    labels: str = "auto",
    class_map: str = "classMapping40.mat",
) -> SegmentationData:
    """Open a split of a folder of images and labels, or of the raw ``.mat`` file where the folder holds that.

    Args:
        split: ``train`` (795) or ``val`` (654). ``test`` names the same 654 images: the set has no third
            split, so a run that validates on them selects on the test set.
        root: The set's own folder.
        crop_border: Keep the 468x625 pixels inside the white border; its place is found from the border and
            recorded.
        labels: Label ids of a folder: ``0..39`` (255 is void), ``0..40`` (0 is void), or ``auto``: detected
            from the ids.
        class_map: For the raw file, name of the file in ``root`` that maps its 894 classes to the 40 (never a
            path, which would name a machine in every record).

    Raises:
        UsageError: Another split or value of an option.
        RefusedInput: The folder holds no such split, or what it holds is refused.
    """
    if split not in SPLITS:
        raise unknown("nyudv2 split", split, list(SPLITS))
    if type(crop_border) is not bool:
        raise UsageError(f"nyudv2 crop_border = {crop_border!r}, expected true and false")
    if labels not in ("auto", *FORMS):
        raise unknown("nyudv2 form of labels", str(labels), ["auto", *FORMS])
    if (root / MAT_FILE).is_file():
        from bench.data.nyudv2_mat import NYUDv2Mat  # noqa: PLC0415 - it needs libraries that folders do not

        if not isinstance(class_map, str) or Path(class_map).name != class_map:
            raise UsageError(f"nyudv2 class_map '{class_map}', expected the name of a file in {root}")
        files = root / MAT_FILE, root / SPLITS_FILE, root / class_map
        return NYUDv2Mat(split, *files, crop_border=crop_border)
    return NYUDv2(split, root, crop_border=crop_border, labels=labels)


class NYUDv2(PairFolder):
    """One split of a folder of images and labels, as ``open_nyudv2`` describes it.

    Pairs come from a list of ``image label`` lines: ``official_split/SPLIT.nyu``, ``SPLIT.nyu`` or
    ``SPLIT.txt``. Every listed file must be there, unless the folder's name ends in ``_sample``: then those
    that are there are read, and ``notes`` says how many.
    """

    name = "nyudv2"
    classes = CLASSES
    palette = PALETTE

    def __init__(self, split: str, root: Path, *, crop_border: bool = False, labels: str = "auto") -> None:
        self.notes = ()
        super().__init__(split, root, self._listed(split, root))
        self.form = self._told_apart() if labels == "auto" else labels
        self.stored_ids = FORMS[self.form]
        self._table = id_table(self.stored_ids)
        self.box: Box | None = None
        if crop_border:
            self.box = self._find_box()
            self.notes += (f"border cropped to {self.box}",)

    def read(self, index: int) -> Sample:
        """Return the sample at ``index``; cropped on request unless it is cropped already."""
        sample = super().read(index)
        size = tuple(sample.label.shape)
        if self.box is None or size == CROPPED_HW:
            return sample
        if size != WHOLE_HW:
            raise RefusedInput(
                f"{self.image_path(index)}: {size[0]}x{size[1]} (height x width), allowed with crop_border "
                f"are {WHOLE_HW[0]}x{WHOLE_HW[1]} and {CROPPED_HW[0]}x{CROPPED_HW[1]}"
            )
        return Sample(self.box.cut(sample.image), self.box.cut(sample.label), sample.name)

    def version(self, index: int) -> Hashable | None:
        """Return what decides the sample at ``index``, the crop with it."""
        files = super().version(index)
        return None if files is None else (files, self.box)

    def manifest(self) -> dict[str, str]:
        """Return {path: SHA-256}, and the crop where there is one: cropped data is other data."""
        return {**super().manifest(), **crop_entry(self.box)}

    def manifest_rows(self) -> list[list[str]]:
        """Return the rows of the pairs and ids, and the crop."""
        return [*super().manifest_rows(), *map(list, crop_entry(self.box).items())]

    def _listed(self, split: str, root: Path) -> list[Pair]:
        folder_split = "val" if split == "test" else split
        listing = _list_of(root, folder_split) or (_list_of(root, "test") if folder_split == "val" else None)
        if listing is None:
            have = [name for name in SPLIT_SIZES if _list_of(root, name)]
            raise missing_split(root, root / _LISTS[0].format(folder_split), split, have, HOW_TO_GET)
        listed = [_pair(listing, number, line) for number, line in enumerate(_lines(listing), start=1)]
        images = [pair.image for pair in listed]
        if len(set(images)) < len(images):
            twice = next(image for image in images if images.count(image) > 1)
            raise RefusedInput(f"{listing}: image {twice} is listed more than once, expected once")
        here = [pair for pair in listed if all((root / str(name)).is_file() for name in pair)]
        if not here and listed:
            raise missing_split(
                root, (root / listed[0].image).parent, split, _splits_with_files(root), HOW_TO_GET
            )
        if len(here) < len(listed):
            count = f"{len(here)} of the {len(listed)} pairs that {listing.name} lists are here"
            if not root.name.endswith(_SAMPLE):
                gone = next(pair for pair in listed if pair not in here)
                first = next(root / str(name) for name in gone if not (root / str(name)).is_file())
                raise RefusedInput(f"{first}: no such file; {count}", then=HOW_TO_GET)
            self.notes += (count,)
        return here

    def _told_apart(self) -> str:
        """Return which of the two forms the labels have: only one has a 40, only the other a 255."""
        present = set(self.probe_ids(_PROBED_LABELS).nonzero().flatten().tolist())
        if not present:
            return "0..39"  # no label can be read: whoever reads one says why
        has = {"0..40": 40 in present, "0..39": IGNORE in present}
        if sum(has.values()) != 1:
            found = "both 40 and 255" if all(has.values()) else "neither 40 nor 255"
            raise RefusedInput(
                f"{self.root / str(self.pairs[0].label)} and others: {found} among their ids, so it cannot "
                "be told whether they are 0..39 with 255 for void or 0..40 with 0 for void",
                then="say which: --set data_options.labels=0..39, or --set data_options.labels=0..40",
            )
        form = next(form for form, is_it in has.items() if is_it)
        if form == "0..40":
            self.notes += ("labels recognised as 0..40: 0 is void, 1..40 are the 40 classes",)
        return form

    def _find_box(self) -> Box:
        count = min(_PROBED_IMAGES, len(self))
        probed = (read_image(self.image_path(place * len(self) // count)) for place in range(count))
        whole = [image for image in probed if tuple(image.shape[1:]) == WHOLE_HW]
        if not whole:
            raise RefusedInput(
                f"{self.root}: crop_border was requested, but no image read has the size "
                f"{WHOLE_HW[0]}x{WHOLE_HW[1]} with its border",
                then="leave crop_border out",
            )
        return find_box(whole, str(self.root))


def place(member: str) -> str | None:
    """Return where a file of an archive of such a folder belongs; None for one not needed."""
    return ending(_WANTED, member)


def _list_of(root: Path, split: str) -> Path | None:
    return next((root / name.format(split) for name in _LISTS if (root / name.format(split)).is_file()), None)


def _lines(listing: Path) -> list[str]:
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedInput(f"{listing}: cannot read ({error})", then=HOW_TO_GET) from error
    if not lines:
        raise RefusedInput(f"{listing}: empty, expected one 'image label' pair per line", then=HOW_TO_GET)
    return lines


def _pair(listing: Path, number: int, line: str) -> Pair:
    words = line.replace("\\", "/").split()  # as Windows writes paths
    if len(words) != 2 or any(PurePosixPath(word).is_absolute() or ".." in word.split("/") for word in words):
        raise RefusedInput(
            f"{listing} line {number}: found '{line[:80]}', expected one 'image label' pair per line"
        )
    return Pair(words[0], words[1])


def _splits_with_files(root: Path) -> list[str]:
    lists = {split: _list_of(root, split) for split in SPLIT_SIZES}
    return [
        split
        for split, listing in lists.items()
        if listing and any((root / _pair(listing, 0, line).image).is_file() for line in _lines(listing))
    ]


ENTRY = Entry(
    "nyudv2",
    "NYU Depth v2, 40 classes, 480x640 or cropped to 468x625",
    HOW_TO_GET,
    CLASSES,
    PALETTE,
    FROM_0,
    open_nyudv2,
    SPLIT_SIZES,
    TERMS,
    stuff=STUFF,
    sizes_hw=SIZES_HW,
    options=OPTIONS,
    splits=("train", "val"),
    place=place,
    sources=SOURCES,
    block_images=8,
)
