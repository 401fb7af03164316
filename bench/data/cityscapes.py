"""Cityscapes, fine annotations, 19 classes, in the layout of its own archives.

Cordts, Omran, Ramos, Rehfeld, Enzweiler, Benenson, Franke, Roth, Schiele, "The Cityscapes Dataset for
Semantic Urban Scene Understanding", CVPR 2016: 2975 images to train, 500 to validate, 1525 to test,
1024x2048. Label files hold label ids (``*_gtFine_labelIds.png``); scored are 19 of the 34 classes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.data.dataset import IGNORE
from bench.data.entry import Entry
from bench.data.folder import Pair, PairFolder, ending, files_ending, matched, missing_split, relative_to
from bench.errors import RefusedInput, unknown

if TYPE_CHECKING:
    from jaxtyping import Integer, UInt8
    from torch import Tensor


class LabelClass(NamedTuple):
    """One class of the label files: its train id (or ``IGNORE``), name and colour."""

    train_id: int
    title: str
    colour: tuple[int, int, int]


# The one table: label id -> train id. The licence plate's -1 is never drawn into a label file.
LABELS: dict[int, LabelClass] = {
    -1: LabelClass(IGNORE, "license plate", (0, 0, 142)),
    0: LabelClass(IGNORE, "unlabeled", (0, 0, 0)),
    1: LabelClass(IGNORE, "ego vehicle", (0, 0, 0)),
    2: LabelClass(IGNORE, "rectification border", (0, 0, 0)),
    3: LabelClass(IGNORE, "out of roi", (0, 0, 0)),
    4: LabelClass(IGNORE, "static", (0, 0, 0)),
    5: LabelClass(IGNORE, "dynamic", (111, 74, 0)),
    6: LabelClass(IGNORE, "ground", (81, 0, 81)),
    7: LabelClass(0, "road", (128, 64, 128)),
    8: LabelClass(1, "sidewalk", (244, 35, 232)),
    9: LabelClass(IGNORE, "parking", (250, 170, 160)),
    10: LabelClass(IGNORE, "rail track", (230, 150, 140)),
    11: LabelClass(2, "building", (70, 70, 70)),
    12: LabelClass(3, "wall", (102, 102, 156)),
    13: LabelClass(4, "fence", (190, 153, 153)),
    14: LabelClass(IGNORE, "guard rail", (180, 165, 180)),
    15: LabelClass(IGNORE, "bridge", (150, 100, 100)),
    16: LabelClass(IGNORE, "tunnel", (150, 120, 90)),
    17: LabelClass(5, "pole", (153, 153, 153)),
    18: LabelClass(IGNORE, "polegroup", (153, 153, 153)),
    19: LabelClass(6, "traffic light", (250, 170, 30)),
    20: LabelClass(7, "traffic sign", (220, 220, 0)),
    21: LabelClass(8, "vegetation", (107, 142, 35)),
    22: LabelClass(9, "terrain", (152, 251, 152)),
    23: LabelClass(10, "sky", (70, 130, 180)),
    24: LabelClass(11, "person", (220, 20, 60)),
    25: LabelClass(12, "rider", (255, 0, 0)),
    26: LabelClass(13, "car", (0, 0, 142)),
    27: LabelClass(14, "truck", (0, 0, 70)),
    28: LabelClass(15, "bus", (0, 60, 100)),
    29: LabelClass(IGNORE, "caravan", (0, 0, 90)),
    30: LabelClass(IGNORE, "trailer", (0, 0, 110)),
    31: LabelClass(16, "train", (0, 80, 100)),
    32: LabelClass(17, "motorcycle", (0, 0, 230)),
    33: LabelClass(18, "bicycle", (119, 11, 32)),
}
STORED_IDS: dict[int, int] = {label_id: entry.train_id for label_id, entry in LABELS.items() if label_id >= 0}
_BY_TRAIN_ID = sorted((entry, label_id) for label_id, entry in LABELS.items() if entry.train_id != IGNORE)
LABEL_IDS: tuple[int, ...] = tuple(label_id for _, label_id in _BY_TRAIN_ID)
"""Train id -> label id: what the test server wants in a submission."""
CLASSES = tuple(entry.title for entry, _ in _BY_TRAIN_ID)
PALETTE = tuple(entry.colour for entry, _ in _BY_TRAIN_ID)
# the classes whose instances the set does not tell apart, its panoptic "stuff": all but humans and vehicles
STUFF = tuple(range(11))
SPLIT_SIZES: dict[str, int] = {"train": 2975, "val": 500, "test": 1525}
SIZES_HW = ((1024, 2048),)
TERMS = "non-commercial research after registration; its licence forbids passing on images and labels"
HOW_TO_GET = (
    "register at cityscapes-dataset.com, download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, "
    "then carnet-bench data prepare cityscapes leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip"
)
IMAGE_END, LABEL_END = "_leftImg8bit.png", "_gtFine_labelIds.png"
_WANTED = re.compile(
    r"(?:leftImg8bit/(?:train|val|test)/[a-z-]+/[a-z-]+_\d{6}_\d{6}_leftImg8bit(?i:\.png)"
    r"|gtFine/(?:train|val)/[a-z-]+/[a-z-]+_\d{6}_\d{6}_gtFine_labelIds(?i:\.png))"
)
_PROBED = 5  # labels looked at when a split is opened
_TRAIN_IDS_MESSAGE = (
    "only ids 0..18 and 255, so these are trainIds, not labelIds: read as labelIds, 7 would be road and "
    "26 car, and any network would score near 0.4 % mIoU"
)


class Cityscapes(PairFolder):
    """One split of Cityscapes: ``leftImg8bit/SPLIT/CITY/`` and ``gtFine/SPLIT/CITY/`` below the folder.

    A sample's name is ``CITY_SEQUENCE_FRAME``, unique over all cities. The labels of ``test`` are not public
    (the files of that name hold no class), so the split opens without labels.

    Args:
        split: ``train`` (2975 pairs), ``val`` (500) or ``test`` (1525 images).
        root: The set's own folder.

    Raises:
        UsageError: Another split.
        RefusedInput: No such split in the folder (a ``MissingSplit``), an image without its label or the
            other way round, or labels that are trainIds.
    """

    name = "cityscapes"
    classes = CLASSES
    palette = PALETTE
    beside = (
        "_color.png",
        "_instanceIds.png",
        "_instanceTrainIds.png",
        "_labelTrainIds.png",
        "_polygons.json",
    )
    why_unlabelled = (
        "the test labels are kept by the benchmark's server, the files in gtFine/test are dummies"
    )

    def __init__(self, split: str, root: Path) -> None:
        if split not in SPLIT_SIZES:
            raise unknown("cityscapes split", split, list(SPLIT_SIZES))
        folder = root / "leftImg8bit" / split
        images = files_ending(folder, IMAGE_END, depth=2)
        if not images:
            folders = {name: root / "leftImg8bit" / name for name in SPLIT_SIZES}
            have = [name for name, inside in folders.items() if files_ending(inside, ".png", depth=2)]
            raise missing_split(root, folder, split, have, HOW_TO_GET)
        if split == "test":
            pairs = [Pair(relative_to(root, images[key]), None) for key in sorted(images)]
        else:
            labels = files_ending(root / "gtFine" / split, LABEL_END, depth=2)
            pairs = matched(root, images, labels, f"cityscapes {split}", HOW_TO_GET)
        super().__init__(split, root, pairs, STORED_IDS)
        if train_ids_suspected(self.probe_ids(_PROBED)):
            raise _train_ids(str(root / "gtFine" / split))

    def sample_name(self, index: int) -> str:
        """Return ``CITY_SEQUENCE_FRAME``, e.g. ``aachen_000000_000019``."""
        return Path(self.pairs[index].image).name[: -len(IMAGE_END)]

    def check_stored(self, stored: UInt8[Tensor, "h w"], path: Path) -> None:
        """Name a file of trainIds as such; no file of label ids holds a 255."""
        if bool((stored == IGNORE).any()) and train_ids_suspected(stored.flatten().bincount(minlength=256)):
            raise _train_ids(path.name)


def train_ids_suspected(histogram: Integer[Tensor, "stored=256"]) -> bool:
    """Return whether stored ids are only 0..18 and 255: a street without sky, vegetation, people and cars.

    Meant for several labels together, or for one that holds a 255, which no file of label ids does.
    """
    present = set(histogram.nonzero().flatten().tolist())
    # of 0..6 alone are the dummies in place of a test split's labels: as label ids none of them is a class
    return present <= {*range(19), IGNORE} and not present <= set(range(7))


def place(member: str) -> str | None:
    """Return where a file of the two archives belongs below the set's folder; None for one not needed."""
    return ending(_WANTED, member)


def _train_ids(where: str) -> RefusedInput:
    return RefusedInput(
        f"{where}: {_TRAIN_IDS_MESSAGE}",
        then="take the *_gtFine_labelIds.png files of gtFine_trainvaltest.zip as they are",
    )


ENTRY = Entry(
    "cityscapes",
    "Cityscapes, fine annotations, 19 classes, 1024x2048",
    HOW_TO_GET,
    CLASSES,
    PALETTE,
    STORED_IDS,
    Cityscapes,
    SPLIT_SIZES,
    TERMS,
    stuff=STUFF,
    stored_names={label_id: label.title for label_id, label in LABELS.items()},
    sizes_hw=SIZES_HW,
    unlabelled=("test",),
    place=place,
    block_images=8,
    sequences={"val": (267, 59, 174)},  # frankfurt, lindau, munster
)
