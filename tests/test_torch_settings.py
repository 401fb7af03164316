"""Torch's global settings are read, compared and put back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import torch

from bench.torch_settings import TorchSettings, settings_kept

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGES: dict[str, Callable[[], object]] = {
    "threads 1 -> 2": lambda: torch.set_num_threads(2),
    "gradients True -> False": lambda: torch.set_grad_enabled(False),
    "default dtype torch.float32 -> torch.float64": lambda: torch.set_default_dtype(torch.float64),
    "default device cpu -> meta": lambda: torch.set_default_device("meta"),
    "deterministic algorithms 0 -> 1": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "flush denormals False -> True": lambda: torch.set_flush_denormal(True),
    "anomaly detection False -> True": lambda: torch.autograd.set_detect_anomaly(True),
    "float32 matmul precision highest -> medium": lambda: torch.set_float32_matmul_precision("medium"),
    "autocast on the cpu False": lambda: torch.set_autocast_enabled("cpu", True),
    "torch.backends.cudnn.benchmark False -> True": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "torch.backends.cudnn.enabled True -> False": lambda: setattr(torch.backends.cudnn, "enabled", False),
    "torch.backends.mkldnn.enabled True -> False": lambda: torch.backends.mkldnn.set_flags(False),
    "torch.backends.mkldnn.fp32_precision none -> bf16": lambda: setattr(
        torch.backends.mkldnn, "fp32_precision", "bf16"
    ),
    "nnpack True -> False": lambda: torch.backends.nnpack.set_flags(False),
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setting_is_named_and_put_back(change: str) -> None:
    before = TorchSettings.read()
    CHANGES[change]()
    assert any(each.startswith(change) for each in before.restore())
    assert before == TorchSettings.read()


def test_settings_that_stay_are_not_named() -> None:
    assert TorchSettings.read().restore() == ()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no cores to choose on this system")
def test_the_cores_of_the_process_are_a_setting() -> None:
    before = TorchSettings.read()
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("one core")
    os.sched_setaffinity(0, {min(cores)})
    assert any(each.startswith("cores") for each in before.restore())
    assert os.sched_getaffinity(0) == cores


def test_settings_come_back_after_an_error_too() -> None:
    changes: list[str] = []

    def fails() -> None:
        torch.set_num_threads(2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), settings_kept(changes):
        fails()
    assert changes == ["threads 1 -> 2"]
    assert torch.get_num_threads() == 1
