"""From image files to label maps: every part is done, in order, and timed by itself."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from baselines.registry import METHODS
from bench.cli import time as timing
from bench.clock.machine_state import CpuReading
from bench.clock.protocol import Protocol
from bench.data.statistics import IMAGENET
from bench.errors import NotMeasured, RefusedInput, UsageError
from bench.reproduce.time_choice import Times
from bench.results.store import add_record
from bench.speed import pipeline
from bench.speed.device import open_device
from bench.speed.pipeline import Pipeline, measure_end_to_end
from bench.speed.variant import Variant

SIZE_HW = (32, 64)
QUICK = Protocol(samples=9, budget_s=60.0, least_window_s=0.0)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two images of one grey each: the first of the wanted size, the second of another."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, grey, (height, width) in (("a", 51, SIZE_HW), ("b", 102, (16, 48))):
        Image.fromarray(np.full((height, width, 3), grey, np.uint8)).save(folder / f"{name}.png")
    return sorted(folder.iterdir())


def whole(files: list[Path], seen: list[Tensor]) -> Pipeline:
    def infer(image: Tensor) -> Tensor:
        seen.append(image)
        # class 2 wins everywhere
        return torch.stack([torch.full(SIZE_HW, value) for value in (0.0, 1.0, 3.0, 2.0)])[None]

    return Pipeline(files, SIZE_HW, infer, device=open_device("cpu"), layout=torch.channels_last)


def test_each_image_goes_through_all_parts_at_the_size_asked_for(files: list[Path]) -> None:
    seen: list[Tensor] = []
    parts = whole(files, seen)
    parts.whole()
    parts.whole()
    assert [tuple(image.shape) for image in seen] == [(1, 3, *SIZE_HW)] * 3
    # 51 / 255 = 0.2, 102 / 255 = 0.4: the first file, the second, the first again
    red = [(value - IMAGENET.mean[0]) / IMAGENET.std[0] for value in (0.2, 0.4, 0.2)]
    assert [image[0, 0, 5, 7].item() for image in seen] == pytest.approx(red, abs=1e-5)
    assert all(image.is_contiguous(memory_format=torch.channels_last) for image in seen)
    assert parts.labels.dtype == torch.uint8
    assert parts.labels.shape == (1, *SIZE_HW)
    assert parts.labels.unique().tolist() == [2]


def test_the_parts_one_after_the_other_are_the_whole(files: list[Path]) -> None:
    parts = whole(files, [])
    calls = parts.calls()
    assert list(calls) == ["decode", "normalise", "model", "argmax", "loader", "end to end"]
    for name in pipeline.PARTS:
        calls[name]()
    assert parts.pixels.unique().tolist() == [102]  # making the pipeline took the first


class Ticking:
    """A clock on which each reading is a millisecond after the last."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def counters(self) -> CpuReading:
        wall_s = self.now_ns / 1e9
        return CpuReading(wall_s, wall_s, wall_s, wall_s, cores=2)


def measured(files: list[Path], **more: Any) -> Any:
    clock = Ticking()
    settings: dict[str, Any] = {
        "variant": Variant(),
        "threads": 1,
        "device": "cpu",
        "protocol": QUICK,
        "command": ["carnet-bench", "time"],
        "clock": clock,
        "counters": clock.counters,
        **more,
    }
    return measure_end_to_end(METHODS["enet"], SIZE_HW, files, **settings)


def test_the_record_has_every_part_and_is_never_the_time_of_a_network(
    files: list[Path], tmp_path: Path
) -> None:
    record = measured(files)
    assert record.valid
    assert record.identity.measured == "end to end"
    assert record.identity.images.count == 2
    assert str(tmp_path) not in json.dumps(record.stored)
    assert list(record.stored["values"]["parts"]) == [
        "decode",
        "normalise",
        "model",
        "argmax",
        "loader",
        "end to end",
    ]
    assert {part["median_ms"] for part in record.stored["values"]["parts"].values()} == {1.0}
    assert (record.values.median_ms, record.values.fps) == (1.0, 1000.0)
    add_record(record, tmp_path)
    assert Times(tmp_path, METHODS).choose("enet", SIZE_HW, 19).records == ()


def test_other_images_are_another_measurement_and_other_names_are_not(files: list[Path]) -> None:
    first = measured(files)
    renamed = [path.rename(path.with_stem(f"z{path.stem}")) for path in files]
    assert measured(renamed).id == first.id
    assert measured(renamed[:1]).id != first.id


def test_a_busy_machine_makes_it_not_valid(files: list[Path]) -> None:
    clock = Ticking()

    def busy() -> CpuReading:
        wall_s = clock.now_ns / 1e9
        return CpuReading(1.8 * wall_s, 0.2 * wall_s, wall_s, wall_s, cores=2)

    record = measured(files, clock=clock, counters=busy)
    assert not record.valid
    assert "other processes took 40%" in record.reasons[0]


def run(home: Path, *arguments: str) -> Any:
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("time")(timing.time_networks)
    return CliRunner().invoke(app, ["time", *arguments, "--home", str(home)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    seen = SimpleNamespace(reasons=False)
    real = pipeline.measure_end_to_end

    def fake(*what: Any, **how: Any) -> Any:
        clock = Ticking()
        counters = clock.counters
        if seen.reasons:
            counters = lambda: CpuReading(0.0, 0.0, 0.0, 0.0, cores=2)  # noqa: E731
        return real(*what, **{**how, "protocol": QUICK, "clock": clock, "counters": counters})

    monkeypatch.setattr(pipeline, "measure_end_to_end", fake)
    return seen


def test_the_command_prints_the_parts(files: list[Path], tmp_path: Path, quick: SimpleNamespace) -> None:
    folder = str(files[0].parent)
    done = run(tmp_path, "enet", "--size", "32x64", "--end-to-end", folder, "--device", "cpu")
    assert done.exit_code == 0
    for part in ("decode", "normalise", "model", "argmax", "loader", "end to end"):
        assert part in done.stdout
    done = run(tmp_path, "enet", "--size", "32x64", "--end-to-end", folder, "--device", "cpu", "--json")
    (one,) = json.loads(done.stdout)["measurements"]
    assert one["valid"]
    assert one["values"]["parts"]["decode"]["median_ms"] == 1.0
    assert len(list((tmp_path / "results" / "records" / "speed").glob("*.json"))) == 2


def test_what_is_not_valid_ends_with_exit_code_4(
    files: list[Path], tmp_path: Path, quick: SimpleNamespace
) -> None:
    quick.reasons = True
    done = run(tmp_path, "enet", "--size", "32x64", "--end-to-end", str(files[0]), "--device", "cpu")
    assert isinstance(done.exception, NotMeasured)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("enet", "sq"), UsageError, "2 models and 1 engines"),
        (("enet", "--engine", "eager", "--engine", "nchw"), UsageError, "1 models and 2 engines"),
        (("enet", "--batch", "4"), UsageError, "--batch"),
    ],
)
def test_one_network_in_one_engine_and_one_image_a_call(
    files: list[Path], tmp_path: Path, arguments: tuple[str, ...], error: type, message: str
) -> None:
    done = run(tmp_path, *arguments, "--size", "32x64", "--end-to-end", str(files[0].parent))
    assert isinstance(done.exception, error)
    assert message in str(done.exception)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, "enet", "--size", "32x64", "--end-to-end", str(tmp_path / "empty"))
    assert isinstance(done.exception, RefusedInput)
