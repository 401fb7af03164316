"""CamVid as it was published: 701 images of 720x960 with 32 colours for classes, merged to the 11 of SegNet.

Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 30(2), 2009. Users hold it as its two archives,
``701_StillsRaw_full`` (images) and ``LabeledApproved_full`` (labels in colour), so that is the layout read
here. A 720x960 folder in the layout of the SegNet tutorial (lists and ids) is read too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data import camvid
from bench.data.dataset import IGNORE
from bench.data.entry import Entry
from bench.data.folder import PairFolder, ending, files_ending, matched, missing_split
from bench.data.images import read_colour_label
from bench.errors import RefusedInput, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import UInt8
    from torch import Tensor

_SKY, _BUILDING, _POLE, _ROAD, _PAVEMENT, _TREE, _SIGN, _FENCE, _CAR, _PEDESTRIAN, _BICYCLIST = range(11)
# The one table: class of the 32 -> (colour of label_colors.txt, train id). The merging is the one that others
# publish as SegNet's; that of SegNet itself is known only by its result, the 360x480 labels.
MERGED: dict[str, tuple[tuple[int, int, int], int]] = {
    "Animal": ((64, 128, 64), _PEDESTRIAN),
    "Archway": ((192, 0, 128), _BUILDING),
    "Bicyclist": ((0, 128, 192), _BICYCLIST),
    "Bridge": ((0, 128, 64), _BUILDING),
    "Building": ((128, 0, 0), _BUILDING),
    "Car": ((64, 0, 128), _CAR),
    "CartLuggagePram": ((64, 0, 192), _PEDESTRIAN),
    "Child": ((192, 128, 64), _PEDESTRIAN),
    "Column_Pole": ((192, 192, 128), _POLE),
    "Fence": ((64, 64, 128), _FENCE),
    "LaneMkgsDriv": ((128, 0, 192), _ROAD),
    "LaneMkgsNonDriv": ((192, 0, 64), _ROAD),
    "Misc_Text": ((128, 128, 64), _SIGN),
    "MotorcycleScooter": ((192, 0, 192), _BICYCLIST),
    "OtherMoving": ((128, 64, 64), _CAR),
    "ParkingBlock": ((64, 192, 128), _PAVEMENT),
    "Pedestrian": ((64, 64, 0), _PEDESTRIAN),
    "Road": ((128, 64, 128), _ROAD),
    "RoadShoulder": ((128, 128, 192), _PAVEMENT),
    "Sidewalk": ((0, 0, 192), _PAVEMENT),
    "SignSymbol": ((192, 128, 128), _SIGN),
    "Sky": ((128, 128, 128), _SKY),
    "SUVPickupTruck": ((64, 128, 192), _CAR),
    "TrafficCone": ((0, 0, 64), _POLE),
    "TrafficLight": ((0, 64, 64), _SIGN),
    "Train": ((192, 64, 128), _CAR),
    "Tree": ((128, 128, 0), _TREE),
    "Truck_Bus": ((192, 128, 192), _CAR),
    "Tunnel": ((64, 0, 64), _BUILDING),
    "VegetationMisc": ((192, 192, 0), _TREE),
    "Void": ((0, 0, 0), IGNORE),
    "Wall": ((64, 192, 0), _BUILDING),
}
STORED_IDS: dict[str, int] = {title: train_id for title, (_, train_id) in MERGED.items()}
COLOURS: dict[tuple[int, int, int], int] = dict(MERGED.values())
SPLIT_SIZES = camvid.SPLIT_SIZES
SIZES_HW = ((720, 960),)
TERMS = "research; cite Brostow et al. 2009; no licence is known here"
HOW_TO_GET = (
    "download 701_StillsRaw_full.zip and LabeledApproved_full.zip from the CamVid page of the University of "
    "Cambridge (mi.eng.cam.ac.uk, VideoRec/CamVid), then carnet-bench data prepare camvid-full on both"
)
IMAGES, LABELS = "701_StillsRaw_full", "LabeledApproved_full"
_IMAGE = re.compile(r"(?:0001TP|0006R0|0016E5|Seq05VD)_f?\d+(?i:\.png)")
_LABEL = re.compile(r"(?:0001TP|0006R0|0016E5|Seq05VD)_f?\d+_L(?i:\.png)")
_FRAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?(\d+)")


class CamVidFull(PairFolder):
    """One split of CamVid at 720x960, 11 classes, in the splits of the 360x480 version.

    Args:
        split: ``train`` (367 pairs), ``val`` (101) or ``test`` (233).
        root: The folder that holds ``701_StillsRaw_full`` and ``LabeledApproved_full``, or lists and ids as
            ``CamVid``.

    Raises:
        UsageError: Another split.
        RefusedInput: No such split in the folder (a ``MissingSplit``), a name of no known sequence, an image
            without its label or the other way round.
    """

    name = "camvid-full"
    classes = camvid.CamVid.classes
    palette = camvid.CamVid.palette

    def __init__(self, split: str, root: Path) -> None:
        if split not in SPLIT_SIZES:
            raise unknown("camvid-full split", split, list(SPLIT_SIZES))
        self._in_colour = (root / LABELS).is_dir()
        if not self._in_colour and (root / f"{split}.txt").is_file():
            super().__init__(split, root, camvid.CamVid(split, root).pairs, camvid.TRAIN_IDS)
            return
        images = files_ending(root / IMAGES, ".png")
        found = files_ending(root / LABELS, ".png")
        labels = {name.removesuffix("_L"): path for name, path in found.items()}
        have = sorted({split_of(name) for name in images})
        if split not in have:
            raise missing_split(root, root / IMAGES, split, have, HOW_TO_GET)
        images, labels = _of_split(images, split), _of_split(labels, split)
        super().__init__(split, root, matched(root, images, labels, f"camvid-full {split}", HOW_TO_GET))

    def read_stored_label(self, path: Path) -> UInt8[Tensor, "h w"]:
        """Return the train ids of a label file, in colour or already of ids."""
        return read_colour_label(path, COLOURS) if self._in_colour else super().read_stored_label(path)

    def id_rows(self) -> Sequence[object]:
        """Return what each colour, or stored id, is read as."""
        return sorted(COLOURS.items()) if self._in_colour else super().id_rows()


def _of_split(files: Mapping[str, Path], split: str) -> dict[str, Path]:
    return {name: path for name, path in files.items() if split_of(name) == split}


def split_of(frame: str) -> str:
    """Return the split of a frame by its name, e.g. ``0016E5_07959``.

    The lists of the SegNet tutorial as a rule: validation is the part of 0016E5 labelled at 15 Hz, test the
    second half of 0001TP and the whole of Seq05VD, training all else.

    Raises:
        RefusedInput: A name of no known sequence.
    """
    found = _FRAME.fullmatch(frame)
    if found is None:
        raise RefusedInput(
            f"{frame}: not a frame of CamVid, expected e.g. 0001TP_006690, 0006R0_f00930, 0016E5_07959, "
            "Seq05VD_f00000"
        )
    sequence, number = found[1], int(found[2])
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"


def place(member: str) -> str | None:
    """Return where a file of the two archives belongs below the set's folder; None for one not needed.

    The labels' archive has no folder of its own.
    """
    for folder, pattern in ((IMAGES, _IMAGE), (LABELS, _LABEL)):
        name = ending(pattern, member)
        if name:
            return f"{folder}/{name}"
    return None


ENTRY = Entry(
    "camvid-full",
    "CamVid, 32 classes merged to 11, 720x960 (same split)",
    HOW_TO_GET,
    CamVidFull.classes,
    CamVidFull.palette,
    STORED_IDS,
    CamVidFull,
    SPLIT_SIZES,
    TERMS,
    stuff=camvid.STUFF,
    sizes_hw=SIZES_HW,
    place=place,
    block_images=camvid.ENTRY.block_images,
    sequences=camvid.SEQUENCES,
    caveat=camvid.caveat,
)
