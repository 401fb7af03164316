"""The raw NYUDv2 on files made to its description; the real file was not at hand."""

import pickle
import shutil

import numpy as np
import pytest
import torch

from bench.data.catalogue import open_data
from bench.data.dataset import IGNORE, data_notes, manifest_digest
from bench.data.images import read_ids, read_image
from bench.data.nyudv2 import open_nyudv2
from bench.data.nyudv2_mat import read_class_map
from bench.data.prepare import prepare
from bench.errors import RefusedInput, UsageError


@pytest.fixture
def raw(tmp_path, make_nyu_mat):
    """Four images with the known border, two to train (3, 1) and two to test (2, 4)."""
    rng = np.random.Generator(np.random.PCG64(0))
    images = np.full((4, 480, 640, 3), 255, dtype=np.uint8)
    images[:, 5:475, 6:633] = 90
    images[:, 6:474, 7:632, 1] = rng.integers(0, 240, (4, 468, 625), dtype=np.uint8)
    labels = np.zeros((4, 480, 640), dtype=np.uint16)
    labels[:, 10:20, 30:60] = 21
    labels[:, 100:110, :] = 894
    labels[2, 0, 639] = 41
    return make_nyu_mat(tmp_path / "nyudv2", images, labels, [3, 1], [2, 4]), images, labels


def test_matlabs_reversed_axes_are_put_right(raw):
    (mat, *_), images, _ = raw
    data = open_nyudv2("train", mat.parent)
    assert [data.sample_name(index) for index in range(len(data))] == ["000001", "000003"]
    sample = data.read(1)
    assert torch.equal(sample.image, torch.from_numpy(images[2]).permute(2, 0, 1))
    assert sample.image.is_contiguous()
    # a block wider than high, and a corner, which an exchange of rows and columns would move
    assert torch.equal((sample.label == 20).nonzero().aminmax(dim=0).max, torch.tensor([19, 59]))
    assert sample.label[0, 639] == 0


def test_raw_classes_become_the_40_and_unlabelled_becomes_ignored(raw):
    (mat, *_), _, _ = raw
    label = open_nyudv2("val", mat.parent).read(0).label
    # the map of the fixture: raw class k is (k - 1) % 40 + 1, so 21 is the 21st and 894 the 14th class
    assert label[15, 45] == 20
    assert label[105, 300] == 13
    assert label[0, 0] == IGNORE
    assert set(label.unique().tolist()) == {13, 20, IGNORE}


def test_it_says_that_it_was_not_tried_on_the_real_file(raw):
    (mat, *_), _, _ = raw
    assert "not verified on the real file" in data_notes(open_nyudv2("train", mat.parent))[0]


def test_the_crop_is_found_and_recorded(raw):
    (mat, *_), images, _ = raw
    data = open_nyudv2("val", mat.parent, crop_border=True)
    assert torch.equal(data.read(0).image, torch.from_numpy(images[1, 6:474, 7:632]).permute(2, 0, 1))
    assert data.read(0).label.shape == (468, 625)
    assert data_notes(data)[-1] == "border cropped to 468x625 (height x width) from row 6, column 7"
    assert manifest_digest(data) != manifest_digest(open_nyudv2("val", mat.parent))


def test_a_reader_works_in_another_process(raw):
    (mat, *_), _, _ = raw
    data = open_nyudv2("train", mat.parent)
    again = pickle.loads(pickle.dumps(data))  # noqa: S301 - as a worker receives it
    assert torch.equal(again.read(0).image, data.read(0).image)


def test_splits_share_no_image_and_the_manifest_names_image_label_and_map(raw):
    (mat, *_), _, _ = raw
    train, val = (open_nyudv2(split, mat.parent) for split in ("train", "val"))
    assert not set(train.image_digests().values()) & set(val.image_digests().values())
    wanted = ["classMapping40.mat", "images/000002", "images/000004", "labels/000002", "labels/000004"]
    assert sorted(val.manifest()) == wanted


