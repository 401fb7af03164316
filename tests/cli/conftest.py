"""A comparison of two networks of one's own that takes seconds."""

import pytest
from made_records import make_record

from bench.experiments import comparison_times
from bench.experiments import grid_cost as estimate
from bench.experiments.train_budget import StepCost
from bench.results.provenance import current_sources, machine
from bench.speed.net_file import FileMethod

TINY = """
model = "carnet-mobile"
data = "scenes"
crop = [64, 64]
batch = 4
epochs = 1
encoder_lr = 0.02
decoder_lr = 0.02
clip_norm = 5.0
smoke = true
validate_every = 0

[data_options]
count = 8
size_hw = [64, 64]
"""
NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, {}, padding=1)
"""


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Two networks of one's own under a recipe of 2 steps, which are timed without a clock."""

    def of_file(method):
        layout = {"engine": "onnxruntime", "memory_format": "contiguous_format"}
        return {**layout, "weights": method.file.sha256}

    def measure(methods, size_hw, *, num_classes, **_):
        return [
            make_record(
                "speed",
                {
                    "model": method.name,
                    "options": dict(method.options),
                    "num_classes": num_classes,
                    "size": list(size_hw),
                    "threads": 1,
                    "machine": {**machine(), "torch": "2"},
                    **(of_file(method) if isinstance(method, FileMethod) else {}),
                },
                {"samples_ms": [place + 0.01 * (number % 3) for number in range(20)]},
                {"source": current_sources(method), "run": "a" * 16, "dirty": False},
            )
            for place, method in enumerate(methods, start=1)
        ]

    monkeypatch.setattr(comparison_times, "measure_speed", measure)
    monkeypatch.setattr(estimate, "prepare", lambda *_: None)
    monkeypatch.setattr(estimate, "measure_step", lambda *_: StepCost(step_s=10.0, image_s=1.0))
    (tmp_path / "tiny.toml").write_text(TINY)
    for name, kernel in (("wide", 3), ("thin", 3)):
        (tmp_path / f"{name}.py").write_text(NETWORK.format(kernel))
    models = [f"{tmp_path / name}.py:build" for name in ("wide", "thin")]
    return ["compare", *models, "--recipe", tmp_path / "tiny.toml", "--threads", 1, "--device", "cpu"]
