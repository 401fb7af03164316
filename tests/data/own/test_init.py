"""``data init``: the layouts that people have are recognised and described; what is wrong is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from drawn_folders import COLOURS, COUNTS, LAYOUTS, draw, write_colours, write_png, write_side_by_side
from drawn_folders import write_ultralytics as write_plain
from PIL import Image

from bench.data import catalogue
from bench.data.check import check_data
from bench.data.own.init import init
from bench.errors import BenchError, RefusedInput, UsageError


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_recognised_and_its_labels_are_read_as_drawn(tmp_path, layout):
    root = LAYOUTS[layout](tmp_path / "set")
    made = init(root)
    counts = {"train": 20} if layout == "side by side" else COUNTS
    classes = 16 if layout == "colours" else 4
    assert (made.samples, len(made.classes)) == (counts, classes)
    assert made.stored == ("colours" if layout == "colours" else "ids")
    assert (made.offer is None) == ("val" in counts)
    entry = catalogue.entry(str(root))
    openers = {split: lambda split=split: catalogue.open_data(str(root), split) for split in entry.splits}
    assert check_data(entry.name, openers, entry.stored_ids).problems == []
    sample = openers["train"]().read(3)
    assert torch.equal(sample.label[4:], torch.from_numpy(draw(3, classes)[1][4:].copy()))
    shares = made.histogram[made.histogram["class"] != "ignored"]["train_percent"]
    assert shares.sum() == pytest.approx(93.75 if layout == "ultralytics" else 100)


@pytest.mark.parametrize(
    ("files", "layout"),
    [
        ("data/{split}/images/{n}.png data/{split}/masks/{n}.png", "SPLIT/images"),
        ("data/images/{n}.jpg data/annotations/{n}.png", "images, annotations"),
        (
            "data/images/{split}/city/{n}_leftImg8bit.png data/labels/{split}/city/{n}_gtFine.png",
            "images/SPLIT",
        ),
        ("data/{split}/{n}.jpg data/{split}/{n}.png", "side by side (SPLIT)"),
        ("data/{n}_image.png data/{n}_mask.png", "side by side (one folder)"),
        ("data/{n}.png data/{n}_L.png", None),
        ("data/valid/{n}.jpg data/validannot/{n}.png", "SPLITannot"),
    ],
)
def test_other_names_of_the_same_layouts_are_recognised_too(tmp_path, files, layout):
    for seed in range(4):
        image, label = (tmp_path / one.format(split="training", n=f"n{seed}") for one in files.split())
        write_png(image, draw(seed)[0])
        write_png(label, draw(seed)[1])
    if layout is None:
        with pytest.raises(RefusedInput, match="no layout"):
            init(tmp_path / "data")
        return
    made = init(tmp_path / "data")
    assert layout in made.layout.title
    assert sum(made.samples.values()) == 4


def test_a_list_of_colours_gives_names_order_and_what_is_ignored(tmp_path):
    root = write_colours(tmp_path, ignored=(0, 0, 0))
    made = init(root)
    assert made.classes == tuple(f"kind {place}" for place in range(16))
    ignored = made.histogram.set_index("stored").loc["0,0,0"]
    assert (ignored["class"], ignored["train_percent"], ignored["labels"]) == ("ignored", 6.25, 8)
    assert catalogue.entry(str(root)).palette == COLOURS


def test_names_that_lie_next_to_the_folders_are_used_where_they_fit(tmp_path):
    root = write_plain(tmp_path)
    (root / "classes.txt").write_text("road\nsky\ntree\ncar\n")
    assert init(root).classes == ("road", "sky", "tree", "car")
    (root / "classes.txt").write_text("road\nsky\n")
    made = init(root, overwrite=True)
    assert made.classes[0] == "class 0"
    assert any("classes.txt has 2 names" in line for line in made.not_known)


def fill(root, *ids):
    for path in (root / "masks").rglob("*.png"):
        write_png(path, np.resize(np.array(ids, np.uint8), (64, 96)))


@pytest.mark.parametrize(
    ("ids", "table"),
    [
        ((0, 255), {0: 0, 255: 1}),
        ((7, 8, 26, 255), {7: 0, 8: 1, 26: 2, 255: 255}),
        ((0, 1, 3), {0: 0, 1: 1, 2: 2, 3: 3, 255: 255}),
    ],
)
def test_ids_with_gaps_and_black_and_white_masks_get_a_table_and_a_remark(tmp_path, ids, table):
    root = write_plain(tmp_path)
    fill(root, *ids)
    made = init(root)
    assert catalogue.entry(str(root)).stored_ids == table
    assert len(made.not_known) > 1


def test_nothing_is_overwritten_silently(tmp_path):
    root = write_side_by_side(tmp_path)
    init(root, val=0.2)
    before = {path.name: path.read_bytes() for path in root.glob("data*")}
    assert set(before) == {"data.toml", "data-train.txt", "data-val.txt"}
    with pytest.raises(RefusedInput, match=r"data\.toml: exists"):
        init(root, val=0.2, seed=1)
    assert {path.name: path.read_bytes() for path in root.glob("data*")} == before
    init(root, val=0.2, seed=1, overwrite=True)
    assert {path.name: path.read_bytes() for path in root.glob("data*")} != before


def test_a_validation_split_is_of_whole_sequences_and_the_same_every_time(tmp_path):
    first = write_side_by_side(tmp_path / "one")
    made = init(first, val=0.2)
    assert made.held_out.sequences == (5, 1)
    assert made.samples == {"train": 16, "val": 4}
    val = (first / "data-val.txt").read_text().split()
    assert len({name.partition("_")[0] for name in val}) == 1
    assert not set(val) & set((first / "data-train.txt").read_text().split())
    second = write_side_by_side(tmp_path / "two")
    init(second, val=0.2)
    assert (second / "data-val.txt").read_text().split() == val


def only_jpeg_labels(root):
    for path in (root / "masks").rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()
        picture.save(path.with_suffix(".jpg"))
        path.unlink()


def one_jpeg_label(root):
    label = root / "masks" / "train" / "train_002.png"
    shutil.copy(label, label.with_suffix(".jpg"))
    label.unlink()


def colours_without_a_list(root):
    for path in (root / "masks").rglob("*.png"):
        write_png(path, np.array(COLOURS, np.uint8)[draw(0)[1]])


def a_new_colour(root):
    (root / "labelmap.txt").write_text("".join(f"{n}:{r},{g},{b}::\n" for n, (r, g, b) in enumerate(COLOURS)))
    colours_without_a_list(root)
    write_png(root / "masks" / "val" / "val_001.png", np.full((64, 96, 3), 77, np.uint8))


def a_missing_label(root):
    (root / "masks" / "train" / "train_002.png").unlink()


def nothing_labelled(root):
    fill(root, 255)


def a_damaged_label(root):
    (root / "masks" / "val" / "val_001.png").write_bytes(b"\x89PNG")


def nothing_at_all(root):
    shutil.rmtree(root / "images")


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (only_jpeg_labels, "as JPEG"),
        (one_jpeg_label, "train_002.jpg"),
        (colours_without_a_list, "--colours"),
        (a_new_colour, "val_001.png: colour (77, 77, 77)"),
        (a_missing_label, "train_002.jpg: its label is missing"),
        (nothing_labelled, "only 255"),
        (a_damaged_label, "val_001.png"),
        (nothing_at_all, "no layout"),
    ],
)
def test_what_cannot_be_described_is_refused_by_name_and_nothing_is_written(tmp_path, plant, words):
    root = write_plain(tmp_path / "set")
    plant(root)
    with pytest.raises(BenchError) as refused:
        init(root)
    assert words in f"{refused.value} {refused.value.then}"
    assert not (root / "data.toml").exists()


@pytest.mark.parametrize("name", ["camvid", "my data", "../x"])
def test_a_name_that_no_record_could_hold_is_refused_before_anything_is_written(tmp_path, name):
    root = write_side_by_side(tmp_path)
    with pytest.raises(BenchError) as refused:
        init(root, name=name, val=0.2)
    assert name in str(refused.value)
    assert not list(root.glob("data*"))


def test_a_validation_split_that_is_there_is_kept(tmp_path):
    with pytest.raises(UsageError, match="val split of 2 images"):
        init(write_plain(tmp_path), val=0.1)


def test_a_palette_whose_colours_are_listed_is_read_by_them_and_not_by_its_order(tmp_path):
    root = write_plain(tmp_path)
    (root / "labelmap.txt").write_text("sky:0,0,9::\nroad:9,0,0::\n")
    for path in (root / "masks").rglob("*.png"):
        picture = Image.fromarray(np.resize(np.array([0, 0, 1], np.uint8), (64, 96)), mode="P")
        picture.putpalette([9, 0, 0, 0, 0, 9])
        picture.save(path)
    made = init(root)
    rows = made.histogram.set_index("class")["train_percent"]
    assert (made.classes, round(rows["road"])) == (("sky", "road"), 67)


def test_the_command_prints_one_document_or_lines_with_what_is_not_known(carnet_bench_data, tmp_path):
    root = write_side_by_side(tmp_path / "drives")
    result = carnet_bench_data("init", root, "--val", 0.2, "--json")
    document = json.loads(result.stdout)
    assert (document["file"], document["samples"]) == (str(root / "data.toml"), {"train": 16, "val": 4})
    assert "1 of 5 sequences" in document["validation"]
    shown = carnet_bench_data("init", root, "--overwrite")
    assert "not known: class names" in shown.stdout
    assert "--val 0.1 --seed 0" in shown.stdout
    assert "data check" in shown.stderr
    refused = carnet_bench_data("init", root)
    assert refused.exception.exit_code == 3


@pytest.fixture
def carnet_bench_data():
    import typer
    from typer.testing import CliRunner

    from bench.cli import data as commands

    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.add_typer(commands.group)
    return lambda *words: CliRunner().invoke(app, ["data", *map(str, words)])
