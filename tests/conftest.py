"""Shared fixtures: toy data that is drawn here, a toy model, and where the real data is found."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bench.cache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from bench.data.dataset import Sample

ROOT = Path(__file__).parents[1]
_CACHE_FOLDER = bench.cache.cache_folder


class ToyData:
    """Six images of 64x96 pixels: two rectangles on a ground of stripes, four classes, a rim of 255.

    A pixel's colour is its class's plus a little noise, so two convolutions can learn it.
    """

    name = "toy"
    split = "train"
    classes = ("ground", "stripe", "box", "bar")
    palette = ((90, 90, 90), (40, 160, 60), (200, 60, 50), (60, 80, 210))
    synthetic = True

    def __len__(self) -> int:
        return 6

    def read(self, index: int) -> Sample:
        import torch

        from bench.data.dataset import IGNORE, Sample

        label = torch.zeros(64, 96, dtype=torch.uint8)
        label[:, index * 7 : index * 7 + 8] = 1
        label[8 + 4 * index : 28 + 4 * index, 40:60] = 2
        label[50:56, 10 + 3 * index : 70 + 3 * index] = 3
        colours = torch.tensor(self.palette)[label.long()].permute(2, 0, 1)  # (3, h, w)
        noise = torch.randint(-20, 21, (3, 64, 96), generator=torch.Generator().manual_seed(index))
        label[:2] = IGNORE
        return Sample((colours + noise).clamp(0, 255).to(torch.uint8), label, f"toy_{index}")

    def manifest(self) -> dict[str, str]:
        def digest(sample: Sample) -> str:
            return hashlib.sha256(sample.image.numpy().tobytes() + sample.label.numpy().tobytes()).hexdigest()

        samples = (self.read(index) for index in range(len(self)))
        return {sample.name: digest(sample) for sample in samples}


@pytest.fixture(autouse=True)
def _torch_as_found() -> Iterator[None]:
    """Give every test the same random numbers, and torch's global settings back as they were.

    A command that runs within a test sets its threads for the rest of its process, which is the tests' here.
    """
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    gradients, dtype = torch.is_grad_enabled(), torch.get_default_dtype()
    torch.manual_seed(0)
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(strict)
    torch.set_grad_enabled(gradients)
    torch.set_default_dtype(dtype)


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find in the user's cache folder what another has left, or leave anything there."""
    monkeypatch.setattr("bench.cache.cache_folder", lambda *_: None)


@pytest.fixture
def user_cache(_nothing_is_kept: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the test a cache folder of its own, by the rules of the user's; return it."""
    monkeypatch.setattr("bench.cache.cache_folder", _CACHE_FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "carnet-bench"


@pytest.fixture
def toy_data() -> ToyData:
    """Six drawn images of 64x96 with the classes 0..3 and 255."""
    return ToyData()


@pytest.fixture
def toy_model() -> nn.Module:
    """Two convolutions from 3 channels to 4 classes, the same weights in every test."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1))


@pytest.fixture
def carnet_bench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run ``carnet-bench WORDS --home tmp_path``; return exit code, stdout and stderr."""
    import bench.cli

    def call(*words: object, home: Path = tmp_path) -> tuple[int, str, str]:
        below = [] if words[0] in ("cost", "models", "predict") else ["--home", str(home)]
        monkeypatch.setattr(sys, "argv", ["carnet-bench", *map(str, words), *below])
        with pytest.raises(SystemExit) as stop:
            bench.cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def shared_data() -> Path:
    """Return the parent folder of the real data sets: ``CARNET_DATA``, else ``../shared/data``."""
    named = os.environ.get("CARNET_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def real_data(name: str) -> Path:
    """Return the folder of a real data set, or skip the test, saying where it was looked for.

    In CI (``CI=true``) on a machine that has ``../shared`` the data must be there: then its absence fails.
    """
    parent = shared_data()
    for folder in (parent / name, parent / f"{name}_sample"):
        if folder.is_dir():
            return folder
    message = f"no {name} or {name}_sample in {parent}; set CARNET_DATA to the folder that holds it"
    if os.environ.get("CI") == "true" and (ROOT.parent / "shared").is_dir():
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def camvid_root() -> Path:
    """The folder of CamVid (367/101/233 pairs of 360x480)."""
    return real_data("camvid")


@pytest.fixture(scope="session")
def weights_root() -> Path:
    """The folder of the ImageNet-pretrained backbones (safetensors)."""
    return real_data("weights")


@pytest.fixture(scope="session")
def cityscapes_root() -> Path:
    """The folder of Cityscapes, or of its sample: 8 pairs of train/aachen."""
    return real_data("cityscapes")


@pytest.fixture(scope="session")
def nyudv2_root() -> Path:
    """The folder of NYUDv2, or of its sample: 4 pairs of the official test split."""
    return real_data("nyudv2")


@pytest.fixture(scope="session")
def ade20k_root() -> Path:
    """The folder of SceneParse150, or of its sample: 2 validation pairs."""
    return real_data("ade20k")


@pytest.fixture(scope="session", autouse=True)
def no_signal_is_ignored_from_the_start() -> None:
    """Undo what ``nohup`` and a shell's background leave ignored: commands under test inherit it."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
