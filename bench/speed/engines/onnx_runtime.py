"""ONNX Runtime on the CPU: all graph optimisations, output written into one buffer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.extras import import_extra
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import Conditions, Prepared
from bench.speed.engines.onnx_graph import HasFile, onnx_bytes
from bench.speed.engines.quantised import quantised_bytes


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Export the network and load it.

    Raises:
        UsageError: The extra ``engines`` is not installed, or int8 without a calibration.
        RefusedInput: The network cannot be exported, quantised or loaded.
    """
    if isinstance(network, HasFile):
        return network.file.prepared("onnxruntime", conditions.threads)
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
    given, returned = session.get_inputs()[0].name, session.get_outputs()[0].name
    _bind(binding.bind_output, returned, logits)

    def infer(image: Tensor) -> Tensor:
        if not image.is_contiguous():
            image = image.contiguous()
        _bind(binding.bind_input, given, image)
        session.run_with_iobinding(binding)
        return logits

    return Prepared(infer, {"onnxruntime": str(runtime.__version__)})


def describe(content: bytes, path: Path, key: str) -> tuple[Any, Any, str | None]:
    """Return the shapes of an ONNX model's image and logits, and the text of its metadata under a key.

    Raises:
        UsageError: The extra ``engines`` is not installed.
        RefusedInput: ONNX Runtime does not take it; more than one input or output, or another type.
    """
    runtime = import_extra("onnxruntime", "engines")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is said here
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        raise RefusedInput(f"{path}: ONNX Runtime does not load it: {error}") from error
    ends = [*session.get_inputs(), *session.get_outputs()]
    if len(session.get_inputs()) != 1 or len(ends) != 2 or any(one.type != "tensor(float)" for one in ends):
        found = ", ".join(f"{one.name} {one.type}" for one in ends)
        raise RefusedInput(f"{path}: {found}; expected one float32 input and one float32 output")
    image, logits = (tuple(one.shape) for one in ends)
    return image, logits, session.get_modelmeta().custom_metadata_map.get(key)


def _bind(bind: Any, name: str, tensor: Tensor) -> None:
    bind(name, "cpu", 0, np.float32, tuple(tensor.shape), tensor.data_ptr())
