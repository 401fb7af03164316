"""What is read is what is stored: orientation tags, deep colour, short palettes, strange metadata."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from bench.data.camvid import CamVid
from bench.data.images import PIXEL_LIMIT, exif_orientation, read_colour_label, read_ids, read_image
from bench.errors import RefusedInput

IDS = np.array([[0, 1, 2, 3]], dtype=np.uint8)
TURNED_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'tiff:Orientation="3"/></x:xmpmeta>'
)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width=4, height=1, *, bits=8, colour_type=0, rows=b"\0\0\1\2\3", before=b"", after=b""):
    """Return the bytes of a PNG; ``before`` and ``after`` are chunks around its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND", b"")


def turned_by(tag, path):
    if tag == "EXIF":
        exif = Image.Exif()
        exif[0x0112] = 3
        Image.fromarray(IDS).save(path, exif=exif)
    elif tag == "XMP":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", TURNED_XMP)
        Image.fromarray(IDS).save(path, pnginfo=info)
    else:
        tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"  # one entry: orientation 3
        path.write_bytes(png(after=chunk(b"eXIf", tiff)))
    return path


@pytest.mark.parametrize("tag", ["EXIF", "XMP", "EXIF behind the pixels"])
def test_a_label_is_never_turned_whatever_tag_it_has(tmp_path, tag):
    path = turned_by(tag, tmp_path / "label.png")
    assert read_ids(path).tolist() == IDS.tolist()
    assert exif_orientation(path) == 3
    # an image of the same bytes is turned by 180 degrees
    assert read_image(path)[0].tolist() == [[3, 2, 1, 0]]


def test_a_colour_label_is_never_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    colours = np.array([[[0, 0, 0], [64, 0, 128]]], dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "label.png", exif=exif)
    assert read_colour_label(tmp_path / "label.png", {(0, 0, 0): 0, (64, 0, 128): 1}).tolist() == [[0, 1]]


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_of_the_eight_is_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(IDS).save(tmp_path / "a.png", exif=exif)
    assert exif_orientation(tmp_path / "a.png") == 1
    assert read_image(tmp_path / "a.png")[0].tolist() == IDS.tolist()


@pytest.mark.parametrize("exif", [b"junkjunk", b"II*\0", b"II*\0\x08\0\0\0\xff\xff"])
def test_an_exif_that_no_program_can_read_turns_nothing(tmp_path, exif):
    path = tmp_path / "a.png"
    path.write_bytes(png(before=chunk(b"eXIf", exif)))
    assert read_image(path)[0].tolist() == IDS.tolist()
    assert exif_orientation(path) == 1


def test_16_bit_colour_is_refused_where_8_bits_are_asked_for(tmp_path):
    path = tmp_path / "deep.png"
    row = b"\0" + struct.pack(">12H", *range(0, 4092, 341))  # 12-bit values: the upper 8 bits are 0..15
    path.write_bytes(png(bits=16, colour_type=2, rows=row))
    assert int(read_image(path).max()) == 14  # 3751 = 14 * 256 + 167
    with pytest.raises(RefusedInput, match=r"deep\.png: 16-bit"):
        read_image(path, most_bits=8)
    with pytest.raises(RefusedInput, match=r"deep\.png: 16-bit"):
        read_colour_label(path, {(0, 0, 0): 0})


@pytest.mark.parametrize(("palette", "found"), [(b"\x80\0\0\0\0\0", "2 colours"), (b"", "0 colours")])
def test_a_palette_index_beyond_the_palette_is_refused_where_colours_are_classes(tmp_path, palette, found):
    # Pillow shows it as black, which is Void in CamVid; as an id it is what is stored
    path = tmp_path / "label.png"
    path.write_bytes(png(colour_type=3, before=chunk(b"PLTE", palette) if palette else b""))
    with pytest.raises(RefusedInput, match=rf"palette index 3, its palette has {found}"):
        read_colour_label(path, {(0, 0, 0): 255, (128, 0, 0): 1})
    assert read_ids(path).tolist() == IDS.tolist()


def test_a_large_colour_profile_is_named_as_such(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(IDS).save(path, icc_profile=b"\1" * (2 << 20))
    for read in (read_image, exif_orientation):
        with pytest.raises(RefusedInput, match="profile") as caught:
            read(path)
        assert "not a PNG" not in str(caught.value)


@pytest.mark.parametrize("size", [(16320, 12240), (60000, 60000), (2**31 - 1, 2**31 - 1)])
def test_a_header_of_more_pixels_than_pillow_opens_is_a_refusal_too(tmp_path, size):
    path = tmp_path / "huge.png"
    path.write_bytes(png(*size))
    for read in (read_image, read_ids, exif_orientation):
        with pytest.raises(RefusedInput, match=f"{size[0] * size[1]} pixels.* {PIXEL_LIMIT}"):
            read(path)


def test_what_the_system_says_is_passed_on(tmp_path):
    for path in (tmp_path, tmp_path / ("x" * 300)):
        for read in (read_image, exif_orientation):
            with pytest.raises(RefusedInput, match="cannot read"):
                read(path)


def test_a_file_larger_than_any_image_is_not_read_into_memory(tmp_path):
    path = tmp_path / "vast.png"
    with path.open("wb") as stream:
        stream.write(png())
        stream.truncate(600 << 20)  # sparse: no disk is used
    with pytest.raises(RefusedInput, match=f"{600 << 20} bytes"):
        read_image(path)


def test_a_split_refuses_an_image_of_16_bits(tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid", suffix=".png")
    row = b"\0" + struct.pack(">12H", *range(0, 4092, 341))
    (root / "val" / "val_000.png").write_bytes(png(bits=16, colour_type=2, rows=row))
    with pytest.raises(RefusedInput, match=r"val_000\.png: 16-bit"):
        CamVid("val", root).read(0)
