"""Protections that stand in one line each, seen by nothing but what a user loses without them."""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from made_records import completed, make_record
from PIL import Image
from torch import nn

from baselines.method import Method
from bench import files
from bench.data.archive import plan, unpack
from bench.data.dataset import SegmentationData
from bench.data.images import read_ids
from bench.errors import RefusedInput
from bench.gate.baseline import Baseline, read_baseline, write_baseline
from bench.results.store import add_record
from bench.speed.trained_subject import Wanted, open_subject
from bench.train import run as runs
from bench.train.publish import publish
from bench.train.recipe import from_table
from bench.train.settings import Settings
from bench.train.trained import open_weights
from bench.train.weight_file import save_weights

TABLE = {
    "name": "tiny",
    "model": "carnet-mobile",
    "data": "camvid",
    "crop": [64, 64],
    "batch": 2,
    "epochs": 1,
    "encoder_lr": 0.01,
    "decoder_lr": 0.01,
}


@pytest.fixture
def overlapping(tmp_path: Path) -> Path:
    """CamVid's layout with two pairs a split; one image of val is one of train under another name."""
    root = tmp_path / "camvid"
    for seed, split in enumerate(("train", "val")):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        names = [f"{split}_{number}.png" for number in range(2)]
        for number, name in enumerate(names):
            noise = np.random.Generator(np.random.PCG64(10 * seed + number))
            image = noise.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(image).save(root / split / name)
            label = (np.arange(64 * 64) % 12).astype(np.uint8).reshape(64, 64)
            Image.fromarray(label).save(root / f"{split}annot" / name)
        (root / f"{split}.txt").write_text("".join(f"{split}/{n} {split}annot/{n}\n" for n in names))
    (root / "val" / "val_1.png").write_bytes((root / "train" / "train_0.png").read_bytes())
    return root


class Linear(nn.Module):
    """One convolution to CamVid's 11 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 11, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image)


def weights_of_a_run(folder: Path) -> Path:
    """Write weights as a run of carnet-mobile would, though of another network."""
    recipe = from_table(TABLE, "tiny").identity()
    identity = {**completed("training", {}), "recipe": recipe}
    note = {"identity": identity, "statistics": {"mean": [0.5] * 3, "std": [0.5] * 3}, "notes": []}
    path = folder / "final.safetensors"
    save_weights(path, Linear().state_dict(), note)
    return path


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


# files


@pytest.mark.parametrize("write", [files.write_atomic, files.write_new])
def test_a_write_that_fails_leaves_no_temporary_file(tmp_path: Path, monkeypatch, write) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("replace", "hardlink_to"):
        monkeypatch.setattr(Path, name, refuse)
    with pytest.raises(RefusedInput, match=r"a\.json"):
        write(tmp_path / "a.json", "1")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_the_disk_wrote_wrongly_are_refused(tmp_path: Path, monkeypatch) -> None:
    replace = Path.replace

    def damaging(self: Path, target: Path) -> Path:
        renamed = replace(self, target)
        flip_last_byte(renamed)
        return renamed

    monkeypatch.setattr(Path, "replace", damaging)
    with pytest.raises(RefusedInput, match=r"final\.safetensors: read back"):
        save_weights(tmp_path / "final.safetensors", Linear().state_dict())


def test_weights_that_change_after_they_were_opened_are_not_loaded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bench.train.trained.build_seeded", lambda *_: Linear())
    path = weights_of_a_run(tmp_path)
    opened = open_weights(path)
    data: SegmentationData = dataclasses.make_dataclass("Data", [("name", str, "camvid")])()
    method = Method("carnet-mobile", "", "", 0, "tests:linear")
    assert isinstance(opened.network(method, data, torch.device("cpu")), Linear)
    flip_last_byte(path)
    with pytest.raises(RefusedInput, match="SHA-256"):
        opened.network(method, data, torch.device("cpu"))


def test_a_png_whose_pixels_have_another_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    assert read_ids(path).shape == (8, 8)
    content[content.index(b"IEND") - 5] ^= 1  # the last byte of the pixels' CRC, before the length of IEND
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"a\.png"):
        read_ids(path)


@pytest.mark.parametrize("missing", [1, -1])
def test_a_member_of_another_size_than_declared_is_not_written(tmp_path: Path, monkeypatch, missing) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as opened:
        opened.writestr("a.png", b"12345")
    read = zipfile.ZipFile.read

    def cut_or_longer(self, *words: object) -> bytes:
        content = read(self, *words)
        return content[:-1] if missing == 1 else content + b"6"

    monkeypatch.setattr(zipfile.ZipFile, "read", cut_or_longer)
    planned = plan(tmp_path / "data.zip", lambda name: name)
    with pytest.raises(RefusedInput, match=r"a\.png"):
        unpack([planned], tmp_path / "out")
    assert not (tmp_path / "out" / "a.png").exists()


def test_a_validation_split_that_shares_an_image_with_training_is_refused(
    overlapping: Path, tmp_path: Path
) -> None:
    settings = Settings(tmp_path / "home", overlapping, device="cpu", threads=1, command=("test",))
    with pytest.raises(RefusedInput, match=r"train_0\.png"):
        runs.train(from_table(TABLE, "tiny"), settings)


def test_an_engine_is_not_scored_on_images_of_the_training_split(overlapping: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match=r"train_0\.png"):
        open_subject(
            weights_of_a_run(tmp_path),
            Method("carnet-mobile", "", "", 0, "tests:linear"),
            (1, 3, 64, 64),
            Wanted(data="camvid:val"),
            data_root=overlapping,
            home=tmp_path,
        )


@pytest.mark.parametrize("valid", [True, False])
def test_weights_of_a_run_that_is_not_valid_are_not_published(tmp_path: Path, valid: bool) -> None:
    path = weights_of_a_run(tmp_path)
    values = {"final_weights_sha256": files.sha256_of_file(path)}
    reasons = () if valid else ("diverged: step 3",)
    add_record(make_record("training", {}, values, {}, valid=valid, reasons=reasons), tmp_path)
    if valid:
        assert publish(tmp_path, tmp_path).suffix == ".safetensors"
    else:
        with pytest.raises(RefusedInput, match="valid"):
            publish(tmp_path, tmp_path)
        assert not list((tmp_path / "results").rglob("*.safetensors"))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_baseline_holds_no_number_that_is_none(tmp_path: Path, constant: str) -> None:
    path = tmp_path / "baseline.json"
    write_baseline(Baseline(None, {"torch": 1.5}, {}, {}, None), path)
    path.write_text(path.read_text().replace("1.5", constant))
    assert constant in path.read_text()
    with pytest.raises(RefusedInput, match=rf"baseline\.json.*{constant}"):
        read_baseline(path)
