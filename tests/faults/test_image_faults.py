"""Faults 24 to 27: image and label files that are damaged, huge, out of range or of another kind."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from bench.data.dataset import (
    IGNORE,
)
from bench.data.images import PIXEL_LIMIT, id_table, map_ids, read_image, read_label
from bench.errors import RefusedInput

THREE = id_table({0: 0, 1: 1, 2: 2, 255: IGNORE})


def noise(height, width, channels=3):
    rng = np.random.Generator(np.random.PCG64(7))
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


# 24: truncated and damaged files


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_fault_24_an_image_cut_at_two_thirds_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(noise(40, 40)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(RefusedInput, match=rf"cut\{suffix}: truncated or damaged PNG or JPEG") as caught:
        read_image(path)
    assert "data check" in caught.value.then


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_fault_24_an_image_cut_anywhere_never_ends_in_another_error(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(noise(12, 12)).save(path)
    content = path.read_bytes()
    for length in range(0, len(content) - 2, 7):
        path.write_bytes(content[:length])
        with pytest.raises(RefusedInput):
            read_image(path)


def test_fault_24_a_flipped_bit_in_a_png_is_found_by_its_checksum(tmp_path):
    path = tmp_path / "flipped.png"
    # stored without compression, so that no decoder stumbles over the flip
    Image.fromarray(noise(12, 12)).save(path, compress_level=0)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RefusedInput, match=r"flipped\.png: truncated or damaged"):
        read_image(path)


def test_fault_24_nothing_is_read_while_a_library_lets_truncated_images_pass(tmp_path, monkeypatch):
    path = tmp_path / "whole.png"
    Image.fromarray(noise(8, 8)).save(path)
    read_image(path)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(RefusedInput, match="LOAD_TRUNCATED_IMAGES"):
        read_image(path)


# 25: huge images


def png_claiming(width, height):
    """Return a PNG of 66 bytes whose header claims this size."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(60000, 60000), (9000, 8000), (10000, 9000), (12000, 10000)])
def test_fault_25_an_image_above_our_limit_is_refused_before_it_is_decoded(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(width, height))
    assert path.stat().st_size == 66
    for read in (read_image, lambda bomb: read_label(bomb, THREE, 3)):
        with pytest.raises(RefusedInput, match=rf"bomb\.png: .*expected at most {PIXEL_LIMIT}"):
            read(path)


def test_fault_25_the_limit_holds_when_a_library_switched_pillows_off(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(60000, 60000))
    with pytest.raises(RefusedInput, match="3600000000 pixels, expected at most 50000000"):
        read_image(path)


# 26: labels out of range


@pytest.mark.parametrize("value", [7, -1, -100, 256, 254])
def test_fault_26_a_label_outside_the_classes_is_refused_with_file_value_and_range(value):
    stored = torch.tensor([[0, 1, value]])
    with pytest.raises(RefusedInput, match=rf"a\.png: label {value}, classes are 0\.\.2 and 255 \(ignored\)"):
        map_ids(stored, THREE, 3, "a.png")


def test_fault_26_a_label_file_with_id_7_of_3_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[0, 7]], dtype=np.uint8)).save(path)
    with pytest.raises(RefusedInput, match=r"^a\.png: label 7, classes are 0\.\.2"):
        read_label(path, THREE, 3)


# 27: labels through a palette, 16-bit, JPEG, colour


def test_fault_27_a_palette_label_gives_the_indices_not_the_colours(tmp_path):
    # through grey the same file would give 0, 38, 75 and 0
    path = tmp_path / "palette.png"
    stored = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    picture = Image.fromarray(stored).convert("P")
    picture.putdata(stored.flatten().tolist())
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * (768 - 9))
    picture.save(path)
    assert path.read_bytes()[25] == 3  # the header says palette
    assert read_label(path, THREE, 3).tolist() == [[0, 1], [2, 255]]


def test_fault_27_a_palette_of_two_bits_gives_the_indices_too(tmp_path):
    path = tmp_path / "small.png"
    picture = Image.new("P", (3, 1))
    picture.putdata([0, 1, 2])
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(path, bits=2)
    assert path.read_bytes()[24] == 2
    assert read_label(path, THREE, 3).tolist() == [[0, 1, 2]]


def test_fault_27_grey_of_two_bits_which_pillow_stretches_is_refused(tmp_path):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    # one row, four pixels of two bits: 0 1 2 3, which Pillow reads as 0 85 170 255
    path = tmp_path / "thin.png"
    header = struct.pack(">IIBBBBB", 4, 1, 2, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\x1b"))
        + chunk(b"IEND", b"")
    )
    with Image.open(path) as stretched:
        assert np.array(stretched).tolist() == [[0, 85, 170, 255]]
    with pytest.raises(RefusedInput, match=r"thin\.png: grey label of 2 bits, expected 8"):
        read_label(path, THREE, 3)


def test_fault_27_a_16_bit_label_is_refused(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 256]], dtype=np.uint16)).save(path)
    with pytest.raises(RefusedInput, match=r"deep\.png: label mode I;16, expected L and P"):
        read_label(path, THREE, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1"])
def test_fault_27_a_colour_or_bit_label_is_refused(tmp_path, mode):
    path = tmp_path / "colour.png"
    Image.new(mode, (2, 2)).save(path)
    with pytest.raises(RefusedInput, match=rf"colour\.png: label mode {mode}, expected L and P"):
        read_label(path, THREE, 3)


def test_fault_27_a_jpeg_label_is_refused_even_under_the_name_png(tmp_path):
    path = tmp_path / "lossy.png"
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(path, "JPEG")
    with pytest.raises(RefusedInput, match=r"lossy\.png: not a PNG file"):
        read_label(path, THREE, 3)
