"""The 40 classes of NYU Depth v2, and what its two readers share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bench.data.border import Box
from bench.data.dataset import IGNORE
from bench.data.palette import bit_colours

CLASSES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door"),
    *("window", "bookshelf", "picture", "counter", "blinds", "desk", "shelves", "curtain"),
    *("dresser", "pillow", "mirror", "floor mat", "clothes", "ceiling", "books", "refridgerator"),
    *("television", "paper", "towel", "shower curtain", "box", "whiteboard", "person", "night stand"),
    *("toilet", "sink", "lamp", "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop"),
)  # fmt: skip
PALETTE = bit_colours(len(CLASSES))
# what has an extent but no countable shape, as SceneParse150 divides: its rug is stuff, its doors and windows
# are not
STUFF = tuple(CLASSES.index(title) for title in ("wall", "floor", "ceiling", "floor mat"))
FROM_0 = {**{stored: stored for stored in range(40)}, IGNORE: IGNORE}
FROM_1 = {0: IGNORE, **{stored: stored - 1 for stored in range(1, 41)}}
# the two forms in which folders of the 40 classes are passed around: stored id -> train id
FORMS: dict[str, dict[int, int]] = {"0..39": FROM_0, "0..40": FROM_1}
HOW_TO_GET = (
    "carnet-bench data fetch nyudv2 (nyu_depth_v2_labeled.mat and splits.mat, no registration); the map to "
    "40 classes is classMapping40.mat of Gupta et al.; then carnet-bench data prepare nyudv2 with all three"
)


def crop_entry(box: Box | None) -> Mapping[str, str]:
    """Return what a manifest holds of the crop."""
    return {} if box is None else {f"crop_border {box}": hashlib.sha256(str(box).encode()).hexdigest()}
