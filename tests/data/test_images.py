"""Reading one image or label file: what is taken, and exactly as stored."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.dataset import IGNORE
from bench.data.images import (
    exif_orientation,
    id_table,
    map_ids,
    read_colour_label,
    read_image,
    read_label,
)
from bench.data.palette import bit_colours
from bench.errors import RefusedInput

THREE = id_table({0: 0, 1: 1, 2: 2, 255: IGNORE})


def save(path, values, mode=None):
    picture = Image.fromarray(np.array(values, dtype=np.uint8))
    (picture.convert(mode) if mode else picture).save(path)
    return path


def test_rgb_png_is_read_channel_first_in_the_order_red_green_blue(tmp_path):
    path = save(tmp_path / "a.png", [[[1, 2, 3], [4, 5, 6]]])
    image = read_image(path)
    assert image.dtype == torch.uint8
    assert image.tolist() == [[[1, 4]], [[2, 5]], [[3, 6]]]


def test_a_grey_image_becomes_three_equal_channels(tmp_path):
    assert read_image(save(tmp_path / "a.png", [[7, 9]])).tolist() == [[[7, 9]]] * 3


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1"])
def test_images_of_other_modes_are_refused_by_name(tmp_path, mode):
    path = save(tmp_path / "odd.png", np.zeros((2, 2, 3)), mode)
    with pytest.raises(RefusedInput, match=rf"odd\.png: image mode {mode}, expected 8-bit RGB and grey"):
        read_image(path)


def test_a_cmyk_jpeg_is_refused(tmp_path):
    path = save(tmp_path / "odd.jpg", np.zeros((8, 8, 3)), "CMYK")
    with pytest.raises(RefusedInput, match="image mode CMYK"):
        read_image(path)


def test_orientation_6_is_turned_clockwise(tmp_path):
    # stored 1 high, 2 wide: left 10, right 200; orientation 6 shows the stored left on top
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.array([[10, 200]], dtype=np.uint8)).save(path, exif=exif)
    assert read_image(path)[0].tolist() == [[10], [200]]


def test_a_label_is_mapped_once_through_the_table(tmp_path):
    path = save(tmp_path / "a.png", [[3, 7], [0, 9]])
    table = id_table({3: 0, 7: 1, 0: IGNORE, 9: 2})
    label = read_label(path, table, 3)
    assert label.dtype == torch.uint8
    assert label.tolist() == [[0, 1], [255, 2]]


def test_a_table_that_wraps_zero_to_ignored_leaves_the_last_class_alone():
    # ADE20K stores 0 for nothing and 1..150 for its classes
    table = id_table({0: IGNORE, **{stored: stored - 1 for stored in range(1, 151)}})
    assert map_ids(torch.tensor([[0, 1, 150]]), table, 150, "a").tolist() == [[255, 0, 149]]


def test_message_of_a_bad_label_names_file_value_and_classes():
    table = id_table({**{stored: stored for stored in range(11)}, 255: IGNORE})
    with pytest.raises(RefusedInput) as caught:
        map_ids(torch.tensor([[0, 31, 255, 31]]), table, 11, "0016E5_07959.png")
    assert str(caught.value) == (
        "0016E5_07959.png: label 31, classes are 0..10 and 255 (ignored) (2 of 4 pixels)"
    )


def test_message_lists_scattered_ids_as_ranges_and_at_most_five_bad_values():
    table = id_table({1: 0, 2: 1, 5: 2})
    with pytest.raises(
        RefusedInput, match=r"label 10, 11, 12, 13, 14, \.\.\., classes are 1\.\.2, 5 \(7 of 8"
    ):
        map_ids(torch.tensor([[1, 10, 11, 12, 13, 14, 15, 16]]), table, 3, "a")


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(RefusedInput, match=r"gone\.png: cannot read \(No such file"):
        read_image(tmp_path / "gone.png")


def test_a_text_file_named_png_is_refused(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not an image")
    with pytest.raises(RefusedInput, match=r"notes\.png: not a PNG or JPEG file \(12 bytes\)"):
        read_image(path)


def test_another_format_is_refused_whatever_its_name(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path, "BMP")
    with pytest.raises(RefusedInput, match="not a PNG or JPEG file"):
        read_image(path)


def test_an_animated_png_is_refused(tmp_path):
    path = tmp_path / "film.png"
    Image.new("L", (4, 4), 0).save(path, save_all=True, append_images=[Image.new("L", (4, 4), 9)])
    with pytest.raises(RefusedInput, match=r"film\.png: animated PNG"):
        read_image(path)


def test_colours_become_train_ids_and_an_unknown_colour_is_counted(tmp_path):
    path = tmp_path / "label.png"
    pixels = np.array([[[0, 0, 0], [64, 0, 128]], [[64, 0, 128], [192, 64, 128]]], dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    colours = {(64, 0, 128): 8, (0, 0, 0): 255, (192, 64, 128): 3}
    assert read_colour_label(path, colours).tolist() == [[255, 8], [8, 3]]
    with pytest.raises(
        RefusedInput, match=r"label\.png: colour \(64, 0, 128\) is of no class \(2 of 4 pixels\)"
    ):
        read_colour_label(path, {(0, 0, 0): 255, (192, 64, 128): 3})


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_a_colour_label_of_another_mode_is_refused(tmp_path, mode):
    Image.new(mode, (2, 2)).save(tmp_path / "label.png")
    with pytest.raises(RefusedInput, match=f"colour label mode {mode}, expected RGB and palette"):
        read_colour_label(tmp_path / "label.png", {(0, 0, 0): 0})


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_orientation_is_that_of_the_exif_and_1_where_there_is_none(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 2)).save(tmp_path / f"turned.{suffix}", exif=exif)
    Image.new("RGB", (4, 2)).save(tmp_path / f"upright.{suffix}")
    assert exif_orientation(tmp_path / f"turned.{suffix}") == 6
    assert exif_orientation(tmp_path / f"upright.{suffix}") == 1
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(RefusedInput, match=r"broken\.jpg: not a PNG or JPEG"):
        exif_orientation(tmp_path / "broken.jpg")


def test_bit_colours_are_those_of_the_pascal_devkit():
    # the first colours of its map after the black of the background
    assert bit_colours(6) == (
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (0, 0, 128),
        (128, 0, 128),
        (0, 128, 128),
    )
    assert len(set(bit_colours(255))) == 255
    with pytest.raises(ValueError, match="256 colours, expected at most 255"):
        bit_colours(256)
