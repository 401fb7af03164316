"""Images without labels: plain files, the images of a split, and the classes of a set that is not here."""

import os

import numpy as np
import pytest
from PIL import Image

from bench.data.catalogue import entry, open_data
from bench.data.dataset import IGNORE, is_labelled
from bench.data.pictures import read_picture
from bench.data.unlabelled import ImageFiles, WithoutLabels, find_images
from bench.errors import RefusedInput, UsageError


def write(path, size=(4, 3), **options):
    Image.new("RGB", size, (200, 100, 50)).save(path, **options)
    return path


def test_the_classes_of_every_data_set_are_known_without_its_files():
    scenes = open_data("scenes", "train", count=1, size_hw=(64, 96))
    assert (entry("scenes").classes, entry("scenes").palette) == (scenes.classes, scenes.palette)
    with pytest.raises(UsageError, match="no data set 'x'; choose from camvid"):
        entry("x")


def test_an_image_is_read_upright_with_a_label_of_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # turned by 90 degrees
    files = ImageFiles(entry("camvid"), [write(tmp_path / "turned.jpg", exif=exif)])
    sample = files.read(0)
    assert (len(files), sample.name, is_labelled(files)) == (1, "turned", False)
    assert sample.image.shape == (3, 4, 3)
    assert sample.label.unique().tolist() == [IGNORE]
    assert list(files.manifest()) == ["turned.jpg"]


def test_of_a_folder_the_images_are_taken_and_the_rest_is_listed(tmp_path):
    for name in ("b.JPG", "a.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "more").mkdir()
    found = find_images(tmp_path)
    assert [path.name for path in found.images] == ["a.png", "b.JPG"]
    assert found.skipped == (("more", "a folder"), ("notes.txt", "not named .png, .jpg, .jpeg"))
    assert find_images(tmp_path / "a.png").images == (tmp_path / "a.png",)


def test_each_entry_that_is_no_image_is_left_out_for_its_own_reason(tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "b.jpg").symlink_to("/nowhere.jpg")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    os.mkfifo(tmp_path / "pipe.png")
    found = find_images(tmp_path)
    assert [path.name for path in found.images] == ["a.png"]
    why = dict(found.skipped)
    assert "broken link" in why["b.jpg"]
    assert "macOS" in why["._a.png"]
    assert "regular" in why["pipe.png"]


def test_what_is_called_an_image_must_be_one(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(RefusedInput, match=r"a\.png: not a PNG or JPEG file"):
        find_images(tmp_path)
    (tmp_path / "a.png").unlink()
    with pytest.raises(RefusedInput, match="no image among its 0 entries"):
        find_images(tmp_path)
    with pytest.raises(RefusedInput, match="no such file or folder"):
        find_images(tmp_path / "b.png")


def test_two_images_whose_results_would_have_one_name_are_refused(tmp_path):
    write(tmp_path / "a.jpg")
    write(tmp_path / "A.png")
    with pytest.raises(RefusedInput, match=r"a\.jpg: A\.png has the same name"):
        find_images(tmp_path)


def test_an_image_in_a_kind_that_is_not_read_says_how_to_go_on(tmp_path):
    Image.new("RGBA", (4, 3)).save(tmp_path / "a.png")
    files = ImageFiles(entry("camvid"), find_images(tmp_path).images)
    with pytest.raises(RefusedInput, match="image mode RGBA") as refused:
        files.read(0)
    assert "convert it to an 8-bit RGB" in refused.value.then


def test_a_view_of_a_split_reads_no_label(tmp_path, make_cityscapes):
    data = open_data("cityscapes", "train", make_cityscapes(tmp_path / "cityscapes"))
    (data.root / data.pairs[1].label).write_text("not opened")
    view = WithoutLabels(data, [1])
    sample = view.read(0)
    assert (len(view), view.sample_name(0), sample.name) == (1, "ulm_000000_000019", "ulm_000000_000019")
    assert np.array_equal(sample.image.numpy(), data.read_image(1).numpy())
    assert sample.label.unique().tolist() == [IGNORE]


def test_a_view_of_data_that_reads_only_whole_samples_drops_the_label(toy_data):
    view = WithoutLabels(toy_data)
    assert (len(view), view.split, view.classes) == (6, "train", toy_data.classes)
    assert view.read(2).label.unique().tolist() == [IGNORE]
    assert view.read(2).name == "toy_2"


@pytest.mark.parametrize(
    ("name", "mode", "was"),
    [
        ("a.png", "RGB", None),
        ("a.jpg", "L", None),
        ("a.png", "RGBA", "PNG of mode RGBA, its transparency dropped"),
        ("a.png", "LA", "PNG of mode LA, its transparency dropped"),
        ("a.png", "P", "PNG of mode P"),
        ("a.bmp", "RGB", "BMP of mode RGB"),
        ("a.webp", "RGB", "WEBP of mode RGB"),
    ],
)
def test_a_picture_of_any_kind_is_read_as_rgb_and_what_it_was_is_said(tmp_path, name, mode, was):
    Image.new("RGB", (4, 3), (204, 204, 204)).convert(mode).save(tmp_path / name)
    image, found = read_picture(tmp_path / name)
    assert found == was
    assert image.shape == (3, 3, 4)
    assert (image.int() - 204).abs().max() <= 2


def test_an_animation_and_sixteen_bits_are_refused_by_name(tmp_path):
    frames = [Image.new("RGB", (4, 3), (value, 0, 0)) for value in (0, 200)]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    Image.fromarray(np.zeros((3, 4), np.uint16)).save(tmp_path / "deep.png")
    for name, word in (("moving.webp", "animated"), ("deep.png", "I;16")):
        with pytest.raises(RefusedInput, match=word) as refused:
            read_picture(tmp_path / name)
        assert name in str(refused.value)
