"""CamVid at 720x960: the merging of 32 colours, and the split by the names of the frames."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.camvid import CLASSES, CamVid
from bench.data.camvid_full import MERGED, CamVidFull, place, split_of
from bench.data.dataset import IGNORE, MissingSplit
from bench.errors import RefusedInput


def test_all_32_colours_have_a_class_and_all_11_classes_a_colour():
    assert len(MERGED) == len({colour for colour, _ in MERGED.values()}) == 32
    assert {train_id for _, train_id in MERGED.values()} == {*range(11), IGNORE}
    assert [title for title, (_, train_id) in MERGED.items() if train_id == IGNORE] == ["Void"]


def test_the_classes_named_alike_are_merged_into_themselves():
    titles = {
        "Sky": "sky",
        "Building": "building",
        "Road": "road",
        "Tree": "tree",
        "Fence": "fence",
        "Car": "car",
    }
    titles |= {"Sidewalk": "pavement", "Column_Pole": "pole", "SignSymbol": "sign_symbol"}
    names = list(CLASSES)
    assert {title: names[MERGED[title][1]] for title in titles} == titles


def test_each_colour_of_a_label_becomes_its_train_id(tmp_path, make_camvid_full):
    data = CamVidFull("val", make_camvid_full(tmp_path))
    sample = data.read(0)
    assert sample.name == "0016E5_07959"
    # the drawn label holds the 32 colours in turn, in the order of the table: Animal, Archway, Bicyclist, ...
    names = [*CLASSES, *["ignored"] * 245]
    assert [names[train_id] for train_id in sample.label[0, :4]] == [
        "pedestrian",
        "building",
        "bicyclist",
        "building",
    ]
    assert sample.label[0].tolist() == [train_id for _, train_id in MERGED.values()]


def test_a_colour_of_no_class_is_refused_with_its_value(tmp_path, make_camvid_full):
    root = make_camvid_full(tmp_path)
    path = root / "LabeledApproved_full" / "0016E5_07959_L.png"
    pixels = np.array(Image.open(path))
    pixels[3, 5] = (128, 64, 127)
    Image.fromarray(pixels).save(path)
    with pytest.raises(
        RefusedInput, match=r"0016E5_07959_L\.png: colour \(128, 64, 127\) is of no class \(1 of 768"
    ):
        CamVidFull("val", root).read(0)


def test_the_split_by_name_is_that_of_the_tutorials_lists(camvid_root):
    for split in ("train", "val", "test"):
        data = CamVid(split, camvid_root)
        assert {split_of(data.sample_name(index)) for index in range(len(data))} == {split}


def test_frames_of_no_known_sequence_are_refused(tmp_path, make_camvid_full):
    root = make_camvid_full(tmp_path)
    assert [len(CamVidFull(split, root)) for split in ("train", "val", "test")] == [2, 1, 1]
    image = root / "701_StillsRaw_full" / "0016E5_07959.png"
    image.rename(image.with_name("holiday.png"))
    with pytest.raises(RefusedInput, match="holiday: not a frame of CamVid"):
        CamVidFull("train", root)


def test_a_folder_of_lists_and_ids_is_read_like_the_small_version(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid-full")
    full, small = CamVidFull("val", root), CamVid("val", root)
    assert full.pairs == small.pairs
    assert torch.equal(full.read(1).label, small.read(1).label)
    assert full.name == "camvid-full"


def test_an_empty_folder_has_no_split(tmp_path):
    with pytest.raises(MissingSplit, match="701_StillsRaw_full: not there"):
        CamVidFull("train", tmp_path)


def test_labels_of_the_archive_without_a_folder_find_theirs():
    assert place("0016E5_07959_L.png") == "LabeledApproved_full/0016E5_07959_L.png"
    assert place("701_StillsRaw_full/Seq05VD_f00000.png") == "701_StillsRaw_full/Seq05VD_f00000.png"
    assert place("label_colors.txt") is None
