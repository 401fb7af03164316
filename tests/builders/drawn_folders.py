"""Small data sets of one's own for tests: drawn pairs (synthetic) in the layouts that people have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
SIZE_HW = (64, 96)
COUNTS = {"train": 6, "val": 2}
NAMES = ("road", "sky", "tree", "car")
TOML = """name = "drawn"
classes = ["road", "sky", "tree", "car"]

[splits.train]
images = "images/train"
labels = "masks/train"

[splits.val]
images = "images/val"
labels = "masks/val"
"""
COLOURS = tuple((40 * (place % 4) + 20, 50 * (place // 4) + 20, 255 - 15 * place) for place in range(16))
"""Sixteen different colours of classes."""


def draw(seed: int, classes: int = 4) -> tuple[Pixels, Pixels]:
    """Return image (64, 96, 3) and ids (64, 96) in vertical stripes that hold every class."""
    rng = np.random.Generator(np.random.PCG64(seed))
    height, width = SIZE_HW
    ids = np.broadcast_to((np.arange(width) // 6 + seed) % classes, (height, width)).astype(np.uint8)
    image = (ids[..., None] * (200 // classes) + rng.integers(0, 50, (height, width, 3))).astype(np.uint8)
    return image, ids


def write_png(path: Path, pixels: Pixels) -> None:
    """Write pixels under a name that decides the format, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pairs(counts: Mapping[str, int] | None = None) -> list[tuple[str, str, int]]:
    """Return (split, name, seed) of every pair."""
    found: list[tuple[str, str, int]] = []
    for split, count in (counts or COUNTS).items():
        found += [(split, f"{split}_{index:03d}", len(found) + index) for index in range(count)]
    return found


def write_ultralytics(root: Path, counts: Mapping[str, int] | None = None) -> Path:
    """``images/SPLIT/NAME.jpg`` and ``masks/SPLIT/NAME.png`` with ids 0..3 and 255."""
    for split, name, seed in pairs(counts):
        image, ids = draw(seed)
        label = ids.copy()
        label[:4] = 255
        write_png(root / "images" / split / f"{name}.jpg", image)
        write_png(root / "masks" / split / f"{name}.png", label)
    return root


def write_mmsegmentation(root: Path) -> Path:
    """``img_dir/SPLIT/NAME.jpg`` and ``ann_dir/SPLIT/NAME.png``."""
    for split, name, seed in pairs():
        image, ids = draw(seed)
        write_png(root / "img_dir" / split / f"{name}.jpg", image)
        write_png(root / "ann_dir" / split / f"{name}.png", ids)
    return root


def write_voc(root: Path) -> Path:
    """``JPEGImages``, ``SegmentationClass`` and ``ImageSets/Segmentation/SPLIT.txt``, and one unlabelled."""
    lists: dict[str, list[str]] = {}
    for split, name, seed in pairs():
        image, ids = draw(seed)
        write_png(root / "JPEGImages" / f"{name}.jpg", image)
        write_png(root / "SegmentationClass" / f"{name}.png", ids)
        lists.setdefault(split, []).append(name)
    write_png(root / "JPEGImages" / "unlabelled.jpg", draw(99)[0])
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for split, names in lists.items():
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
    return root


def write_colours(root: Path, ignored: tuple[int, int, int] | None = None) -> Path:
    """``SPLIT`` and ``SPLIT_labels`` with 16 classes as colours, and ``class_dict.csv``."""
    for split, name, seed in pairs():
        image, ids = draw(seed, 16)
        label = np.array(COLOURS, dtype=np.uint8)[ids]
        if ignored is not None:
            label[:4] = ignored
        write_png(root / split / f"{name}.png", image)
        write_png(root / f"{split}_labels" / f"{name}_L.png", label)
    rows = ["name,r,g,b", *(f"kind {place},{r},{g},{b}" for place, (r, g, b) in enumerate(COLOURS))]
    if ignored is not None:
        rows.append("Void," + ",".join(map(str, ignored)))
    (root / "class_dict.csv").write_text("\n".join(rows) + "\n")
    return root


def write_side_by_side(root: Path, sequences: int = 5, frames: int = 4) -> Path:
    """``NAME.jpg`` next to ``NAME_mask.png`` in one folder, frames of several drives, no split."""
    for drive in range(sequences):
        for frame in range(frames):
            image, ids = draw(drive * frames + frame)
            name = f"drive{drive}_{100 + 7 * frame:06d}"
            write_png(root / f"{name}.jpg", image)
            write_png(root / f"{name}_mask.png", ids)
    return root


LAYOUTS = {
    "ultralytics": write_ultralytics,
    "mmsegmentation": write_mmsegmentation,
    "voc": write_voc,
    "colours": write_colours,
    "side by side": write_side_by_side,
}


def write_described(root: Path) -> Path:
    """Write a set in the first layout with its TOML file, and return the file."""
    write_ultralytics(root)
    path = root / "data.toml"
    path.write_text(TOML)
    return path
