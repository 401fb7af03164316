"""``predict`` and ``submit``, from the words typed to the files left behind."""

import dataclasses
import json
import zipfile

import numpy as np
import pytest
from made_weights import make_weights
from PIL import Image

from bench.data import catalogue
from bench.predict import submission_format


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory):
    """Write weights as a run of a data set does, of an untrained CARNet-Mobile."""
    folder = tmp_path_factory.mktemp("weights")

    def write(data):
        path = folder / f"{data}.safetensors"
        return path if path.is_file() else make_weights(path, note="a note", data=data, data_options={})

    return write


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.Generator(np.random.PCG64(0))
    for name, size in (("one.png", (33, 47, 3)), ("two.jpg", (64, 32, 3))):
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("x")
    return folder


def frames(root, names):
    for seed, name in enumerate(names):
        folder = root / "leftImg8bit" / "test" / name.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (32, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}_leftImg8bit.png")
    return root


def test_a_folder_of_images_becomes_labels_and_overlays(carnet_bench, weights_of, photos, tmp_path):
    out = tmp_path / "out"
    code, stdout, stderr = carnet_bench(
        "predict", weights_of("camvid"), photos, "--out", out, "--threads", 1, "--json"
    )
    assert code == 0
    assert "skipped notes.txt: not named" in stderr
    document = json.loads(stdout)
    assert document["data"] == "camvid"
    assert document["skipped"] == [{"name": "notes.txt", "why": "not named .png, .jpg, .jpeg, .webp, .bmp"}]
    assert document["notes"] == ["a note"]
    assert [row["size_hw"] for row in document["files"]] == [[33, 47], [64, 32]]
    assert sorted(path.name for path in out.iterdir()) == [
        *("one_labels.png", "one_overlay.png", "two_labels.png", "two_overlay.png")
    ]
    camvid = catalogue.entry("camvid")
    classes, palette = camvid.classes, camvid.palette
    for row in document["files"]:
        assert sum(row["shares"].values()) == pytest.approx(1)
        with Image.open(row["labels"]) as picture:
            assert picture.mode == "P"
            stored = np.array(picture)
            shown = np.array(picture.convert("RGB"))
        assert list(stored.shape) == row["size_hw"]
        # the values are train ids, and what a viewer shows are the classes' colours
        assert {classes[value] for value in np.unique(stored)} == set(row["shares"])
        assert np.array_equal(shown, np.array(palette, np.uint8)[stored])
        with Image.open(row["overlay"]) as picture:
            assert picture.width == 320
            assert picture.height > row["size_hw"][0]


def test_results_are_replaced_only_when_asked_for(carnet_bench, weights_of, photos, tmp_path):
    words = ("predict", weights_of("camvid"), photos / "one.png", "--out", tmp_path / "out", "--threads", 1)
    assert carnet_bench(*words)[0] == 0
    code, _, stderr = carnet_bench(*words)
    assert code == 3
    assert "one_labels.png: there already, and 1 more of the 2 results" in stderr
    code, stdout, _ = carnet_bench(*words, "--overwrite")
    assert code == 0
    assert "one_overlay.png: " in stdout
    code, _, stderr = carnet_bench("predict", weights_of("camvid"), photos, "--out", photos)
    assert (code, "is the folder of the images" in stderr) == (3, True)


