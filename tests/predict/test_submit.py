"""Label files for the test servers: their names, ids and sizes, and what happens when a call is cut short."""

import dataclasses
import fnmatch
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.data.cityscapes import LABEL_IDS, Cityscapes
from bench.data.statistics import IMAGENET
from bench.errors import RefusedInput
from bench.predict.submission_format import FORMATS
from bench.predict.submit import (
    export_predictions,
    require_whole,
    submission_identity,
    write_submission,
)
from bench.predict.validate_submission import validate_submission

CPU = torch.device("cpu")
SMALL = dataclasses.replace(FORMATS["cityscapes"], size_hw=(2, 20))
ADE = FORMATS["ade20k"]


class Columns(nn.Module):
    """Predicts class x % classes in column x, whatever it is shown."""

    def __init__(self, classes):
        super().__init__()
        self.classes = classes
        self.calls = 0

    def forward(self, image):
        self.calls += 1
        height, width = image.shape[-2:]
        classes = torch.arange(width) % self.classes
        return nn.functional.one_hot(classes, self.classes).T[None, :, None].float().expand(1, -1, height, -1)


def cityscapes_images(root, frames=("bonn_000000_000019", "mainz_000001_000019")):
    for seed, frame in enumerate(frames):
        folder = root / "leftImg8bit" / "test" / frame.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (2, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{frame}_leftImg8bit.png")
    return Cityscapes("test", root)


def submission(network, data, folder, identity, **options):
    return write_submission(
        network, data, IMAGENET, CPU, folder, wanted=SMALL, identity={"weights": identity}, **options
    )


def test_a_train_id_becomes_the_id_that_the_label_files_hold():
    # cityscapesScripts' table of labels: id of train id 0..18
    assert LABEL_IDS == (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    assert FORMATS["cityscapes"].stored_ids == LABEL_IDS
    assert ADE.stored_ids == tuple(range(1, 151))


def test_the_cities_of_a_split_sum_to_its_size():
    cityscapes = FORMATS["cityscapes"]
    assert 544 + 181 + 46 + 58 + 298 + 398 == cityscapes.count("test") == 1525
    assert 267 + 59 + 174 == cityscapes.count("val") == 500
    assert (ADE.count("test"), ADE.count("val"), ADE.count("train")) == (3352, 2000, None)


def test_predictions_are_written_as_8_bit_grey_files_of_stored_ids_in_the_images_size(toy_data, tmp_path):
    done = []
    files = export_predictions(
        Columns(4), toy_data, IMAGENET, CPU, tmp_path / "out", (7, 0, 33, 254), progress=done.append
    )
    assert [path.name for path in files] == [f"toy_{index}.png" for index in range(6)]
    assert sorted((tmp_path / "out").iterdir()) == files
    assert done == [1, 2, 3, 4, 5, 6]
    with Image.open(files[0]) as picture:
        assert (picture.mode, picture.size) == ("L", (96, 64))
        assert np.array_equal(np.array(picture), np.tile(np.uint8([7, 0, 33, 254]), (64, 24)))


@pytest.mark.parametrize("ids", [(7, 8, 11), (7, 8, 11, 255), (7, 8, 11, -1)])
def test_no_ids_are_written_but_one_a_class_and_never_255(toy_data, tmp_path, ids):
    with pytest.raises(ValueError, match=r"for 4 classes; expected one per class, 0\.\.254"):
        export_predictions(Columns(4), toy_data, IMAGENET, CPU, tmp_path, ids)
    assert list(tmp_path.iterdir()) == []


def test_a_split_without_labels_becomes_a_zip_that_the_server_would_take(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    done = submission(Columns(19), data, tmp_path / "out", "a")
    names = [path.name for path in done.files]
    assert names == ["bonn_000000_000019_labelIds.png", "mainz_000001_000019_labelIds.png"]
    # how cityscapesScripts' evalPixelLevelSemanticLabeling finds a prediction
    assert all(
        fnmatch.fnmatch(name, pattern)
        for name, pattern in zip(names, ("bonn_000000_000019*.png", "mainz_000001_000019*.png"), strict=True)
    )
    with zipfile.ZipFile(done.archive) as archive:
        assert archive.namelist() == names
        with Image.open(io.BytesIO(archive.read(names[1]))) as picture:
            assert np.array_equal(np.array(picture), np.tile(np.uint8([*LABEL_IDS, 7]), (2, 1)))
    report = validate_submission(done.archive, SMALL, images=done.images)
    assert (report.problems, report.files, report.wanted) == ([], 2, 2)
    assert report.groups == {"bonn": 1, "mainz": 1}
    # two files of 2x20: ids 8..33 in one column of both, road in the first and the last
    assert report.pixels == {7: 8, **dict.fromkeys(LABEL_IDS[1:], 4)}


def test_an_interrupted_submission_goes_on_and_ends_in_the_same_zip(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    first = submission(Columns(19), data, tmp_path / "out", "a")
    content = first.archive.read_bytes()
    first.files[1].unlink()
    first.archive.unlink()
    network = Columns(19)
    done = []
    second = submission(network, data, tmp_path / "out", "a", progress=done.append)
    assert (network.calls, second.kept, done) == (1, 1, [1, 2])
    assert second.archive.read_bytes() == content


def test_files_of_other_weights_are_never_mixed_in(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    submission(Columns(19), data, tmp_path / "out", "a")
    network = Columns(2)
    network.classes = 19
    with pytest.raises(RefusedInput, match="another submission"):
        submission(network, data, tmp_path / "out", "b")
    assert network.calls == 0
    assert submission(network, data, tmp_path / "out", "b", overwrite=True).kept == 0
    assert network.calls == 2


def test_a_folder_with_other_files_is_not_written_into(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RefusedInput, match="files that no submission wrote"):
        submission(Columns(19), data, tmp_path / "out", "a")


def test_a_part_of_the_test_split_is_no_submission(tmp_path, toy_data):
    data = cityscapes_images(tmp_path / "set")
    with pytest.raises(RefusedInput, match="2 images, the server wants labels of 1525"):
        require_whole(data, FORMATS["cityscapes"])
    require_whole(toy_data, FORMATS["cityscapes"])  # its split is train: for scoring of one's own


def test_the_identity_of_a_submission_names_weights_images_and_ids(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    one = submission_identity(data, SMALL, model="m", weights_sha256="w", device=CPU)
    assert (one["weights_sha256"], one["data"], one["split"], one["images"]) == ("w", "cityscapes", "test", 2)
    Image.new("RGB", (20, 2)).save(data.image_path(0))
    other = submission_identity(data, SMALL, model="m", weights_sha256="w", device=CPU)
    assert {key for key in one if one[key] != other[key]} == {"images_sha256"}


def test_images_exchanged_between_two_names_are_another_submission(tmp_path):
    data = cityscapes_images(tmp_path / "set")
    one = submission_identity(data, SMALL, model="m", weights_sha256="w", device=CPU)
    first, second = data.image_path(0), data.image_path(1)
    content = first.read_bytes(), second.read_bytes()
    assert content[0] != content[1]
    first.write_bytes(content[1])
    second.write_bytes(content[0])
    other = submission_identity(data, SMALL, model="m", weights_sha256="w", device=CPU)
    assert one["images_sha256"] != other["images_sha256"]
