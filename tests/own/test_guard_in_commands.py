"""A user's network that exits, prints or changes settings, in every command that runs a trained one."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from made_records import RUN
from PIL import Image
from user_networks import net

from bench.predict.submission_format import FORMATS
from bench.train.recipe import from_table
from bench.train.weight_file import save_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NET = net(forward='exec(os.environ["FORWARD_DOES"])')
LINE = 1 + next(number for number, line in enumerate(NET.splitlines()) if "FORWARD_DOES" in line)
TABLE = {
    "name": "tiny",
    "model": "mynet",
    "data": "scenes",
    "data_options": {"count": 2, "size_hw": [32, 32]},
    "crop": [32, 32],
    "batch": 2,
    "epochs": 1,
    "encoder_lr": 0.1,
    "decoder_lr": 0.1,
}
COMMANDS = {
    "time": "time {net} --size 16x24 --budget 20s --samples 1 --threads 1 --device cpu",
    "export": "export {net} --onnx --size 16x24 --out {out}.onnx",
    "predict": "predict {scenes} {images}/leftImg8bit/test/bonn --out {out} --model {net}"
    " --device cpu --threads 1",
    "submit": "submit cityscapes {cityscapes} --out {out} --data-root {images} --partial --model {net}"
    " --device cpu --threads 1",
    "evaluate": "evaluate {scenes} --model {net} --device cpu --threads 1",
    "cost": "cost {net} --size 16x24",
}
ENDS = {
    "sys.exit(0)": "SystemExit: 0",
    "os._exit(0)": "os._exit(0)",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "1 / 0": "ZeroDivisionError",
}


@pytest.fixture
def run(
    write: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., tuple[int, str, str]],
) -> Callable[..., tuple[int, str, str]]:
    """Run a command on a network whose forward does something."""
    file = write(NET)
    small = dataclasses.replace(FORMATS["cityscapes"], size_hw=(32, 32))
    monkeypatch.setitem(FORMATS, "cityscapes", small)
    images = tmp_path / "images" / "leftImg8bit" / "test" / "bonn"
    images.mkdir(parents=True)
    noise = np.random.Generator(np.random.PCG64(0)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "bonn_000000_000019_leftImg8bit.png")
    monkeypatch.setenv("FORWARD_DOES", "pass")
    words = {"net": f"{file}:build", "images": tmp_path / "images", "out": tmp_path / "out"}
    for data, classes in (("scenes", 19), ("cityscapes", 19)):
        table = {**TABLE, "data": data} if data == "scenes" else {**TABLE, "data": data, "data_options": {}}
        recipe = from_table(table, "tiny").identity()
        trained_on = {"name": data, "split": "train", "manifest_sha256": "m"}
        run = {**RUN, "model": "mynet", "num_classes": classes, "recipe": recipe, "data": trained_on}
        weights = {"layer.weight": torch.zeros(classes, 3, 1, 1), "layer.bias": torch.zeros(classes)}
        path = words[data] = tmp_path / f"{data}.safetensors"
        statistics = {"mean": [0.5] * 3, "std": [0.5] * 3}
        save_weights(path, weights, {"identity": run, "statistics": statistics, "notes": []})

    def call(command: str, forward: str) -> tuple[int, str, str]:
        monkeypatch.setenv("FORWARD_DOES", forward)
        home = [] if command in ("predict", "cost") else ["--home", str(tmp_path / "home")]
        return cli(*(word.format(**words) for word in COMMANDS[command].split()), *home, "--json")

    return call


@pytest.mark.parametrize("forward", ENDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_forward_that_ends_the_process_is_one_line_in_every_command(
    run: Callable[..., tuple[int, str, str]], command: str, forward: str
) -> None:
    if command == "export":
        pytest.importorskip("onnx")
    code, said, told = run(command, forward)
    (error,) = [line for line in told.splitlines() if line.startswith("error: ")]
    assert (code, said) == (3, ""), told
    assert "mynet" in error
    assert f"line {LINE}" in error
    assert ENDS[forward] in error
    assert "Traceback" not in told


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "export"])
def test_a_forward_that_prints_and_changes_threads_changes_no_document(
    run: Callable[..., tuple[int, str, str]], command: str
) -> None:
    threads = torch.get_num_threads()
    code, said, told = run(command, f"print('LOUD'); torch.set_num_threads({threads + 2})")
    assert "LOUD" not in said
    assert "LOUD" in told
    assert torch.get_num_threads() == threads
    assert "threads" in told + said
    # what is measured while the network changes what it is measured with is not valid
    assert code == (4 if command in ("time", "evaluate") else 0)
    assert json.loads(said)