def test_other_kinds_are_converted_and_said_and_a_bad_image_stops_nothing(
    carnet_bench, weights_of, photos, tmp_path
):
    pixels = np.random.Generator(np.random.PCG64(1)).integers(0, 256, (33, 47, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(photos / "clear.png")
    Image.fromarray(pixels[..., :3]).save(photos / "lossless.webp", lossless=True)
    Image.fromarray(pixels[..., :3]).save(photos / "old.bmp")
    (photos / "broken.png").write_bytes((photos / "one.png").read_bytes()[:200])
    words = ("predict", weights_of("camvid"), photos, "--threads", 1)
    code, stdout, stderr = carnet_bench(*words, "--out", tmp_path / "out", "--json")
    document = json.loads(stdout)
    assert code == 3
    assert "1 of 6 images left out" in stderr
    assert "broken.png" in stderr
    assert "converted clear.png: PNG of mode RGBA, its transparency dropped" in stderr
    assert {one["name"] for one in document["converted"]} == {"clear.png", "lossless.webp", "old.bmp"}
    assert [one["name"] for one in document["left_out"]] == ["broken.png"]
    assert len(document["files"]) == 5
    labels = [np.array(Image.open(tmp_path / "out" / f"{name}_labels.png")) for name in ("clear", "old")]
    assert np.array_equal(*labels)
    code, _, stderr = carnet_bench(*words[:2], photos / "broken.png", "--out", tmp_path / "other")
    assert code == 3
    assert "1 of 1 images left out" in stderr


def test_weights_of_no_run_are_refused(carnet_bench, photos, tmp_path):
    code, _, stderr = carnet_bench("predict", photos / "notes.txt", photos, "--out", tmp_path / "out")
    assert (code, "not the weights of a run" in stderr) == (3, True)
    assert not (tmp_path / "out").exists()


def test_a_submission_is_written_checked_and_gone_on_with(carnet_bench, weights_of, tmp_path, monkeypatch):
    small = dataclasses.replace(submission_format.FORMATS["cityscapes"], size_hw=(32, 64))
    monkeypatch.setitem(submission_format.FORMATS, "cityscapes", small)
    root = frames(tmp_path / "set", ["bonn_000000_000019", "mainz_000001_000019"])
    out = tmp_path / "out"
    words = (
        "submit",
        "cityscapes",
        weights_of("cityscapes"),
        "--data-root",
        root,
        "--out",
        out,
        "--threads",
        1,
    )
    code, _, stderr = carnet_bench(*words)
    assert (code, "2 images, the server wants labels of 1525" in stderr) == (3, True)
    assert not out.exists()
    code, stdout, _ = carnet_bench(*words, "--partial", "--json")
    assert code == 0
    document = json.loads(stdout)
    assert document["written"] == 2
    assert document["check"]["problems"] == []
    assert set(map(int, document["check"]["pixels"])) <= set(small.stored_ids)
    code, stdout, stderr = carnet_bench(*words, "--partial")
    assert code == 0
    assert "2 already there" in stderr
    assert "cityscapes test: 2 of 2 label files (bonn 1, mainz 1)" in stdout
    code, _, stderr = carnet_bench(*words, "--partial", "--msc")
    assert (code, "holds another submission" in stderr) == (3, True)
    archive = out / "cityscapes-test.zip"
    assert carnet_bench("submit", "--validate", archive, "--data-root", root)[0] == 0
    code, stdout, stderr = carnet_bench("submit", "--validate", archive, "--json")
    assert code == 3
    assert json.loads(stdout)["problems"][0] == "2 label files, must be 1525"
    assert "cityscapes-test.zip: " in stderr


def test_weights_of_another_data_set_make_no_submission(carnet_bench, weights_of, tmp_path):
    code, _, stderr = carnet_bench("submit", "cityscapes", weights_of("camvid"), "--out", tmp_path / "out")
    assert (code, "trained on camvid, not on cityscapes" in stderr) == (3, True)


def test_a_submission_of_ade20k_has_the_images_names_and_sizes(carnet_bench, weights_of, tmp_path):
    folder = tmp_path / "set" / "images" / "testing"
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 33), (90, 120, 30)).save(folder / "ADE_test_00000007.jpg")
    code, _, _ = carnet_bench(
        *("submit", "ade20k", weights_of("ade20k"), "--data-root", tmp_path / "set", "--partial"),
        *("--out", tmp_path / "out", "--threads", 1),
    )
    assert code == 0
    with zipfile.ZipFile(tmp_path / "out" / "ade20k-test.zip") as archive:
        assert archive.namelist() == ["ADE_test_00000007.png"]
    with Image.open(tmp_path / "out" / "ADE_test_00000007.png") as picture:
        assert (picture.mode, picture.size) == ("L", (40, 33))
        assert 1 <= np.array(picture).min() <= np.array(picture).max() <= 150


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cityscapes"], "submit needs a data set, weights and --out, or --validate"),
        (["cityscapes", "run", "--validate", "x.zip"], "--validate checks a zip"),
        (["camvid", "--validate", "x.zip"], "no test server is known for data set 'camvid'"),
    ],
)
def test_words_that_do_not_go_together_are_a_usage_error(carnet_bench, words, message):
    code, _, stderr = carnet_bench("submit", *words)
    assert (code, message in stderr) == (2, True)