def test_prepare_converts_to_folders_that_read_the_same_and_goes_on_where_it_was_stopped(raw, tmp_path):
    files, _, _ = raw
    target = tmp_path / "converted"
    first = prepare("nyudv2", [files[2], files[0], files[1]], target)
    assert (first.written, first.kept) == (8, 0)
    for split in ("train", "val"):
        folder, direct = open_nyudv2(split, target, labels="0..39"), open_nyudv2(split, files[0].parent)
        for index in range(2):
            assert torch.equal(folder.read(index).image, direct.read(index).image)
            assert torch.equal(folder.read(index).label, direct.read(index).label)
            assert folder.sample_name(index) == direct.sample_name(index)
    (target / "val_labels" / "000002.png").write_bytes(b"half")
    (target / "train_images" / "000003.png").unlink()
    again = prepare("nyudv2", files, target)
    assert (again.written, again.kept) == (2, 6)
    assert read_ids(target / "val_labels" / "000002.png").shape == (480, 640)
    assert read_image(target / "train_images" / "000003.png").shape == (3, 480, 640)


def test_prepare_tells_which_of_the_three_files_is_missing_or_strange(raw, tmp_path):
    files, _, _ = raw
    with pytest.raises(RefusedInput, match="the map to 40 classes and the splits missing"):
        prepare("nyudv2", files[:1], tmp_path / "out")
    copy = shutil.copy(files[1], tmp_path / "copy.mat")
    with pytest.raises(RefusedInput, match=r"is the splits, and so is .*; expected one"):
        prepare("nyudv2", [*files, copy], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("splits.mat", r"splits\.mat: not a MATLAB 5 file"),
        ("classMapping40.mat", r"classMapping40\.mat: not a MATLAB 5 file"),
        ("nyu_depth_v2_labeled.mat", r"nyu_depth_v2_labeled\.mat: not an HDF5 file"),
    ],
)
def test_a_damaged_file_is_refused_by_name(raw, name, message):
    (mat, *_), _, _ = raw
    (mat.parent / name).write_bytes(b"MATLAB 5.0 MAT-file, not" * 20)
    with pytest.raises(RefusedInput, match=message):
        open_nyudv2("val", mat.parent)


@pytest.mark.parametrize("name", ["splits.mat", "classMapping40.mat"])
def test_a_missing_file_is_named_with_where_to_get_it(raw, name):
    (mat, *_), _, _ = raw
    (mat.parent / name).unlink()
    with pytest.raises(RefusedInput, match=rf"{name}: no such file") as caught:
        open_nyudv2("val", mat.parent)
    assert "data fetch nyudv2" in caught.value.then


def test_a_split_outside_the_images_is_refused(tmp_path, make_nyu_mat):
    mat, *_ = make_nyu_mat(
        tmp_path / "nyudv2", np.zeros((1, 480, 640, 3), np.uint8), np.zeros((1, 480, 640)), [1], [2]
    )
    assert len(open_nyudv2("train", mat.parent)) == 1
    with pytest.raises(RefusedInput, match=r"testNdxs has 1 numbers, expected different ones of 1\.\.1"):
        open_nyudv2("test", mat.parent)


def test_axes_that_are_not_reversed_are_refused(tmp_path, make_nyu_mat):
    # as a file written by Python in its own order would be
    images = np.zeros((1, 640, 480, 3), np.uint8)
    mat, *_ = make_nyu_mat(tmp_path / "nyudv2", images, np.zeros((1, 640, 480)), [1], [1])
    with pytest.raises(RefusedInput, match=r"images is \(1, 3, 480, 640\), expected \(number, 3, 640, 480\)"):
        open_nyudv2("train", mat.parent)


@pytest.mark.parametrize(
    ("kind", "value"), [("uint16", 895), ("float64", 2.5), ("int16", -1), ("float32", np.nan)]
)
def test_a_raw_class_that_the_map_does_not_know_is_refused(raw, kind, value):
    (mat, *_), _, labels = raw
    replace_labels(mat, labels, kind, (1, 15, 45), value)
    with pytest.raises(
        RefusedInput, match=rf"image 000002: raw class {value}, classMapping40\.mat maps 1\.\.894"
    ):
        open_nyudv2("val", mat.parent).read(0)


