"""ONNX Runtime on the CPU: all graph optimisations, output written into one buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.extras import import_extra
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import Conditions, Prepared
from bench.speed.engines.onnx_graph import INPUT, OUTPUT, onnx_bytes
from bench.speed.engines.quantised import quantised_bytes


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Export the network and load it.

    Raises:
        UsageError: The extra ``engines`` is not installed, or int8 without a calibration.
        RefusedInput: The network cannot be exported, quantised or loaded.
    """
    content = onnx_bytes(network, example)
    if conditions.precision == "int8":
        content, _ = quantised_bytes(content, require_calibration(conditions.calibration, "onnxruntime"))
    return load(content, example, conditions.threads)


def load(content: bytes, example: Tensor, threads: int) -> Prepared:
    """Return an ONNX model in ONNX Runtime, for inputs of the example's shape.

    Raises:
        RefusedInput: ONNX Runtime does not take the model.
    """
    runtime = import_extra("onnxruntime", "engines")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors
    # its workers wait for the next call by spinning, which would slow whatever is timed in turn with it
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise RefusedInput(f"ONNX Runtime does not load the model: {error}") from error
    wanted = tuple(session.get_inputs()[0].shape)
    if wanted != tuple(example.shape):
        raise RefusedInput(f"the ONNX model takes {wanted}, not {tuple(example.shape)}")
    logits = torch.empty(tuple(session.get_outputs()[0].shape))
    binding = session.io_binding()
    _bind(binding.bind_output, OUTPUT, logits)

    def infer(image: Tensor) -> Tensor:
        if not image.is_contiguous():
            image = image.contiguous()
        _bind(binding.bind_input, INPUT, image)
        session.run_with_iobinding(binding)
        return logits

    return Prepared(infer, {"onnxruntime": str(runtime.__version__)})


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    bind(name, "cpu", 0, np.float32, tuple(tensor.shape), tensor.data_ptr())
