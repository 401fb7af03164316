"""Small networks that differ in one thing, and homes with copies of the real records."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from baselines.method import Method
from bench.gate.baseline import Baseline
from bench.gate.golden import conditions
from bench.gate.measuring import KINDS, measurements

ROOT = Path(__file__).parents[2]


class Toy(nn.Module):
    """Two convolutions, and at wish one multiply-add, one parameter or 1e-5 of a logit more."""

    def __init__(self, num_classes: int, more: str = "") -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.last = nn.Conv2d(4, num_classes, 1)
        self.more = more
        if more == "parameter":
            self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, image: Tensor) -> Tensor:
        logits = self.last(F.relu(self.first(image)))
        if self.more == "mac":
            F.conv2d(logits[:, :1, :1, :1], torch.ones(1, 1, 1, 1, device=logits.device))
        if self.more == "logit":
            logits[0, 2, 3, 5] *= 1 + 1e-5
        if self.more == "nothing":
            raise RuntimeError("it is broken")
        return logits


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Method]]:
    """Make a registry of toys: a name for each, and what it has more than a plain one."""
    module = types.ModuleType("toys_of_the_gate")
    module.build = Toy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toys_of_the_gate", module)

    def registry(**more: str) -> dict[str, Method]:
        return {
            name: Method(
                name,
                name,
                "none",
                2026,
                "toys_of_the_gate:build",
                {"more": one},
                size_hw=(32, 48),
                num_classes=5,
            )
            for name, one in more.items()
        }

    return registry


@pytest.fixture
def baseline_of() -> Callable[[dict[str, Method]], Baseline]:
    """Make a baseline of some methods, without accuracy and speed."""

    def make(methods: dict[str, Method]) -> Baseline:
        measured = dict(measurements(methods, methods, KINDS))
        return Baseline("0" * 40, conditions(), measured, {}, None)

    return make


@pytest.fixture
def records_copy(tmp_path: Path) -> Path:
    """A home with a copy of the accuracy records of this repository."""
    home = tmp_path / "copy"
    shutil.copytree(ROOT / "results" / "records" / "accuracy", home / "results" / "records" / "accuracy")
    return home