@pytest.mark.parametrize("kind", ["float64", "int32"])
def test_labels_of_another_type_of_number_are_the_same_classes(raw, kind):
    (mat, *_), _, labels = raw
    before = open_nyudv2("val", mat.parent).read(0).label
    replace_labels(mat, labels, kind, (1, 0, 0), 0)
    assert torch.equal(open_nyudv2("val", mat.parent).read(0).label, before)


def replace_labels(mat, labels, kind, place, value):
    import h5py

    changed = labels.astype(kind)
    changed[place] = value
    with h5py.File(mat, "r+") as stored:
        del stored["labels"]
        stored["labels"] = changed.transpose(0, 2, 1)


@pytest.mark.parametrize("count", [3, 893, 895])
def test_a_map_without_one_number_for_each_of_the_894_raw_classes_is_refused(raw, count):
    (mat, *_), _, _ = raw
    (mat.parent / "short.txt").write_text(" ".join(str(number % 40 + 1) for number in range(count)))
    with pytest.raises(RefusedInput, match=r"short\.txt: .*expected"):
        open_data("nyudv2", "val", mat.parent, class_map="short.txt")


def test_a_map_to_fewer_than_the_40_classes_is_refused(raw):
    # as classMapping13.mat, a map to 13 classes, would be
    (mat, *_), _, _ = raw
    (mat.parent / "few.txt").write_text(" ".join(str(number % 13 + 1) for number in range(894)))
    with pytest.raises(RefusedInput, match="13 classes"):
        open_data("nyudv2", "val", mat.parent, class_map="few.txt")


@pytest.mark.parametrize("shape", ["cells", "hdf5", "row"])
def test_the_numbers_of_a_split_are_read_in_whatever_form_matlab_holds_them(raw, shape):
    import h5py
    import scipy.io

    (mat, splits, _), _, _ = raw
    cells = np.empty((1, 2), dtype=object)
    cells[0, :] = [np.array([[3.0]]), np.array([[1.0]])]
    row = np.array([[3.0, 1.0]])
    if shape == "hdf5":
        with h5py.File(splits, "w", userblock_size=512) as stored:
            stored["trainNdxs"] = row
    else:
        scipy.io.savemat(splits, {"trainNdxs": cells if shape == "cells" else row})
    assert open_nyudv2("train", mat.parent).numbers == [1, 3]


@pytest.mark.parametrize("numbers", [[1.5, 3.0], ["a", "b"], [1j, 2.0], [np.nan, 1.0]])
def test_numbers_of_a_split_that_are_not_whole_are_refused(raw, numbers):
    import scipy.io

    (mat, splits, _), _, _ = raw
    scipy.io.savemat(splits, {"trainNdxs": np.array(numbers)})
    with pytest.raises(RefusedInput, match=r"splits\.mat: .*whole numbers"):
        open_nyudv2("train", mat.parent)


def test_prepare_tells_the_files_apart_by_content_also_as_matlab_7_3(raw, tmp_path):
    import h5py

    files, _, _ = raw
    with h5py.File(files[1], "w", userblock_size=512) as stored:
        stored["trainNdxs"], stored["testNdxs"] = np.array([[3.0, 1.0]]), np.array([[2.0, 4.0]])
    assert prepare("nyudv2", files, tmp_path / "out").written == 8


def test_a_class_map_is_a_name_and_never_a_path(raw):
    (mat, *_), _, _ = raw
    with pytest.raises(UsageError, match="expected the name of a file"):
        open_data("nyudv2", "val", mat.parent, class_map="../short.txt")


@pytest.mark.parametrize(
    ("text", "found"),
    [("0 1 2", r"0\.\.2"), ("1 41", r"1\.\.41"), ("", "nothing"), ("a", "map"), ("9" * 5000, "map")],
)
def test_a_map_to_other_numbers_than_1_to_40_is_refused(tmp_path, text, found):
    path = tmp_path / "map.txt"
    path.write_text(text)
    with pytest.raises(RefusedInput, match=found):
        read_class_map(path)


def test_without_h5py_the_error_names_the_extra(raw, monkeypatch):
    import sys

    (mat, *_), _, _ = raw
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match="h5py") as caught:
        open_nyudv2("val", mat.parent)
    assert "carnet-bench[nyu]" in caught.value.then
