"""The examples of the documentation, run as they are typed, page by page."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from doc_examples import PAGES, ROOT, Example, page_examples
from PIL import Image

import bench.cli

PASSED = (0, 4)  # 4: a time that is not valid, as something else ran meanwhile


def pages_with(*kinds: str) -> list[str]:
    """Return the pages that have a command or Python of one of these kinds."""
    return [
        page
        for page in PAGES
        if any(
            one.kind in kinds and (one.commands or one.language == "python") for one in page_examples(page)
        )
    ]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a project with the published results, two photos, and data of one's own."""

    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)  # files are replaced, never written into
        except OSError:
            shutil.copyfile(source, target)

    for name in ("results", "reports"):
        shutil.copytree(ROOT / name, tmp_path / name, copy_function=link)
    (tmp_path / "photos").mkdir()
    for number in range(2):
        Image.effect_noise((256, 128), 40 + number).convert("RGB").save(tmp_path / "photos" / f"{number}.png")
    for split, count in (("train", 8), ("val", 4)):
        for kind in ("images", "masks"):
            (tmp_path / "mydata" / kind / split).mkdir(parents=True)
        for number in range(count):
            ids = Image.new("L", (96, 64))
            ids.paste(1, (8 * number, 0, 8 * number + 30, 40))
            ids.paste(2, (0, 48, 96, 64))
            colours = ids.point([40, 120, 200] + [0] * 253).convert("RGB")
            noise = Image.effect_noise((96, 64), 20 + number).convert("RGB")
            Image.blend(colours, noise, 0.3).save(tmp_path / "mydata" / "images" / split / f"{number}.png")
            ids.save(tmp_path / "mydata" / "masks" / split / f"{number}.png")
    shutil.copytree(tmp_path / "mydata" / "masks" / "val", tmp_path / "predictions")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CARNET_BENCH_HOME", raising=False)
    return tmp_path


def run(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the file that a block is, or run what it holds."""
    if example.title:
        Path(example.title).write_text(example.text, encoding="utf-8")
    elif example.language == "python":
        exec(example.text, {})
    for words in example.commands:
        monkeypatch.setattr(sys, "argv", ["carnet-bench", *words])
        with pytest.raises(SystemExit) as stop:
            bench.cli.main()
        assert (stop.value.code or 0) in PASSED, words


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("page", pages_with(""))
def test_the_quick_examples_of_a_page_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for example in page_examples(page):
        if example.kind == "":
            run(example, monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("page", pages_with("minutes", "engines"))
def test_the_examples_of_a_page_that_take_minutes_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime", "openvino"))
    for example in page_examples(page):
        if example.kind in ("", "minutes") or (engines and example.kind == "engines"):
            run(example, monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("page", pages_with("camvid"))
def test_the_examples_of_a_page_on_camvid_run(
    page: str, camvid_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARNET_DATA", str(camvid_root.parent))
    for example in page_examples(page):
        if example.kind == "camvid":
            run(example, monkeypatch)
