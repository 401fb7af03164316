"""SceneParse150: the real sample by eye, the shift by one, the names."""

import pytest

from bench.data.ade20k import ADE20K, CLASSES, PALETTE, STORED_IDS, STUFF, place
from bench.data.dataset import IGNORE, MissingSplit, is_labelled
from bench.errors import RefusedInput

# (row, column) of things seen in the two pictures, named before the label was looked at
SEEN = {
    "ADE_val_00000001": {
        (100, 100): "sky",
        (250, 400): "building",
        (480, 300): "grass",
        (345, 40): "tree",
        (507, 660): "road",
        (408, 150): "wall",
    },
    "ADE_val_00000002": {(50, 200): "sky", (200, 330): "building", (250, 40): "tree", (345, 100): "wall"},
}


def test_golden_pixels_of_the_sample(ade20k_root):
    data = ADE20K("val", ade20k_root)
    for index, name in enumerate(SEEN):
        sample = data.read(index)
        assert sample.name == name
        assert {where: CLASSES[sample.label[where]] for where in SEEN[name]} == SEEN[name]
    assert sample.image.shape == (3, 364, 500)
    assert sample.label[340, 300] == IGNORE  # the graves, stored as 0, other


def test_the_table_takes_off_one_and_person_is_12():
    assert STORED_IDS[0] == IGNORE
    assert [STORED_IDS[stored] for stored in (1, 13, 150)] == [0, 12, 149]
    assert [CLASSES[train_id] for train_id in (0, 12, 149)] == ["wall", "person", "flag"]


def test_the_names_are_the_first_ones_of_the_source_in_its_order(ade20k_root):
    lines = (ade20k_root / "objectInfo150.txt").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    assert [row[4].split(",")[0].strip() for row in rows] == list(CLASSES)
    assert [int(row[0]) for row in rows] == list(range(1, 151))


def test_names_and_colours_are_150_different_ones():
    assert len(set(CLASSES)) == len(set(PALETTE)) == 150
    assert (0, 0, 0) not in PALETTE


def test_stuff_is_35_classes_from_wall_to_pier_without_trees_and_doors():
    titles = [CLASSES[train_id] for train_id in STUFF]
    assert len(set(titles)) == 35
    assert (titles[0], titles[-1]) == ("wall", "pier")
    assert not {"tree", "door", "person"} & set(titles)


def test_labels_that_were_shifted_already_are_refused(tmp_path, make_ade20k):
    from PIL import Image

    root = make_ade20k(tmp_path)
    path = root / "annotations" / "validation" / "ADE_val_00000001.png"
    with Image.open(path) as stored:
        shifted = stored.point(lambda value: (value - 1) % 256)
    shifted.save(path)
    with pytest.raises(
        RefusedInput, match=r"ADE_val_00000001\.png: label 255, classes are 1\.\.150 and 0 \(ignored\)"
    ):
        ADE20K("val", root).read(0)


def test_a_missing_split_names_its_folder_and_test_images_have_no_labels(tmp_path, make_ade20k):
    root = make_ade20k(tmp_path)
    with pytest.raises(MissingSplit, match=r"images.testing: not there.* it has train, val"):
        ADE20K("test", root)
    (root / "images" / "testing").mkdir()
    (root / "images" / "training" / "ADE_train_00000001.jpg").rename(
        root / "images/testing/ADE_test_00000001.jpg"
    )
    assert not is_labelled(ADE20K("test", root))
    with pytest.raises(RefusedInput, match="its image is missing"):
        ADE20K("train", root)


def test_files_of_both_archives_find_their_place():
    top = "ADEChallengeData2016/"
    assert place(f"{top}images/training/ADE_train_00000001.jpg") == "images/training/ADE_train_00000001.jpg"
    assert (
        place(f"{top}annotations/validation/ADE_val_00000001.png")
        == "annotations/validation/ADE_val_00000001.png"
    )
    assert place("release_test/testing/ADE_test_00000001.jpg") == "images/testing/ADE_test_00000001.jpg"
    assert place(f"{top}objectInfo150.txt") is None
