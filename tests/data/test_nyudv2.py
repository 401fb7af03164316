"""NYUDv2 as a folder: the real sample by eye, the two forms of labels, the border, partial folders."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.border import find_box
from bench.data.catalogue import open_data
from bench.data.dataset import IGNORE, MissingSplit, data_notes, manifest_digest
from bench.data.nyudv2 import open_nyudv2
from bench.data.nyudv2_classes import CLASSES, FORMS, STUFF
from bench.errors import RefusedInput, UsageError

# (row, column) of things seen in two pictures, named before the label was looked at
SEEN = {
    "000433": {
        (70, 230): "wall",
        (440, 450): "floor",
        (110, 560): "window",
        (120, 90): "picture",
        (270, 400): "otherfurniture",  # a billiard table
    },
    "000834": {
        (430, 320): "floor",
        (100, 530): "blinds",
        (400, 80): "cabinet",
        (300, 200): "counter",
        (195, 95): "person",
        (250, 450): "sink",
    },
}


@pytest.mark.parametrize("name", list(SEEN))
def test_golden_pixels_of_the_sample(nyudv2_root, name):
    data = open_nyudv2("val", nyudv2_root)
    [index] = [index for index in range(len(data)) if data.sample_name(index) == name]
    sample = data.read(index)
    assert {where: CLASSES[sample.label[where]] for where in SEEN[name]} == SEEN[name]


def test_the_classes_are_those_of_the_source_and_40(nyudv2_root):
    assert list(CLASSES) == (nyudv2_root / "classes40.txt").read_text().splitlines()
    assert [CLASSES[train_id] for train_id in STUFF] == ["wall", "floor", "ceiling", "floor mat"]


def test_a_sample_folder_says_how_many_of_the_listed_pairs_it_holds(nyudv2_root, tmp_path, make_nyudv2):
    if len(open_nyudv2("val", nyudv2_root)) == 4:
        assert data_notes(open_nyudv2("val", nyudv2_root)) == (
            "4 of the 654 pairs that val.nyu lists are here",
        )
    root = make_nyudv2(tmp_path / "nyudv2_sample")
    (root / "train_labels" / "000003.png").unlink()
    data = open_nyudv2("train", root)
    assert (len(data), data.sample_name(0)) == (1, "000004")
    assert data_notes(data) == ("1 of the 2 pairs that train.nyu lists are here",)


def test_a_whole_folder_may_miss_nothing(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path / "nyudv2")
    (root / "train_labels" / "000003.png").unlink()
    with pytest.raises(RefusedInput, match=r"train_labels.000003\.png: no such file; 1 of the 2 pairs"):
        open_nyudv2("train", root)


def test_a_missing_split_names_its_folder(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path / "nyudv2_sample")
    shutil.rmtree(root / "train_images")
    with pytest.raises(
        MissingSplit, match=r"train_images: not there, so nyudv2_sample has no train split; it has val"
    ):
        open_nyudv2("train", root)
    with pytest.raises(MissingSplit, match="it has no split"):
        open_nyudv2("val", tmp_path / "nothing")


def test_the_same_label_files_read_in_another_form_are_another_manifest(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    digests = {manifest_digest(open_nyudv2("val", root, labels=form)) for form in FORMS}
    assert len(digests) == len(FORMS)


def test_test_and_val_name_the_same_654_images(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    val, test = open_nyudv2("val", root), open_nyudv2("test", root)
    assert val.manifest() == test.manifest()
    assert (val.split, test.split) == ("val", "test")
    with pytest.raises(UsageError, match="no nyudv2 split 'all'; choose from train, val, test"):
        open_nyudv2("all", root)


@pytest.mark.parametrize("form", list(FORMS))
def test_both_forms_of_labels_give_the_same_40_classes_and_the_shifted_one_is_said(
    tmp_path, make_nyudv2, form
):
    data = open_nyudv2("train", make_nyudv2(tmp_path, form))
    label = data.read(0).label.flatten()[:41].tolist()
    # drawn are 0..40 in turn: 40 stands for void in one form, 0 in the other
    assert label == ([*range(40), IGNORE] if form == "0..39" else [IGNORE, *range(40)])
    assert len(data.classes) == 40
    assert any("recognised as 0..40" in note for note in data_notes(data)) == (form == "0..40")


def test_labels_that_could_be_either_form_need_the_option(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    for path in root.glob("*_labels/*.png"):
        Image.fromarray(np.full((24, 64), 5, dtype=np.uint8)).save(path)
    with pytest.raises(RefusedInput, match="neither 40 nor 255") as caught:
        open_nyudv2("train", root)
    assert "data_options.labels" in caught.value.then
    names = [CLASSES[open_nyudv2("train", root, labels=form).read(0).label[0, 0]] for form in FORMS]
    assert names == ["sofa", "chair"]  # 5 counted from 0, and from 1


def test_a_folder_with_40_and_255_is_neither_form(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    Image.fromarray(np.array([[40, 0]], dtype=np.uint8)).save(root / "train_labels" / "000004.png")
    with pytest.raises(RefusedInput, match="both 40 and 255"):
        open_nyudv2("train", root)


def test_the_wrong_form_by_option_is_refused_when_a_label_is_read(tmp_path, make_nyudv2):
    with pytest.raises(RefusedInput, match=r"label 40, classes are 0\.\.39 and 255 \(ignored\)"):
        open_nyudv2("val", make_nyudv2(tmp_path / "a", "0..40"), labels="0..39").read(0)
    with pytest.raises(RefusedInput, match=r"label 255, classes are 1\.\.40 and 0 \(ignored\)"):
        open_nyudv2("val", make_nyudv2(tmp_path / "b", "0..39"), labels="0..40").read(0)


def bordered(seed, top=6, left=7):
    """A 480x640 image: noise in 468x625 pixels, a rim of one blended pixel around, white outside."""
    image = np.full((480, 640, 3), 255, dtype=np.uint8)
    image[top - 1 : top + 469, left - 1 : left + 626] = 200
    rng = np.random.Generator(np.random.PCG64(seed))
    image[top : top + 468, left : left + 625] = rng.integers(0, 240, (468, 625, 3), dtype=np.uint8)
    return image


def test_the_box_is_found_from_the_border_and_a_white_wall_in_one_image_does_not_matter():
    images = [torch.from_numpy(bordered(seed, 9, 4)).permute(2, 0, 1).clone() for seed in range(2)]
    images[0][:, :200] = 255
    box = find_box(images, "here")
    assert (box.top, box.left) == (9, 4)
    assert torch.equal(box.cut(images[1]), images[1][:, 9:477, 4:629])
    assert str(box) == "468x625 (height x width) from row 9, column 4"


@pytest.mark.parametrize("value", [0, 255])
def test_images_without_the_known_border_are_refused(value):
    image = torch.full((3, 480, 640), value, dtype=torch.uint8)
    with pytest.raises(RefusedInput, match=r"inside its white border are (480x640|0x0) .* expected 470x627"):
        find_box([image], "here")


def test_cropping_cuts_image_and_label_alike_and_is_another_manifest(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path, size_hw=(480, 640))
    Image.fromarray(bordered(0)).save(root / "val_images" / "000001.png")
    whole, cropped = open_nyudv2("val", root), open_nyudv2("val", root, crop_border=True)
    before, after = whole.read(0), cropped.read(0)
    assert torch.equal(after.image, before.image[:, 6:474, 7:632])
    assert torch.equal(after.label, before.label[6:474, 7:632])
    assert after.image.shape == (3, 468, 625)
    assert data_notes(cropped) == ("border cropped to 468x625 (height x width) from row 6, column 7",)
    assert manifest_digest(whole) != manifest_digest(cropped)


def test_the_real_border_leaves_468x625_as_the_cropped_images_have(nyudv2_root):
    data = open_nyudv2("val", nyudv2_root, crop_border=True)
    places = {data.sample_name(index): index for index in range(len(data))}
    # 000433 still has its border, 000834 was cropped by those who published it
    for name in ("000433", "000834"):
        assert data.read(places[name]).image.shape == (3, 468, 625)
    assert data_notes(data)[-1] == "border cropped to 468x625 (height x width) from row 6, column 7"


def test_cropping_refuses_what_never_had_the_border(tmp_path, make_nyudv2):
    with pytest.raises(RefusedInput, match=r"crop_border .* 480x640"):
        open_nyudv2("val", make_nyudv2(tmp_path), crop_border=True)


def test_options_come_through_the_catalogue_and_wrong_ones_are_refused(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    assert len(open_data("nyudv2", "train", root, labels="0..39")) == 2
    with pytest.raises(UsageError, match="nyudv2 has no option crop; it has crop_border, labels, class_map"):
        open_data("nyudv2", "train", root, crop=True)
    with pytest.raises(UsageError, match="crop_border = 1, expected true and false"):
        open_data("nyudv2", "train", root, crop_border=1)
    with pytest.raises(UsageError, match="no nyudv2 form of labels '1'; choose from auto"):
        open_data("nyudv2", "train", root, labels="1")


@pytest.mark.parametrize("line", ["only_one.png", "a.png b.png c.png", "../a.png b.png", "/a.png b.png", ""])
def test_a_malformed_list_is_refused_by_line(tmp_path, make_nyudv2, line):
    root = make_nyudv2(tmp_path)
    (root / "official_split" / "val.nyu").write_text(f"val_images/000001.png val_labels/000001.png\n{line}\n")
    with pytest.raises(RefusedInput, match=r"val\.nyu line 2: found"):
        open_nyudv2("val", root)


def test_a_list_may_not_name_an_image_twice_nor_be_empty(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    listing = root / "official_split" / "val.nyu"
    listing.write_text(listing.read_text() * 2)
    with pytest.raises(RefusedInput, match=r"val_images/000001\.png is listed more than once"):
        open_nyudv2("val", root)
    listing.write_text("")
    with pytest.raises(RefusedInput, match=r"val\.nyu: empty"):
        open_nyudv2("val", root)


def test_a_test_list_is_that_of_val(tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path)
    (root / "official_split" / "val.nyu").rename(root / "test.txt")
    assert open_nyudv2("val", root).read(0).name == "000001"
