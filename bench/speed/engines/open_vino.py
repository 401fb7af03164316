"""OpenVINO on the CPU, from the same ONNX model as ONNX Runtime."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput, UsageError
from bench.extras import import_extra
from bench.speed.engines.calibration import require_calibration
from bench.speed.engines.engine import Conditions, Prepared
from bench.speed.engines.onnx_graph import HasFile, onnx_bytes
from bench.speed.engines.quantised import quantised_bytes

# int8 stands in the model itself; what is not quantised stays in fp32
_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}


@functools.cache
def _core(openvino: Any) -> Any:
    """Return the one core of this process.

    A core gives its thread a stack for signals and puts the one before back when it ends. Of two that end in
    the order in which they began, the second puts back the first one's, which is gone: the next signal would
    crash the process (OpenVINO 2026.4).
    """
    return openvino.Core()


def prepare(network: nn.Module, example: Tensor, conditions: Conditions) -> Prepared:
    """Export the network and compile it for the CPU.

    Raises:
        UsageError: The extra ``engines`` is not installed, the CPU lacks the precision, or int8 without a
            calibration.
        RefusedInput: The network cannot be exported, quantised or compiled.
    """
    if isinstance(network, HasFile):
        return network.file.prepared("openvino", conditions.threads, conditions.precision)
    content = onnx_bytes(network, example)
    versions: dict[str, str] = {}
    if conditions.precision == "int8":
        calibration = require_calibration(conditions.calibration, "openvino")
        content, versions = quantised_bytes(content, calibration)
    prepared = load(read_model(content), conditions.threads, conditions.precision)
    return replace(prepared, versions={**versions, **prepared.versions})


def read_model(content: bytes) -> Any:
    """Return an ONNX model as an OpenVINO model.

    Raises:
        RefusedInput: OpenVINO does not take the model.
    """
    openvino = import_extra("openvino", "engines")
    try:
        return _core(openvino).read_model(content)
    except RuntimeError as error:
        raise RefusedInput(f"OpenVINO does not read the model: {error}") from error


def describe(path: Path, key: str) -> tuple[Any, Any, str | None]:
    """Return the shapes of a model's image and logits, and the text of its metadata under a key.

    Raises:
        UsageError: The extra ``engines`` is not installed.
        RefusedInput: OpenVINO does not take it; more than one input or output, or another type.
    """
    openvino = import_extra("openvino", "engines")
    try:
        model = _core(openvino).read_model(str(path))
    except RuntimeError as error:
        raise RefusedInput(f"{path}: OpenVINO does not read it: {str(error).strip()}") from error
    ends = [*model.inputs, *model.outputs]
    types = [one.get_element_type().get_type_name() for one in ends]
    if len(model.inputs) != 1 or types != ["f32", "f32"]:
        raise RefusedInput(f"{path}: {', '.join(types)}; expected one float32 input and one float32 output")
    image, logits = (
        tuple(side.get_length() if side.is_static else None for side in one.get_partial_shape())
        for one in ends
    )
    text = model.get_rt_info([key]).astype(str) if model.has_rt_info([key]) else None
    return image, logits, text


def load(model: Any, threads: int, precision: str = "fp32") -> Prepared:
    """Compile an OpenVINO model for the CPU.

    Args:
        model: What `read_model` returns, or the path of an ``.xml`` file.
        threads: Number of CPU threads; OpenVINO's default is the physical cores only.
        precision: ``fp32`` must be requested: by default OpenVINO computes in bf16 where the CPU can.

    Raises:
        UsageError: OpenVINO takes another precision or number of threads.
        RefusedInput: The model cannot be compiled.
    """
    openvino = import_extra("openvino", "engines")
    settings = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_HYPER_THREADING": True,
    }
    try:
        compiled = _core(openvino).compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise RefusedInput(f"OpenVINO does not compile the model: {error}") from error
    given = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if given != _HINTS[precision]:
        raise UsageError(f"openvino: this CPU has no {precision}: requested {precision}, got {given}")
    in_force = compiled.get_property("INFERENCE_NUM_THREADS")
    if in_force != threads:
        raise UsageError(f"openvino: {threads} threads requested, got {in_force}")
    request = compiled.create_infer_request()

    def infer(image: Tensor) -> Tensor:
        # the tensor shares the image's memory, which must live until the call ends; the logits share the
        # request's
        image = image.contiguous()
        request.set_input_tensor(openvino.Tensor(image.numpy(), shared_memory=True))
        request.infer()
        return torch.from_numpy(request.get_output_tensor(0).data)

    return Prepared(infer, {"openvino": str(openvino.__version__)})
