"""What a look at a submission's zip finds wrong with it."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from bench.errors import RefusedInput, UsageError
from bench.predict.submission_format import FORMATS, submission_format
from bench.predict.submission_zip import format_of
from bench.predict.submit import images_at
from bench.predict.validate_submission import validate_submission

SMALL = dataclasses.replace(FORMATS["cityscapes"], size_hw=(2, 20))
ADE = FORMATS["ade20k"]
ROADS = np.full((2, 20), 7, np.uint8)


def png(pixels, mode="PNG"):
    content = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(content, mode)
    return content.getvalue()


def write_zip(path, members):
    """Write a zip of {name: bytes or pixels} or a list of such pairs."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content if isinstance(content, bytes) else png(content))
    return path


def problems_of(tmp_path, members, wanted=SMALL, images=("bonn_000000_000019",)):
    path = write_zip(tmp_path / "x.zip", members)
    return validate_submission(path, wanted, images=dict.fromkeys(images)).problems


FAULTS = {
    "a 255": (
        {"bonn_000000_000019.png": np.full((2, 20), 255, np.uint8)},
        "id 255, expected 0..33; 255 is training's mark",
    ),
    "an id above 33": ({"bonn_000000_000019.png": ROADS + 27}, "id 34, expected 0..33"),
    "another size": ({"bonn_000000_000019.png": ROADS.T}, "20x2, must be 2x20 (height x width)"),
    "16 bits": ({"bonn_000000_000019.png": ROADS.astype(np.uint16)}, "a 16-bit grey PNG, must be 8-bit"),
    "colours": ({"bonn_000000_000019.png": np.zeros((2, 20, 3), np.uint8)}, "a 8-bit RGB PNG"),
    "grey with alpha": (
        {"bonn_000000_000019.png": png(Image.fromarray(ROADS).convert("LA"))},
        "a 8-bit grey and alpha PNG, must be 8-bit grey or palette",
    ),
    "a JPEG": ({"bonn_000000_000019.png": png(ROADS, "JPEG")}, "not a PNG file"),
    "half a file": ({"bonn_000000_000019.png": png(ROADS)[:50]}, "truncated or damaged PNG"),
    "back slashes": ({"results\\bonn_000000_000019.png": ROADS}, "back slashes in its name"),
    "two in folders": (
        {"a/bonn_000000_000019.png": ROADS, "b/bonn_000000_000019.png": ROADS},
        "b/bonn_000000_000019.png: a second file of bonn_000000_000019, next to a/bonn_000000_000019.png",
    ),
    "a climbing path": ({"../bonn_000000_000019.png": ROADS}, "a path that leaves the folder"),
    "an absolute path": ({"/bonn_000000_000019.png": ROADS}, "a path that leaves the folder"),
    "a drive": ({"C:bonn_000000_000019.png": ROADS}, "a path that leaves the folder"),
    "another name": ({"bonn_19.png": ROADS}, "one that is right is berlin_000000_000019_labelIds.png"),
    "a longer number": ({"bonn_000000_0000190.png": ROADS}, "wrong name"),
    "two of a frame": (
        {"bonn_000000_000019_a.png": ROADS, "bonn_000000_000019_b.png": ROADS},
        "bonn_000000_000019_b.png: a second file of bonn_000000_000019, next to bonn_000000_000019_a.png",
    ),
    "another frame": (
        {"bonn_000000_000019.png": ROADS, "bonn_000001_000019.png": ROADS},
        "bonn_000001_000019: no such image in cityscapes test",
    ),
    "too few": ({}, "bonn_000000_000019: missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_a_zip_is_named(tmp_path, fault):
    members, message = FAULTS[fault]
    assert any(message in line for line in problems_of(tmp_path, members))
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]  # nothing is unpacked


def test_files_in_folders_are_refused_where_the_evaluator_does_not_look_into_them(tmp_path):
    members = {"results/ADE_test_00000001.png": ROADS}
    found = problems_of(tmp_path, members, ADE, images=("ADE_test_00000001",))
    assert any("expected files at the top of the zip" in line for line in found)


@pytest.mark.parametrize("folder", ["", "pspnet_test_results/"])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_grey_and_palette_files_at_the_top_or_in_a_folder_are_what_the_evaluator_scores(
    tmp_path, mode, folder
):
    content = Image.fromarray(ROADS)
    if mode == "P":
        content.putpalette([0, 0, 0] * 256)
    path = write_zip(tmp_path / "x.zip", {f"{folder}bonn_000000_000019_leftImg8bit.png": png(content)})
    report = validate_submission(path, SMALL, images={"bonn_000000_000019": None})
    assert (report.problems, report.pixels) == ([], {7: 40})


def test_what_the_evaluator_does_not_look_at_is_left_out_and_said(tmp_path):
    extras = {
        "__MACOSX/r/._bonn_000000_000019.png": b"x",
        "r/.DS_Store": b"x",
        "Thumbs.db": b"x",
        "notes.txt": b"x",
    }
    path = write_zip(
        tmp_path / "x.zip", {"r/": b"", "r/bonn_000000_000019.png": ROADS, **extras, "map.png": b"x"}
    )
    report = validate_submission(path, SMALL, images={"bonn_000000_000019": None})
    assert report.problems == []
    assert any("4 files are left out" in note for note in report.notes)
    assert any("1 more pictures are left out" in note and "map.png" in note for note in report.notes)


def test_a_sound_zip_has_no_problem(tmp_path):
    assert problems_of(tmp_path, {"bonn_000000_000019_any words.png": ROADS}) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_twice_in_the_zip_is_named(tmp_path):
    twice = [("bonn_000000_000019.png", ROADS), ("bonn_000000_000019.png", ROADS)]
    assert any("a second file of bonn_000000_000019" in line for line in problems_of(tmp_path, twice))


def test_a_link_and_a_flipped_byte_are_named(tmp_path):
    path = tmp_path / "x.zip"
    link = zipfile.ZipInfo("mainz_000000_000019.png")
    link.external_attr = 0o120777 << 16
    write_zip(path, {"bonn_000000_000019.png": ROADS})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    content = bytearray(path.read_bytes())
    content[60] ^= 1  # inside the first file, which is stored as it is
    path.write_bytes(content)
    lines = validate_submission(path, SMALL, images={"bonn_000000_000019": None}).problems
    assert any("mainz_000000_000019.png: a link" in line for line in lines)
    assert any("bonn_000000_000019.png: damaged in the zip (Bad CRC-32" in line for line in lines)


def test_train_ids_in_place_of_label_ids_are_recognised(tmp_path):
    train_ids = np.arange(40, dtype=np.uint8).reshape(2, 20) % 19
    (line,) = problems_of(tmp_path, {"bonn_000000_000019.png": train_ids})
    assert "these are train ids, not label ids" in line
    # only ids up to 18 too, and yet label ids: road, sidewalk and pole are 7, 8 and 17
    few = np.tile(np.uint8([7, 8, 17, 17]), (2, 5))
    assert problems_of(tmp_path, {"bonn_000000_000019.png": few}) == []


def test_pixels_of_classes_that_are_not_scored_are_allowed_and_counted(tmp_path):
    label = ROADS.copy()
    label[0, :3] = 4  # static
    path = write_zip(
        tmp_path / "x.zip", {"bonn_000000_000019.png": label, "bonn_000001_000019.png": ROADS + 19}
    )
    report = validate_submission(
        path, SMALL, images=dict.fromkeys(["bonn_000000_000019", "bonn_000001_000019"])
    )
    assert report.problems == []
    assert report.notes == ["3 pixels have ids that are not scored, and count as wrong"]


def test_without_the_images_the_files_are_counted_by_city(tmp_path):
    one = dataclasses.replace(SMALL, size_hw=(1, 1))
    content = png(np.uint8([[7]]))
    names = [
        f"{city}_{index:06d}_000019.png"
        for city, count in one.groups["test"].items()
        for index in range(count)
    ]
    assert len(names) == 1525
    path = write_zip(tmp_path / "x.zip", dict.fromkeys(names, content))
    assert validate_submission(path, one).problems == []
    names[names.index("bonn_000000_000019.png")] = "aachen_000000_000019.png"
    path = write_zip(tmp_path / "x.zip", dict.fromkeys(names[1:], content))
    assert validate_submission(path, one).problems == [
        "1524 label files, must be 1525",
        "aachen: 1 files, must be 0",
        "berlin: 543 files, must be 544",
        "bonn: 45 files, must be 46",
    ]


def test_a_fault_of_every_file_is_told_five_times_and_then_counted(tmp_path):
    frames = [f"bonn_{index:06d}_000019" for index in range(8)]
    lines = problems_of(tmp_path, {f"{frame}.png": ROADS + 27 for frame in frames}, images=frames)
    assert len(lines) == 6
    assert lines[5] == "3 more files: ids that are not allowed"


def test_the_format_of_a_zip_is_found_by_its_names(tmp_path):
    assert format_of(write_zip(tmp_path / "a.zip", {"x/bonn_000000_000019.png": ROADS})).data == "cityscapes"
    assert format_of(write_zip(tmp_path / "b.zip", {"ADE_test_00000001.png": ROADS})) is ADE
    with pytest.raises(
        RefusedInput, match=r"none of its 1 files is named like berlin_.* or ADE_test_00000001"
    ):
        format_of(write_zip(tmp_path / "c.zip", {"cat.png": ROADS}))
    (tmp_path / "d.zip").write_bytes(b"no zip")
    with pytest.raises(RefusedInput, match="not a whole zip archive"):
        format_of(tmp_path / "d.zip")
    with pytest.raises(UsageError, match="no test server is known for data set 'camvid'"):
        submission_format("camvid")


def test_ids_of_ade20k_are_1_to_150_in_the_size_of_the_image(tmp_path):
    folder = tmp_path / "set" / "images" / "testing"
    folder.mkdir(parents=True)
    for number, size in ((1, (20, 2)), (2, (3, 4))):
        Image.new("RGB", size).save(folder / f"ADE_test_{number:08d}.jpg")
    images = images_at("ade20k", "test", tmp_path / "set")
    assert images == {"ADE_test_00000001": (2, 20), "ADE_test_00000002": (4, 3)}
    label = np.arange(131, 151, dtype=np.uint8).repeat(2).reshape(2, 20)
    path = write_zip(tmp_path / "x.zip", {"ADE_test_00000001.png": label, "ADE_test_00000002.png": label})
    assert validate_submission(path, images=images).problems == [
        "ADE_test_00000002.png: 2x20, must be 4x3 (height x width)"
    ]
    shifted = {f"{name}.png": np.full(size, 0, np.uint8) for name, size in images.items()}
    lines = validate_submission(write_zip(path, shifted), images=images).problems
    assert "these are train ids: the server's ids are one higher" in lines[0]
    assert "id 0, expected 1..150" in lines[1]
