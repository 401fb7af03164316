"""What holds for every data set that is read from a folder, drawn in its native layout."""

import pickle

import pytest
import torch

from bench.data import catalogue
from bench.data.dataset import IGNORE, MissingSplit, image_digests, is_labelled, manifest_digest, sample_name
from bench.data.loader import epoch_batches
from bench.data.transforms import TrainTransform
from bench.errors import UsageError


def labelled_splits(name, root):
    splits = catalogue.splits_here(name, root)
    return [data for split in splits if is_labelled(data := catalogue.open_data(name, split, root))]


def test_samples_are_rgb_bytes_and_train_ids(drawn_set):
    name, root = drawn_set
    for data in labelled_splits(name, root):
        for index in range(len(data)):
            sample = data.read(index)
            assert sample.image.dtype == sample.label.dtype == torch.uint8
            assert sample.image.shape == (3, *sample.label.shape)
            assert set(sample.label.unique().tolist()) <= {*range(len(data.classes)), IGNORE}
            assert sample.name == sample_name(data, index)
            assert torch.equal(data.read_image(index), sample.image)


def test_every_class_of_the_drawn_labels_arrives(drawn_set):
    # the drawn labels hold every stored id, so a class that never arrives is missing from the table
    name, root = drawn_set
    data = catalogue.open_data(name, "train", root)
    assert set(data.read(0).label.unique().tolist()) == {*range(len(data.classes)), IGNORE}


def test_names_are_unique_and_the_manifest_is_the_same_each_time(drawn_set):
    name, root = drawn_set
    for data in labelled_splits(name, root):
        assert len({sample_name(data, index) for index in range(len(data))}) == len(data)
        again = catalogue.open_data(name, data.split, root)
        assert manifest_digest(data) == manifest_digest(again)
        assert set(image_digests(data)) < set(data.manifest())
        assert not any(key.startswith(("/", str(root))) or "\\" in key for key in data.manifest())


def test_a_changed_byte_changes_the_manifest(drawn_set):
    name, root = drawn_set
    data = catalogue.open_data(name, "train", root)
    before = manifest_digest(data)
    path = root / str(data.pairs[0].label)
    path.write_bytes(path.read_bytes() + b"\0")
    assert manifest_digest(data) != before


def test_classes_colours_and_stuff_fit_each_other(drawn_set):
    name, root = drawn_set
    entry = catalogue.entry(name)
    data = catalogue.open_data(name, "train", root)
    assert len(set(data.classes)) == len(data.classes) == len(data.palette)
    assert len(set(data.palette)) == len(data.palette)
    assert {*entry.stored_ids.values()} == {*range(len(data.classes)), IGNORE}
    assert entry.stuff is not None
    assert set(entry.stuff) < set(range(len(data.classes)))
    assert not data.synthetic


def test_every_set_trains_through_the_loader_and_travels_to_a_worker(drawn_set):
    name, root = drawn_set
    data = pickle.loads(pickle.dumps(catalogue.open_data(name, "train", root)))  # noqa: S301
    [batch] = epoch_batches(data, TrainTransform((16, 16)), 2, 0, 0)
    assert batch.image.shape == (2, 3, 16, 16)


def test_a_folder_of_nothing_has_no_split_and_says_how_to_get_one(drawn_set, tmp_path):
    name, _ = drawn_set
    empty = tmp_path / "empty"
    empty.mkdir()
    assert catalogue.splits_here(name, empty) == []
    with pytest.raises(MissingSplit, match="empty") as caught:
        catalogue.open_data(name, "train", empty)
    assert caught.value.then == catalogue.entry(name).how_to_get
    with pytest.raises(UsageError, match="has no option colour"):
        catalogue.open_data(name, "train", empty, colour=True)


@pytest.mark.parametrize("name", ["cityscapes", "nyudv2", "ade20k"])
def test_the_samples_hold_one_split_each_and_are_found_by_the_variable(name, request, monkeypatch, tmp_path):
    root = request.getfixturevalue(f"{name}_root")
    monkeypatch.setenv("CARNET_DATA", str(root.parent))
    splits = catalogue.splits_here(name, home=tmp_path)
    if root.name.endswith("_sample"):
        assert splits == (["train"] if name == "cityscapes" else ["val"])
    data = catalogue.open_data(name, splits[0], home=tmp_path)
    sample = data.read(0)
    assert set(sample.label.unique().tolist()) <= {*range(len(data.classes)), IGNORE}
