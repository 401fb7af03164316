"""Data of one's own as the rest of the project sees it: samples, identity, and faults refused by name."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from drawn_folders import COLOURS, draw, write_colours, write_described, write_png
from PIL import Image

from bench.data import catalogue
from bench.data.check import check_data
from bench.data.dataset import IGNORE, MissingSplit, manifest_digest
from bench.errors import RefusedInput, UsageError


@pytest.fixture
def own(tmp_path):
    return write_described(tmp_path / "mine")


def open_split(path, split="train", **options):
    return catalogue.open_data(str(path), split, **options)


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_file_its_folder_and_then_its_name_mean_the_same_data(own, monkeypatch):
    digests = [manifest_digest(open_split(own)), manifest_digest(open_split(own.parent))]
    monkeypatch.chdir(own.parent.parent)
    digests += [manifest_digest(open_split("./mine")), manifest_digest(open_split("drawn"))]
    assert len(set(digests)) == 1
    assert catalogue.entry(str(own)).name == "drawn"


def test_samples_are_read_as_drawn(own):
    data = open_split(own)
    assert (len(data), data.classes[3], data.sample_name(0)) == (6, "car", "train_000")
    sample = data.read(2)
    assert sample.image.shape == (3, 64, 96)
    assert torch.equal(sample.label[4:], torch.from_numpy(draw(2)[1][4:].copy()))
    assert set(sample.label[:4].flatten().tolist()) == {IGNORE}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"sky", "tree"', '"tree", "sky"'),
        ('"car"]', '"lorry"]'),
        ('"car"]', '"car"]\nids = {0 = 0, 1 = 1, 2 = 2, 3 = 3}\nignore = [255, 9]'),
    ],
)
def test_other_class_names_or_another_table_are_other_data(own, old, new):
    before = manifest_digest(open_split(own))
    change(own, old, new)
    assert manifest_digest(open_split(own)) != before


def test_the_place_on_disk_the_title_and_colours_to_show_are_no_part_of_the_identity(own, tmp_path):
    before = manifest_digest(open_split(own))
    moved = tmp_path / "elsewhere"
    shutil.move(own.parent, moved)
    change(
        moved / "data.toml", '"car"]', '"car"]\ntitle = "Mine"\ncolours = [[1,1,1],[2,2,2],[3,3,3],[4,4,4]]'
    )
    assert manifest_digest(open_split(moved)) == before


def test_colours_in_labels_become_classes_and_void_is_ignored(tmp_path):
    root = write_colours(tmp_path, ignored=(0, 0, 0))
    lines = [
        'name = "coloured"',
        'stored = "colours"',
        f"classes = {json.dumps([f'kind {place}' for place in range(16)])}",
        f"colours = {json.dumps(COLOURS)}",
        "ignore = [[0, 0, 0]]",
        'image_end = ".png"',
        'label_end = "_L.png"',
        'splits.train = {images = "train", labels = "train_labels"}',
    ]
    (root / "data.toml").write_text("\n".join(lines))
    sample = open_split(root).read(3)
    assert torch.equal(sample.label[4:], torch.from_numpy(draw(3, 16)[1][4:].copy()))
    assert set(sample.label[:4].flatten().tolist()) == {IGNORE}


def test_a_split_that_the_file_does_not_have_is_said_with_those_it_has(own):
    with pytest.raises(MissingSplit, match="no split test; it has train, val"):
        open_split(own, "test")


def test_another_root_is_where_the_paths_begin(own, tmp_path):
    alone = tmp_path / "alone.toml"
    shutil.move(own, alone)
    assert len(open_split(alone, root=tmp_path / "mine")) == 6
    with pytest.raises(RefusedInput, match="images/train is not there"):
        open_split(alone)


def test_a_name_that_nobody_gave_a_file_for_leads_to_no_file(own, monkeypatch):
    monkeypatch.chdir(own.parent.parent)
    assert catalogue.known("mine") is None
    assert catalogue.known("mine/data.toml") is None
    with pytest.raises(UsageError, match="camvid"):
        catalogue.entry("nothing-here")


def test_a_built_in_name_is_refused(own):
    change(own, '"drawn"', '"camvid"')
    with pytest.raises(RefusedInput, match="built-in"):
        open_split(own)


def lose_label(root):
    (root / "masks" / "train" / "train_002.png").unlink()


def lose_image(root):
    (root / "images" / "train" / "train_002.jpg").unlink()


def resize_label(root):
    write_png(root / "masks" / "train" / "train_002.png", np.zeros((32, 96), np.uint8))


def put_unknown_id(root):
    ids = draw(2)[1].copy()
    ids[9, 9] = 31
    write_png(root / "masks" / "train" / "train_002.png", ids)


def put_colour_label(root):
    write_png(root / "masks" / "train" / "train_002.png", draw(2)[0])


def put_jpeg_label(root):
    label = root / "masks" / "train" / "train_002.png"
    Image.open(label).save(label.with_suffix(".jpg"))
    label.unlink()


def hide_jpeg_in_png(root):
    label = root / "masks" / "train" / "train_002.png"
    Image.open(label).save(label, "JPEG")


def empty_split(root):
    for path in (root / "images" / "train").iterdir():
        path.unlink()


def copy_into_val(root):
    for kind, end in (("images", "jpg"), ("masks", "png")):
        shutil.copy(root / kind / "train" / f"train_002.{end}", root / kind / "val")


def label_nothing(root):
    for path in (root / "masks" / "train").iterdir():
        write_png(path, np.full((64, 96), 255, np.uint8))


def list_a_stranger(root):
    (root / "train.txt").write_text("train_002\nnobody\n")
    change(root / "data.toml", 'labels = "masks/train"', 'labels = "masks/train"\nlist = "train.txt"')


def list_one_twice(root):
    (root / "train.txt").write_text("train_002\ntrain_001\ntrain_002\n")
    change(root / "data.toml", 'labels = "masks/train"', 'labels = "masks/train"\nlist = "train.txt"')


@pytest.mark.parametrize(
    ("plant", "file", "words"),
    [
        (lose_label, "train_002.jpg", "label is missing"),
        (lose_image, "train_002.png", "image is missing"),
        (resize_label, "train_002.png", "64x96"),
        (put_unknown_id, "train_002.png", "label 31, classes are 0..3 and 255"),
        (put_colour_label, "train_002.png", "label mode RGB"),
        (put_jpeg_label, "train_002.jpg", "*.png"),
        (hide_jpeg_in_png, "train_002.png", "not a PNG file"),
        (empty_split, "images/train", "*.png, .jpg, .jpeg"),
        (copy_into_val, "train_002.jpg", "same image as train"),
        (label_nothing, "drawn train", "no pixel has a class"),
        (list_a_stranger, "train.txt", "'nobody'"),
        (list_one_twice, "train.txt line 3", "line 1"),
    ],
)
def test_a_planted_fault_is_refused_by_name(own, plant, file, words):
    plant(own.parent)
    entry = catalogue.entry(str(own))
    openers = {split: lambda split=split: open_split(own, split) for split in entry.splits}
    problems = check_data(entry.name, openers, entry.stored_ids).problems
    (problem,) = [one for one in problems if words in one]
    assert file in problem


def test_a_colour_of_no_class_is_refused_with_file_and_colour(tmp_path):
    root = write_colours(tmp_path, ignored=(9, 9, 9))
    names = json.dumps([f"kind {place}" for place in range(16)])
    (root / "data.toml").write_text(
        f'name = "coloured"\nstored = "colours"\nclasses = {names}\ncolours = {json.dumps(COLOURS)}\n'
        'label_end = "_L.png"\nsplits.train = {images = "train", labels = "train_labels"}\n'
    )
    with pytest.raises(RefusedInput, match=r"train_000_L.png: colour \(9, 9, 9\)"):
        open_split(root).read(0)
