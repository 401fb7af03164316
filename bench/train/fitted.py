"""What a recipe takes from its data set: ``"fit"`` as crop, epochs or validate_every becomes a number.

Where the numbers come from:

* Crop: two thirds of the median sides, as camvid-quick takes (240x320 of 360x480), in multiples of 32,
  which some networks need; at least 64, and at most the area of 512x512, so that a step stays affordable.
* Epochs: as many as make the steps of camvid-quick, 32 epochs of 61 steps. ``--budget`` chooses them by time.
* Validations: eight, as in camvid-quick; none where the data set has no validation split.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any

from bench.data.catalogue import entry, open_data
from bench.data.dataset import ReadsImages, SegmentationData
from bench.data.loader import steps_per_epoch
from bench.data.sheet import spread
from bench.errors import UsageError

FIT = "fit"
FITTED = ("crop", "epochs", "validate_every")
"""Keys of a recipe that may say so."""
_CROP_SHARE = 2 / 3
_MULTIPLE, _LEAST_SIDE, _MOST_PIXELS = 32, 64, 512 * 512
_STEPS = 32 * 61
_VALIDATIONS = 8
_SEEN = 9
"""Training images whose sizes are looked at, spread over the split."""


def fit_to_data(
    table: dict[str, Any], batch: int, *, data_root: Path | None = None, home: Path | None = None
) -> dict[str, Any]:
    """Return the keys of a recipe that are to be fitted, with their numbers; nothing without any.

    Args:
        table: The recipe; its ``data`` is a name that the catalogue knows.
        batch: Images per step.
        data_root, home: Where the data is looked for.

    Raises:
        UsageError: No such data set.
        RefusedInput: The training images are not found, or cannot be read.
    """
    wanted = [key for key in FITTED if table.get(key) == FIT]
    if not wanted:
        return {}
    name = table.get("data")
    if not isinstance(name, str):
        raise UsageError(f"{', '.join(wanted)} = '{FIT}' needs a data set", then="give --data NAME|FILE.toml")
    data = open_data(name, "train", data_root, home=home, **table.get("data_options", {}))
    per_epoch = max(1, steps_per_epoch(len(data), batch))
    epochs = math.ceil(_STEPS / per_epoch) if table.get("epochs") == FIT else table["epochs"]
    found = {"epochs": epochs, "validate_every": _validate_every(name, epochs)}
    if "crop" in wanted:
        found["crop"] = list(crop_of(data))
    return {key: found[key] for key in wanted}


def crop_of(data: SegmentationData) -> tuple[int, int]:
    """Return the crop (height, width) that suits the images of a training split."""
    sizes = [_size_of(data, index) for index in spread(len(data), _SEEN)]
    height, width = (_CROP_SHARE * median(side) for side in zip(*sizes, strict=True))
    shrink = min(1.0, math.sqrt(_MOST_PIXELS / (height * width)))
    return _rounded(shrink * height), _rounded(shrink * width)


def _rounded(side: float) -> int:
    return max(_LEAST_SIDE, _MULTIPLE * round(side / _MULTIPLE))


def _size_of(data: SegmentationData, index: int) -> tuple[int, int]:
    image = data.read_image(index) if isinstance(data, ReadsImages) else data.read(index).image
    return image.shape[1], image.shape[2]


def _validate_every(name: str, epochs: int) -> int:
    return math.ceil(epochs / _VALIDATIONS) if "val" in entry(name).splits else 0
