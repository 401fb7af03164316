"""Folders of a few small drawn files, in the layouts of the real data sets."""

from __future__ import annotations

from collections.abc import Callable
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


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.integers(0, 240, (height, width, 3), dtype=np.uint8)


def counting(count: int, height: int, width: int) -> np.ndarray:
    """Ids 0..count-1 in turn, row by row."""
    return (np.arange(height * width) % count).astype(np.uint8).reshape(height, width)


def write_cityscapes(root: Path) -> Path:
    """Two cities to train, one to validate, one frame of 24x32 each; a test image with a dummy label."""
    frames = (("train", "aachen", 34), ("train", "ulm", 34), ("val", "lindau", 34), ("test", "bonn", 4))
    for seed, (split, city, ids) in enumerate(frames):
        stem = f"{city}_000000_000019"
        write_png(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", noise(seed, 24, 32))
        label = root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png"
        write_png(label, counting(ids, 24, 32))
        # as the archive has beside it, and nothing here reads
        write_png(label.with_name(f"{stem}_gtFine_color.png"), noise(9, 24, 32))
    return root


def write_nyudv2(root: Path, form: str = "0..39", size_hw: tuple[int, int] = (24, 64)) -> Path:
    """Two training pairs and one of the test split, with lists; every id of the form occurs in each label."""
    for seed, (split, number) in enumerate((("train", 3), ("train", 4), ("val", 1))):
        label = counting(41, *size_hw)
        if form == "0..39":
            label[label == 40] = 255
        write_png(root / f"{split}_images" / f"{number:06d}.png", noise(seed, *size_hw))
        write_png(root / f"{split}_labels" / f"{number:06d}.png", label)
        listing = root / "official_split" / f"{split}.nyu"
        listing.parent.mkdir(exist_ok=True)
        with listing.open("a") as stream:
            stream.write(f"{split}_images/{number:06d}.png\t{split}_labels/{number:06d}.png\n")
    return root


def write_ade20k(root: Path) -> Path:
    """Two training pairs, one to validate, of 24x32 and 32x24; ids 0..150."""
    frames = (("training", "train", 1), ("training", "train", 2), ("validation", "val", 1))
    for seed, (folder, short, number) in enumerate(frames):
        size = (24, 32) if number == 1 else (32, 24)
        image = root / "images" / folder / f"ADE_{short}_{number:08d}.jpg"
        write_png(image, noise(seed, *size))
        write_png(root / "annotations" / folder / f"ADE_{short}_{number:08d}.png", counting(151, *size))
    return root


def write_camvid_full(root: Path) -> Path:
    """Four frames of 24x32 from all sequences; the labels hold the 32 colours in turn."""
    from bench.data.camvid_full import MERGED

    colours = np.array([colour for colour, _ in MERGED.values()], dtype=np.uint8)
    label = colours[counting(32, 24, 32)]
    for seed, frame in enumerate(("0001TP_006690", "0006R0_f00930", "0016E5_07959", "Seq05VD_f00000")):
        write_png(root / "701_StillsRaw_full" / f"{frame}.png", noise(seed, 24, 32))
        write_png(root / "LabeledApproved_full" / f"{frame}_L.png", label)
    return root


WRITERS: dict[str, Callable[[Path], Path]] = {
    "camvid": write_camvid,
    "camvid-full": write_camvid_full,
    "cityscapes": write_cityscapes,
    "nyudv2": write_nyudv2,
    "ade20k": write_ade20k,
}


@pytest.fixture(params=list(WRITERS))
def drawn_set(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Each data set that is read from a folder, by name, with a folder of a few drawn files."""
    return request.param, WRITERS[request.param](tmp_path / request.param)


@pytest.fixture
def make_cityscapes() -> Callable[[Path], Path]:
    return write_cityscapes


@pytest.fixture
def make_nyudv2() -> Callable[..., Path]:
    return write_nyudv2


@pytest.fixture
def make_ade20k() -> Callable[[Path], Path]:
    return write_ade20k


@pytest.fixture
def make_camvid_full() -> Callable[[Path], Path]:
    return write_camvid_full


@pytest.fixture
def make_nyu_mat() -> Callable[..., list[Path]]:
    """Writes the three files of the raw NYUDv2 to the description of its makers; returns their paths."""
    h5py = pytest.importorskip("h5py")
    scipy_io = pytest.importorskip("scipy.io")

    def write(
        root: Path, images: np.ndarray, labels: np.ndarray, train: list[int], test: list[int]
    ) -> list[Path]:
        """Write images (n, 480, 640, 3), labels (n, 480, 640); raw class k is class (k - 1) % 40 + 1."""
        root.mkdir(parents=True, exist_ok=True)
        paths = [root / name for name in ("nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat")]
        with h5py.File(paths[0], "w", userblock_size=512) as stored:
            # MATLAB writes its last axis first
            stored["images"] = images.transpose(0, 3, 2, 1)
            stored["labels"] = labels.transpose(0, 2, 1).astype(np.uint16)
        scipy_io.savemat(
            paths[1],
            {"trainNdxs": np.array(train)[:, None], "testNdxs": np.array(test)[:, None]},
            do_compression=True,
        )
        scipy_io.savemat(paths[2], {"mapClass": (np.arange(894) % 40 + 1).astype(np.uint8)[None]})
        return paths

    return write
