"""ADE20K as SceneParse150: 150 classes, in the layout of the challenge's own archive.

Zhou, Zhao, Puig, Fidler, Barriuso, Torralba, "Scene Parsing through ADE20K Dataset", CVPR 2017: 20210 images
to train, 2000 to validate. A label holds 0 for "other", which is not scored, and 1..150 for the classes.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.data.dataset import IGNORE
from bench.data.entry import Entry
from bench.data.fetch import Source
from bench.data.folder import Pair, PairFolder, ending, files_ending, matched, missing_split, relative_to
from bench.data.palette import bit_colours
from bench.errors import unknown

# the first name of each class of the challenge's objectInfo150.txt, in its order
CLASSES: tuple[str, ...] = (
    *("wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass"),
    *("cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain", "chair"),
    *("car", "water", "painting", "sofa", "shelf", "house", "sea", "mirror", "rug", "field"),
    *("armchair", "seat", "fence", "desk", "rock", "wardrobe", "lamp", "bathtub", "railing", "cushion"),
    *("base", "box", "column", "signboard", "chest of drawers"),
    *("counter", "sand", "sink", "skyscraper", "fireplace"),
    *("refrigerator", "grandstand", "path", "stairs", "runway"),
    *("case", "pool table", "pillow", "screen door", "stairway"),
    *("river", "bridge", "bookcase", "blind", "coffee table", "toilet", "flower", "book", "hill", "bench"),
    *("countertop", "stove", "palm", "kitchen island", "computer"),
    *("swivel chair", "boat", "bar", "arcade machine", "hovel"),
    *("bus", "towel", "light", "truck", "tower"),
    *("chandelier", "awning", "streetlight", "booth", "television"),
    *("airplane", "dirt track", "apparel", "pole", "land"),
    *("bannister", "escalator", "ottoman", "bottle", "buffet"),
    *("poster", "stage", "van", "ship", "fountain"),
    *("conveyer belt", "canopy", "washer", "plaything", "swimming pool"),
    *("stool", "barrel", "basket", "waterfall", "tent", "bag", "minibike", "cradle", "oven", "ball"),
    *("food", "step", "tank", "trade name", "microwave", "pot", "animal", "bicycle", "lake", "dishwasher"),
    *("screen", "blanket", "sculpture", "hood", "sconce", "vase", "traffic light", "tray", "ashcan", "fan"),
    *("pier", "crt screen", "plate", "monitor", "bulletin board"),
    *("shower", "radiator", "glass", "clock", "flag"),
)  # fmt: skip
PALETTE = bit_colours(len(CLASSES))
# The one table stored id -> train id. 255 is not a stored id, so labels shifted by one already are refused.
STORED_IDS: dict[int, int] = {0: IGNORE, **{stored: stored - 1 for stored in range(1, 151)}}
# stored ids of the 35 classes that Zhou et al. call stuff; the other 115 are objects (objectSplit35-115.mat)
_STUFF_STORED = (
    *(
        1,
        2,
        3,
        4,
        6,
        7,
        10,
        12,
        14,
        17,
        22,
        26,
        27,
        29,
        30,
        47,
        49,
        52,
        53,
        55,
        60,
        61,
        62,
        69,
        80,
        85,
        92,
        95,
    ),
    *(97, 102, 106, 110, 114, 129, 141),
)
STUFF = tuple(stored - 1 for stored in _STUFF_STORED)
SPLIT_SIZES: dict[str, int] = {"train": 20210, "val": 2000, "test": 3352}
_FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
TERMS = "images for non-commercial research and education; cite Zhou et al. 2017"
HOW_TO_GET = (
    "carnet-bench data fetch ade20k (ADEChallengeData2016.zip, no registration), then "
    "carnet-bench data prepare ade20k ADEChallengeData2016.zip"
)
# digests as several public projects state them; the files were not fetched here
SOURCES = (
    Source(
        "ADEChallengeData2016.zip",
        ("http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",),
        "sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
    ),
    Source(
        "release_test.zip",
        ("http://data.csail.mit.edu/places/ADEchallenge/release_test.zip",),
        "sha1:e05747892219d10e9243933371a497e905a4860c",
    ),
)
_WANTED = re.compile(
    r"(?:images/(?:training|validation)/ADE_(?:train|val)_\d{8}(?i:\.jpg)"
    r"|annotations/(?:training|validation)/ADE_(?:train|val)_\d{8}(?i:\.png))"
)
_TEST_IMAGE = re.compile(r"testing/ADE_test_\d{8}(?i:\.jpg)")


class ADE20K(PairFolder):
    """One split of SceneParse150: ``images/FOLDER/*.jpg`` and ``annotations/FOLDER/*.png``.

    FOLDER is ``training``, ``validation`` or ``testing``; the test images come without labels.

    Args:
        split: ``train`` (20210 pairs), ``val`` (2000) or ``test`` (3352 images).
        root: The set's own folder.

    Raises:
        UsageError: Another split.
        RefusedInput: No such split in the folder (a ``MissingSplit``), an image without its label or the
            other way round.
    """

    name = "ade20k"
    classes = CLASSES
    palette = PALETTE
    why_unlabelled = "the test labels of SceneParse150 are kept by the challenge's server"

    def __init__(self, split: str, root: Path) -> None:
        if split not in SPLIT_SIZES:
            raise unknown("ade20k split", split, list(SPLIT_SIZES))
        folder = root / "images" / _FOLDERS[split]
        images = files_ending(folder, ".jpg")
        if not images:
            folders = {name: root / "images" / inside for name, inside in _FOLDERS.items()}
            have = [name for name, inside in folders.items() if files_ending(inside, ".jpg")]
            raise missing_split(root, folder, split, have, HOW_TO_GET)
        if split == "test":
            pairs = [Pair(relative_to(root, images[key]), None) for key in sorted(images)]
        else:
            labels = files_ending(root / "annotations" / _FOLDERS[split], ".png")
            pairs = matched(root, images, labels, f"ade20k {split}", HOW_TO_GET)
        super().__init__(split, root, pairs, STORED_IDS)


def place(member: str) -> str | None:
    """Return where a file of the archives belongs below the set's folder; None for one not needed."""
    test_image = ending(_TEST_IMAGE, member)  # of release_test.zip, whose folder is not called images
    return f"images/{test_image}" if test_image else ending(_WANTED, member)


ENTRY = Entry(
    "ade20k",
    "ADE20K SceneParse150, 150 classes",
    HOW_TO_GET,
    CLASSES,
    PALETTE,
    STORED_IDS,
    ADE20K,
    SPLIT_SIZES,
    TERMS,
    stuff=STUFF,
    unlabelled=("test",),
    place=place,
    sources=SOURCES,
)
