"""What runs on a GPU alone: augmentation, kept samples, recorded steps; skipped on machines without one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from baselines.registry import METHODS
from bench.data.catalogue import open_data
from bench.data.loader import epoch_batches
from bench.data.statistics import IMAGENET
from bench.data.transforms import TrainTransform
from bench.fabric import launch_fabric
from bench.speed.engines import cuda_graphs
from bench.speed.engines.engine import Conditions
from bench.train.criterion import build_criterion
from bench.train.kernels import VARIABLE
from bench.train.loop import Trainer
from bench.train.recipe import Recipe, from_table

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

COUNT, SIZE_HW = 12, (64, 96)


def recipe(**changes: Any) -> Recipe:
    table = {"name": "gpu", "model": "carnet-mobile", "data": "scenes", "crop": list(SIZE_HW), "batch": 4}
    made = from_table({**table, "epochs": 2, "encoder_lr": 0.01, "decoder_lr": 0.02, "clip_norm": 5.0}, "gpu")
    return dataclasses.replace(made, **changes)


def trainer(folder: Path, device: str, **changes: Any) -> Trainer:
    torch.manual_seed(0)
    asked = recipe(**changes)
    method = METHODS[asked.model]
    return Trainer(
        recipe=asked,
        network=method.build(19),
        criterion=build_criterion(asked, method),
        data=open_data("scenes", "train", count=COUNT, size_hw=SIZE_HW),
        statistics=IMAGENET,
        fabric=launch_fabric(device, asked.precision),
        folder=folder,
        run_key="key",
    )


def test_a_gpu_augments_as_the_cpu_does_to_one_level() -> None:
    data = open_data("scenes", "train", count=COUNT, size_hw=SIZE_HW)
    here, there = (
        list(epoch_batches(data, TrainTransform((48, 80)), 4, seed=3, epoch=1, device=torch.device(name)))
        for name in ("cpu", "cuda")
    )
    for cpu, gpu in zip(here, there, strict=True):
        assert gpu.image.is_cuda
        assert torch.equal(cpu.label, gpu.label.cpu())
        assert (cpu.image.int() - gpu.image.cpu().int()).abs().max() <= 1


def test_a_gpu_learns_what_the_cpu_does(tmp_path: Path) -> None:
    cpu, gpu = (trainer(tmp_path / name, name).train(None).losses for name in ("cpu", "cuda"))
    assert gpu == pytest.approx(cpu, rel=0.02)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_replayed_steps_are_the_eager_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    eager = trainer(tmp_path / "eager", "cuda", precision=precision).train(None).losses
    monkeypatch.setenv(VARIABLE, "graph")
    graph = trainer(tmp_path / "graph", "cuda", precision=precision).train(None).losses
    assert graph == pytest.approx(eager, rel=1e-3)


def test_a_run_of_replayed_steps_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "graph")
    whole = trainer(tmp_path / "whole", "cuda").train(None).losses
    first = trainer(tmp_path / "parts", "cuda")
    first.time_steps(2)
    first.save()
    second = trainer(tmp_path / "parts", "cuda")
    assert second.resume() == 2
    assert second.train(None).losses == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_on_a_gpu_a_cuda_graph_stays_right_when_other_networks_come_and_go(precision: str) -> None:
    gpu = torch.device("cuda")
    network = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 4, 1)).to(gpu).eval()
    image = torch.rand(1, 3, 64, 64, device=gpu)
    with torch.inference_mode():
        prepared = cuda_graphs.prepare(network, image, Conditions(gpu, 1, precision))
        wanted = network(image)
        for _ in range(8):
            torch.full((2**20,), float("nan"), device=gpu)  # takes what was freed
            nn.Conv2d(64, 64, 3).to(gpu)
            assert torch.allclose(prepared.infer(image), wanted, atol=0.02)
