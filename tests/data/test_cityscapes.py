"""Cityscapes: the real sample by eye, the one table, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.cityscapes import CLASSES, LABEL_IDS, LABELS, STUFF, Cityscapes, place
from bench.data.dataset import IGNORE, MissingSplit, is_labelled, require_labels
from bench.data.images import read_ids
from bench.errors import RefusedInput, UsageError

# (row, column) of things seen in two pictures, named before the label was looked at
SEEN = {
    "aachen_000000_000019": {
        (800, 1000): "road",
        (300, 1200): "building",
        (480, 700): "car",
        (200, 1700): "vegetation",
        (40, 1920): "sky",
        (620, 120): "terrain",
        (320, 104): "traffic sign",
        (490, 1870): "rider",
    },
    "aachen_000004_000019": {
        (600, 1000): "road",
        (490, 660): "car",
        (160, 120): "building",
        (120, 1600): "sky",
        (510, 76): "person",
        (260, 1990): "traffic light",
        (580, 1960): "sidewalk",
        (510, 260): "fence",
    },
}


@pytest.mark.parametrize("name", list(SEEN))
def test_golden_pixels_of_the_sample(cityscapes_root, name):
    data = Cityscapes("train", cityscapes_root)
    [index] = [index for index in range(len(data)) if data.sample_name(index) == name]
    sample = data.read(index)
    assert sample.name == name
    assert sample.image.shape == (3, 1024, 2048)
    assert {where: CLASSES[sample.label[where]] for where in SEEN[name]} == SEEN[name]
    assert sample.label[1020, 1200] == IGNORE  # the bonnet at the lowest edge, stored as 3, out of roi


def test_the_table_has_34_ids_and_the_plate_and_scores_19_of_them():
    assert sorted(LABELS) == list(range(-1, 34))
    assert sum(entry.train_id == IGNORE for entry in LABELS.values()) == 35 - 19
    # the order in which the benchmark lists its classes
    assert CLASSES[0] == "road"
    assert CLASSES[18] == "bicycle"
    assert LABEL_IDS == (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    assert [LABELS[label_id].train_id for label_id in LABEL_IDS] == list(range(19))
    assert [CLASSES[train_id] for train_id in STUFF][-1] == "sky"


def test_every_stored_id_becomes_its_train_id(tmp_path, make_cityscapes):
    data = Cityscapes("train", make_cityscapes(tmp_path))
    label = data.read(0).label.flatten()[:34].tolist()  # the drawn label holds 0..33 in turn
    assert label == [LABELS[stored].train_id for stored in range(34)]


def test_a_name_holds_its_city_so_that_equal_frames_of_two_cities_differ(tmp_path, make_cityscapes):
    data = Cityscapes("train", make_cityscapes(tmp_path))
    assert [data.sample_name(index) for index in range(2)] == ["aachen_000000_000019", "ulm_000000_000019"]
    assert len(data) == 2


def test_the_test_split_opens_without_labels_and_may_not_be_scored(tmp_path, make_cityscapes):
    data = Cityscapes("test", make_cityscapes(tmp_path))
    assert not is_labelled(data)
    assert data.read_image(0).shape == (3, 24, 32)
    assert list(data.manifest()) == ["leftImg8bit/test/bonn/bonn_000000_000019_leftImg8bit.png"]
    for score in (lambda: data.read(0), lambda: require_labels(data)):
        with pytest.raises(
            RefusedInput, match=r"cityscapes test: no labels to score with .*dummies"
        ) as caught:
            score()
        assert "submit" in caught.value.then


def test_a_missing_split_names_its_folder_and_what_there_is(cityscapes_root, tmp_path):
    if (cityscapes_root / "leftImg8bit" / "val").is_dir():
        pytest.skip("this is not the sample")
    with pytest.raises(MissingSplit, match=r"leftImg8bit.val: not there.* it has train") as caught:
        Cityscapes("val", cityscapes_root)
    assert "cityscapes-dataset.com" in caught.value.then
    with pytest.raises(MissingSplit, match="it has no split"):
        Cityscapes("val", tmp_path)
    with pytest.raises(UsageError, match="no cityscapes split 'valid'; choose from train, val, test"):
        Cityscapes("valid", tmp_path)


@pytest.mark.parametrize(("gone", "kind"), [("leftImg8bit", "image"), ("gtFine", "label")])
def test_a_file_without_its_partner_is_refused(tmp_path, make_cityscapes, gone, kind):
    root = make_cityscapes(tmp_path)
    for path in (root / gone / "train" / "ulm").iterdir():
        path.unlink()
    with pytest.raises(
        RefusedInput, match=f"ulm.*its {kind} is missing; cityscapes train has 1 such files of 2"
    ):
        Cityscapes("train", root)


def write_train_ids(root, with_void):
    """Turn the label files into what cityscapesScripts would write as trainIds."""
    table = np.array([LABELS[stored].train_id for stored in range(34)], dtype=np.uint8)
    for path in (root / "gtFine" / "train").rglob("*_labelIds.png"):
        ids = table[read_ids(path).numpy()]
        if not with_void:
            ids[ids == IGNORE] = 0
        Image.fromarray(ids).save(path)


@pytest.mark.parametrize("with_void", [True, False])
def test_train_ids_in_the_place_of_label_ids_are_recognised_when_the_split_is_opened(
    tmp_path, make_cityscapes, with_void
):
    root = make_cityscapes(tmp_path)
    write_train_ids(root, with_void)
    with pytest.raises(
        RefusedInput, match=r"only ids 0\.\.18 and 255.* trainIds, not labelIds.* 0\.4 % mIoU"
    ):
        Cityscapes("train", root)


def test_one_file_of_train_ids_among_label_ids_is_named_when_it_is_read(tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path)
    data = Cityscapes("train", root)
    label = root / str(data.pairs[1].label)
    Image.fromarray(np.array([[0, 13, 18, 255]], dtype=np.uint8).repeat(24, 0).repeat(8, 1)).save(label)
    assert data.read(0).name == "aachen_000000_000019"
    with pytest.raises(RefusedInput, match=r"ulm_000000_000019_gtFine_labelIds\.png: only ids .*trainIds"):
        data.read(1)


def test_255_beside_other_label_ids_is_just_out_of_range(tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path)
    data = Cityscapes("train", root)
    label = root / str(data.pairs[1].label)
    Image.fromarray(np.array([[7, 26, 255]], dtype=np.uint8)).save(label)
    with pytest.raises(RefusedInput, match=r"label 255, classes are 7\.\.8, 11\.\.13"):
        data.read(1)


def test_the_probe_leaves_a_damaged_label_to_whoever_reads_it(tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path)
    label = next((root / "gtFine" / "train" / "aachen").glob("*_labelIds.png"))
    label.write_bytes(label.read_bytes()[:60])
    data = Cityscapes("train", root)
    with pytest.raises(RefusedInput, match="truncated or damaged"):
        data.read(0)
    assert torch.equal(data.probe_ids(5) > 0, torch.arange(256) < 34)


@pytest.mark.parametrize(
    ("member", "target"),
    [
        ("leftImg8bit/val/lindau/lindau_000001_000019_leftImg8bit.png", "as it is"),
        ("gtFine/train/aachen/aachen_000001_000019_gtFine_labelIds.png", "as it is"),
        (
            "gtFine_trainvaltest/gtFine/val/ulm/ulm_000001_000019_gtFine_labelIds.png",
            "without its first folder",
        ),
        ("gtFine/train/aachen/aachen_000001_000019_gtFine_color.png", None),
        ("gtFine/test/bonn/bonn_000001_000019_gtFine_labelIds.png", None),
        ("README", None),
    ],
)
def test_of_the_archives_only_what_is_read_is_placed(member, target):
    wanted = {"as it is": member, "without its first folder": member.partition("/")[2], None: None}[target]
    assert place(member) == wanted
