"""A process that has used OpenVINO still receives signals."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_signal_after_two_models_of_openvino_ends_no_process() -> None:
    for module in ("openvino", "onnx", "onnxscript"):
        pytest.importorskip(module, reason="needs the extra `engines`")
    # the one that began first ends first: with a core each, the stack for signals would be gone
    program = """
import os, signal
import torch
from torch import nn
from bench.speed.engines.onnx_graph import onnx_bytes
from bench.speed.engines.open_vino import load, read_model

content = onnx_bytes(nn.Conv2d(3, 4, 1).eval(), torch.zeros(1, 3, 8, 8))
first, second = (load(read_model(content), 1) for _ in range(2))
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr
