"""A CamVid folder of a few small drawn files, in the layout of the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from PIL import Image


class MakeCamVid(Protocol):
    def __call__(
        self, root: Path, counts: dict[str, int] | None = None, *, suffix: str = ".jpg", prefix: str = ""
    ) -> Path: ...


def write_camvid(
    root: Path, counts: dict[str, int] | None = None, *, suffix: str = ".jpg", prefix: str = ""
) -> Path:
    """Write ``counts`` pairs of 24x32 a split; every image differs; labels hold 0..11.

    ``prefix`` stands before each path of the lists, ``suffix`` is that of the images on disk.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    for split, count in (counts or {"train": 3, "val": 2, "test": 2}).items():
        (root / split).mkdir(parents=True)
        (root / f"{split}annot").mkdir()
        lines = []
        for index in range(count):
            name = f"{split}_{index:03d}"
            image = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(image).save(root / split / f"{name}{suffix}")
            label = (np.arange(24 * 32) % 12).astype(np.uint8).reshape(24, 32)
            Image.fromarray(label).save(root / f"{split}annot" / f"{name}.png")
            lines.append(f"{prefix}{split}/{name}{suffix} {prefix}{split}annot/{name}.png\n")
        (root / f"{split}.txt").write_text("".join(lines))
    return root


@pytest.fixture
def make_camvid() -> MakeCamVid:
    return write_camvid
