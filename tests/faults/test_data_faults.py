"""Bad data stops the run and names the file: one test or more a fault, each crafted here."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.data.camvid import TRAIN_IDS, CamVid
from bench.data.check import check_data
from bench.data.dataset import (
    IGNORE,
    Sample,
    manifest_digest,
    require_disjoint,
    shared_images,
)
from bench.data.folder import require_equal_size
from bench.data.images import id_table, map_ids, read_image, read_label
from bench.data.loader import epoch_batches, evaluation_samples
from bench.data.transforms import TrainTransform
from bench.errors import RefusedInput

THREE = id_table({0: 0, 1: 1, 2: 2, 255: IGNORE})


def noise(height, width, channels=3):
    rng = np.random.Generator(np.random.PCG64(7))
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def write_camvid(root, train, val):
    """Write a CamVid folder of 16x16 from {name: image seed} for two splits."""
    for split, images in (("train", train), ("val", val)):
        (root / split).mkdir(parents=True)
        (root / f"{split}annot").mkdir()
        for name, seed in images.items():
            pixels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / f"{name}.png")
            Image.fromarray(np.full((16, 16), 3, dtype=np.uint8)).save(root / f"{split}annot" / f"{name}.png")
        lines = (f"{split}/{name}.png {split}annot/{name}.png\n" for name in images)
        (root / f"{split}.txt").write_text("".join(lines))
    return root


# 21: a last batch of one


def test_fault_21_a_last_batch_of_one_never_reaches_batchnorm(toy_data):
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(3)).train()
    transform = TrainTransform((16, 16))
    # 6 samples in batches of 5 leave one over
    for batch in epoch_batches(toy_data, transform, 5, 0, 0):
        assert len(batch.names) == 5
        model(batch.image.float())
    *_, last = epoch_batches(toy_data, transform, 5, 0, 0, drop_last=False)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(last.image.float())
    assert len(list(evaluation_samples(toy_data))) == 6


# 22: workers that repeat each other's augmentation


class Boxes:
    """A transform that returns, for an image, the scaled size and the corner that were drawn."""

    def __call__(self, image, label, generator):
        placement = TrainTransform((8, 8)).draw(tuple(label.shape), generator)
        numbers = [*placement.scaled_hw, placement.top, placement.left]
        return image[:, :1, :1], torch.tensor([numbers])


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_fault_22_crops_of_two_workers_and_two_epochs_are_distinct_and_equal_those_of_none(toy_data):
    def boxes(workers):
        return [
            tuple(label.flatten().tolist())
            for epoch in (0, 1)
            for batch in epoch_batches(toy_data, Boxes(), 2, 0, epoch, workers=workers)
            for label in batch.label
        ]

    drawn = boxes(2)
    assert len(set(drawn)) == 12
    assert drawn == boxes(0)


# 24: files that the check finds


def test_fault_24_data_check_lists_every_bad_file_and_goes_on(tmp_path):
    root = write_camvid(tmp_path / "camvid", {"a": 1, "b": 2, "c": 3}, {"d": 4})
    for name in ("a", "c"):
        path = root / "train" / f"{name}.png"
        path.write_bytes(path.read_bytes()[:200])
    report = check_data("camvid", {"train": lambda: CamVid("train", root)}, TRAIN_IDS)
    assert (report.splits["train"].samples, report.splits["train"].unreadable) == (3, 2)
    assert report.splits["train"].pixels["road"] == 16 * 16
    assert [problem.split(":")[0] for problem in report.problems] == ["train/a", "train/c"]


# 28: labels resampled with interpolation


def test_fault_28_scaling_a_label_of_0_and_10_never_invents_a_5():
    label = torch.zeros(40, 40, dtype=torch.uint8)
    label[:, 20:] = 10
    image = label.expand(3, 40, 40).contiguous()
    transform = TrainTransform((64, 64))
    for seed in range(30):
        out, ids = transform(image, label, torch.Generator().manual_seed(seed))
        assert set(ids.unique().tolist()) <= {0, 10, IGNORE}
        assert out.shape == (3, 64, 64)


# 29: the ignored id


def test_fault_29_applying_the_camvid_table_twice_is_refused():
    table = id_table(TRAIN_IDS)
    once = map_ids(torch.tensor([[0, 10, 11]]), table, 11, "a.png")
    assert once.tolist() == [[0, 10, 255]]
    with pytest.raises(RefusedInput, match=r"label 255, classes are 0\.\.10 and 11 \(ignored\)"):
        map_ids(once, table, 11, "a.png")


class Masks:
    """Three classes in name, but the labels are black and white masks."""

    name = "masks"
    split = "train"
    classes = ("a", "b", "c")
    palette = ((0, 0, 0), (1, 1, 1), (2, 2, 2))
    synthetic = True

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def read(self, index):
        label = torch.tensor([self.values[index]], dtype=torch.uint8)
        return Sample(torch.zeros(3, *label.shape, dtype=torch.uint8), label, str(index))

    def manifest(self):
        return {str(index): str(index) for index in range(len(self))}


def test_fault_29_labels_of_only_0_and_255_are_refused_by_the_check():
    ids = {0: 0, 1: 1, 2: 2, 255: IGNORE}
    masks = check_data("masks", {"train": lambda: Masks([[0, 255], [255, 0]])}, ids)
    assert ["only 0 and 255" in problem for problem in masks.problems] == [True]
    labels = check_data("masks", {"train": lambda: Masks([[0, 255], [0, 2]])}, ids)
    assert labels.problems == []
    assert labels.splits["train"].pixels == {"a": 2, "b": 0, "c": 1}


# 30: sizes and orientation


def write_pair(folder, image_hw, label_hw, orientation=None):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(noise(*image_hw)).save(folder / "image.jpg", exif=exif)
    Image.fromarray(np.zeros(label_hw, dtype=np.uint8)).save(folder / "label.png")
    return folder / "image.jpg", folder / "label.png"


def read_pair(image_path, label_path):
    image, label = read_image(image_path), read_label(label_path, THREE, 3)
    require_equal_size(image_path, image, label_path, label)
    return image, label


def test_fault_30_swapped_sides_are_refused_with_both_sizes(tmp_path):
    paths = write_pair(tmp_path, (20, 30), (30, 20))
    with pytest.raises(RefusedInput, match=r"image\.jpg: image is 20x30, its label label\.png is 30x20"):
        read_pair(*paths)


def test_fault_30_an_image_that_orientation_6_turns_to_its_labels_size_is_read(tmp_path):
    image, label = read_pair(*write_pair(tmp_path, (20, 30), (30, 20), orientation=6))
    assert image.shape == (3, 30, 20)
    assert label.shape == (30, 20)


def test_fault_30_an_image_that_orientation_6_turns_away_from_its_label_is_refused(tmp_path):
    with pytest.raises(RefusedInput, match=r"image is 30x20, its label label\.png is 20x30"):
        read_pair(*write_pair(tmp_path, (20, 30), (20, 30), orientation=6))


# 31: an image in two splits


def test_fault_31_one_duplicate_under_another_name_is_found(tmp_path):
    root = write_camvid(tmp_path / "camvid", {"a": 1, "b": 2}, {"other": 2, "d": 4})
    train, val = CamVid("train", root), CamVid("val", root)
    assert shared_images(train, val) == [("train/b.png", "val/other.png")]
    with pytest.raises(RefusedInput, match=r"share 1 images, first train/b\.png = val/other\.png"):
        require_disjoint(train, val)
    report = check_data("camvid", {"train": lambda: train, "val": lambda: val}, TRAIN_IDS)
    assert report.problems == ["val val/other.png: the same image as train train/b.png"]


def test_fault_31_equal_labels_of_different_images_are_no_duplicate(tmp_path):
    root = write_camvid(tmp_path / "camvid", {"a": 1}, {"d": 4})
    require_disjoint(CamVid("train", root), CamVid("val", root))


def test_fault_31_a_split_shares_every_image_with_itself(toy_data):
    with pytest.raises(RefusedInput, match="share 6 images"):
        require_disjoint(toy_data, toy_data)


# 32: data that changed on disk


def test_fault_32_one_changed_byte_of_a_label_changes_the_manifest(tmp_path):
    root = write_camvid(tmp_path / "camvid", {"a": 1}, {"d": 4})
    data = CamVid("train", root)
    digest = manifest_digest(data)
    path = root / "trainannot" / "a.png"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert manifest_digest(data) != digest
