"""``data check`` finds six planted faults, in drawn folders of each layout and in copies of real samples."""

import shutil

import numpy as np
import pytest
from PIL import Image

from bench.data import catalogue
from bench.data.check import check_data
from bench.data.check_report import Published
from bench.errors import RefusedInput

SIX = ("wrong id", "size mismatch", "truncated", "duplicate", "16 bit", "orientation")


def check(name, root, **options):
    entry = catalogue.entry(name)
    openers = {split: (lambda split=split: catalogue.open_data(name, split, root)) for split in entry.splits}
    published = Published(stored_names=entry.stored_names, unlabelled=entry.unlabelled)
    return check_data(name, openers, entry.stored_ids, published, **options)


def plant(fault, image, label, other):
    """Plant a fault in one pair, whose image is a JPEG or PNG; ``other`` is an image of another split."""
    ids = np.array(Image.open(label))
    if fault == "wrong id":
        ids[0, 0] = 200
        Image.fromarray(ids).save(label)
    elif fault == "size mismatch":
        Image.fromarray(ids[:-1]).save(label)
    elif fault == "truncated":
        content = image.read_bytes()
        image.write_bytes(content[: len(content) * 2 // 3])
    elif fault == "duplicate":
        shutil.copy(image, other)
    elif fault == "16 bit":
        Image.fromarray((ids if ids.ndim == 2 else ids[..., 0]).astype(np.uint16)).save(label)
    else:
        picture = Image.open(image).convert("RGB")
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(image, exif=exif)


FINDS = {
    "wrong id": "label 200, classes are",
    "size mismatch": "expected equal",
    "truncated": "truncated or damaged PNG or JPEG",
    "duplicate": "the same image as train",
    "16 bit": "label mode I;16, expected",
    "orientation": "(EXIF orientation 6: turned when read, its label is not)",
}


@pytest.mark.parametrize("fault", SIX)
def test_each_of_the_six_faults_is_found_alone_and_named_in_every_layout(drawn_set, fault):
    name, root = drawn_set
    train, val = (catalogue.open_data(name, split, root) for split in ("train", "val"))
    image, label = train.image_path(0), root / str(train.pairs[0].label)
    assert check(name, root).problems == []
    plant(fault, image, label, val.image_path(0))
    # an orientation of 6 exchanges the sides, so that image and label differ in size: one problem, not two
    [problem] = check(name, root).problems
    of_colours = name == "camvid-full" and fault == "wrong id"
    assert ("colour (200, 200, 200) is of no class" if of_colours else FINDS[fault]) in problem
    where = "val" if fault == "duplicate" else train.sample_name(0)
    assert where in problem


def test_all_six_at_once_are_six_problems(tmp_path, make_ade20k):
    from bench.data.ade20k import ADE20K

    root = make_ade20k(tmp_path)
    (first, first_label), *_ = ADE20K("train", root).pairs
    for number in range(3, 9):  # six pairs, one for each fault, each another image
        for kind, suffix, source in (("images", "jpg", first), ("annotations", "png", first_label)):
            target = root / kind / "training" / f"ADE_train_{number:08d}.{suffix}"
            shutil.copy(root / source, target)
            if kind == "images":
                Image.fromarray(np.array(Image.open(target)) ^ np.uint8(number)).save(target)
    train, val = ADE20K("train", root), ADE20K("val", root)
    for index, fault in enumerate(SIX, start=2):
        plant(fault, train.image_path(index), root / train.pairs[index].label, val.image_path(0))
    report = check("ade20k", root)
    for index, fault in enumerate(SIX, start=2):
        name = train.sample_name(index)
        assert [FINDS[fault] in problem for problem in report.problems if name in problem] == [True], fault
    assert len(report.problems) == 6
    assert report.splits["train"].unreadable == 5


@pytest.mark.parametrize("fault", SIX)
def test_the_six_faults_are_found_in_a_copy_of_the_real_nyudv2_sample(nyudv2_root, tmp_path, fault):
    if not nyudv2_root.name.endswith("_sample"):
        pytest.skip("the whole set is not copied")
    root = tmp_path / "nyudv2_sample"
    shutil.copytree(nyudv2_root, root)
    # one of the four becomes a training pair, so that there are two splits
    for kind in ("images", "labels"):
        (root / f"train_{kind}").mkdir()
        shutil.move(root / f"val_{kind}" / "000972.png", root / f"train_{kind}" / "000003.png")
    train, val = (catalogue.open_data("nyudv2", split, root) for split in ("train", "val"))
    # the last one has the size of the training pair, so that a copy of that is a duplicate and nothing more
    plant(fault, train.image_path(0), root / str(train.pairs[0].label), val.image_path(len(val) - 1))
    [problem] = check("nyudv2", root, partial=True).problems
    assert FINDS[fault] in problem


def test_a_real_ade20k_image_that_was_cut_off_is_found(ade20k_root, tmp_path):
    root = tmp_path / "ade20k_sample"
    for kind in ("images", "annotations"):
        for number in (1, 2):
            [source] = (ade20k_root / kind / "validation").glob(f"ADE_val_{number:08d}.*")
            (root / kind / "validation").mkdir(parents=True, exist_ok=True)
            shutil.copy(source, root / kind / "validation")
    report = check("ade20k", root, partial=True)
    assert report.problems == []
    # of 683x512 and 500x364 pixels, counted with another program
    assert report.splits["val"].stored_pixels["10"] == 53099
    assert report.splits["val"].ignored_pixels == 3613 + 17280
    path = root / "images" / "validation" / "ADE_val_00000002.jpg"
    path.write_bytes(path.read_bytes()[:9000])
    assert ["ADE_val_00000002" in problem for problem in check("ade20k", root, partial=True).problems] == [
        True
    ]


def turned(root, orientation, make_ade20k):
    make_ade20k(root)
    image = root / "images" / "validation" / "ADE_val_00000001.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.open(image).convert("RGB")
    (picture.transpose(Image.Transpose.ROTATE_90) if orientation > 4 else picture).save(image, exif=exif)
    return check("ade20k", root)


def test_an_image_turned_upside_down_is_a_problem_because_its_label_fits_both_ways(tmp_path, make_ade20k):
    report = turned(tmp_path, 3, make_ade20k)
    assert report.problems == [
        "val/ADE_val_00000001 (EXIF orientation 3: turned when read, its label is not)"
    ]


def test_an_image_turned_to_the_size_of_its_label_is_a_note(tmp_path, make_ade20k):
    report = turned(tmp_path, 6, make_ade20k)
    assert report.problems == []
    assert any("EXIF orientation 6" in note for note in report.notes)


def test_the_histogram_is_by_stored_id_beside_the_table(tmp_path, make_cityscapes):
    report = check("cityscapes", make_cityscapes(tmp_path))
    # 768 pixels of 34 ids in turn: 22 rounds and the ids 0..19 once more, in two labels
    assert report.splits["train"].stored_pixels["19"] == 2 * 23
    assert report.splits["train"].stored_pixels["20"] == 2 * 22
    assert report.stored_ids["7"] == "road"
    assert report.stored_ids["1"] == "ignored (ego vehicle)"
    assert "-1" not in report.stored_ids
    test = report.splits["test"]
    assert (test.samples, test.labelled, test.stored_pixels) == (1, False, {})
    assert any("cityscapes test: images only" in note for note in report.notes)


def test_labels_without_any_class_are_a_problem(tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path)
    label = next((root / "gtFine" / "val" / "lindau").glob("*_labelIds.png"))
    # ego vehicle and license plate's neighbour: ids of no class, as the dummies of the test split
    ids = np.array(Image.open(label))
    Image.fromarray(np.where(ids % 2 == 0, 1, 29).astype(np.uint8)).save(label)
    assert check("cityscapes", root).problems == [
        "cityscapes val: no pixel has a class, as in the dummy labels of a test split"
    ]


def test_a_part_of_a_set_is_no_problem_when_that_is_said(tmp_path, make_ade20k):
    root = make_ade20k(tmp_path)
    shutil.rmtree(root / "images" / "training")
    whole, part = check("ade20k", root), check("ade20k", root, partial=True)
    assert ["training: not there" in problem for problem in whole.problems] == [True]
    assert part.problems == []
    assert ["training: not there" in part.notes[0], "testing: not there" in part.notes[-1]] == [True, True]


def test_a_folder_without_any_split_is_a_problem_even_as_a_part(tmp_path):
    assert check("ade20k", tmp_path, partial=True).problems == ["ade20k: the folder holds no split at all"]


def test_train_ids_are_a_problem_of_the_check_too(tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path)
    for label in (root / "gtFine" / "val").rglob("*_labelIds.png"):
        Image.fromarray(np.full((24, 32), 7, dtype=np.uint8)).save(label)
    assert ["these are trainIds" in problem for problem in check("cityscapes", root).problems] == [True]
    with pytest.raises(RefusedInput):
        catalogue.open_data("cityscapes", "val", root)
