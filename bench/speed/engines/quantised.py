"""An ONNX model in 8 bits: weights per output channel, maps in ranges that images were seen to fill."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.errors import RefusedInput
from bench.extras import import_extra
from bench.files import write_atomic
from bench.speed.engines.calibration import PERCENTILE, Calibration, require_method
from bench.speed.engines.onnx_graph import INPUT, quiet

# all that the networks are made of: a map that is brought back to fp32 between two of them costs more than
# the arithmetic saves
_OPERATIONS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul"),
    *("AveragePool", "GlobalAveragePool", "MaxPool", "ReduceMean"),
    *("Add", "Clip", "Mul", "Relu", "Sigmoid"),
    *("Concat", "Reshape", "Resize"),
)


def quantised_bytes(content: bytes, calibration: Calibration) -> tuple[bytes, dict[str, str]]:
    """Return an ONNX model with maps and weights in 8 bits, and the version of the quantiser.

    Each quantised operation stands between nodes DequantizeLinear and QuantizeLinear (the QDQ form), which
    engines fuse. Maps are uint8, weights int8 with one scale per output channel, biases int32.

    Args:
        content: The model in fp32, as `onnx_bytes` returns it.
        calibration: At least one batch of the model's shape.

    Raises:
        UsageError: The extra ``engines`` is not installed; an unknown method.
        RefusedInput: No image, no convolution to quantise, or ONNX Runtime cannot quantise the model.
    """
    onnx = import_extra("onnx", "engines")
    quantization = import_extra("onnxruntime.quantization", "engines")
    quantizer = import_extra("onnxruntime.quantization.qdq_quantizer", "engines")
    require_method(calibration.method)
    if not calibration.batches:
        raise RefusedInput("int8: no image to calibrate with; expected at least one")
    model = onnx.load_model_from_string(content)
    in_fp32 = _first_nodes(model, calibration.fp32_convolutions)
    try:
        with quiet():
            ranges = _ranges(content, calibration)
            in_eight_bits = quantizer.QDQQuantizer(
                model,
                True,  # a scale for each output channel
                False,
                quantization.QuantType.QInt8,
                quantization.QuantType.QUInt8,
                ranges,
                [],
                in_fp32,
                list(_OPERATIONS),
                {"WeightSymmetric": True, "ActivationSymmetric": False},
            )
            in_eight_bits.quantize_model()
    except Exception as error:  # whatever the model meets in there
        raise RefusedInput(
            f"int8: ONNX Runtime does not quantise the model: {type(error).__name__}: {error}"
        ) from error
    runtime = import_extra("onnxruntime", "engines")
    quantised: bytes = in_eight_bits.model.model.SerializeToString()
    return quantised, {"onnxruntime": str(runtime.__version__)}


def _first_nodes(model: Any, convolutions: int) -> list[str]:
    """Return the names of the nodes before the convolution after these first ones.

    All of them, not the convolutions alone: an activation without the convolution before it would be taken
    for a part of the rounding, which is then missing, and be dropped.

    Raises:
        RefusedInput: The model has no convolution left to quantise.
    """
    nodes = list(model.graph.node)
    places = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    if len(places) <= convolutions:
        raise RefusedInput(
            f"int8: a model of {len(places)} convolutions, {convolutions} of them in fp32: none left",
            then="give a smaller --fp32-convolutions",
        )
    return [node.name for node in nodes[: places[convolutions]]] if convolutions else []


def _ranges(content: bytes, calibration: Calibration) -> Any:
    """Return the range of each map, by its name."""
    calibrate = import_extra("onnxruntime.quantization.calibrate", "engines")
    methods = calibrate.CalibrationMethod
    method, settings = {
        "minmax": (methods.MinMax, {}),
        "percentile": (methods.Percentile, {"percentile": PERCENTILE, "symmetric": False}),
        "entropy": (methods.Entropy, {}),
    }[calibration.method]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        write_atomic(model, content)
        collector = calibrate.create_calibrator(
            str(model),
            list(_OPERATIONS),
            str(Path(folder) / "with_ranges.onnx"),
            method,
            extra_options=settings,
        )
        for number, images in enumerate(calibration.batches):
            # one batch a turn: it holds all maps of the turn in memory
            collector.collect_data(_Reader(images.contiguous().numpy()))
            calibration.progress("calibrating", (number + 1) / len(calibration.batches))
        return collector.compute_data()


class _Reader:
    """Gives one batch, in the way in which ONNX Runtime asks for data."""

    def __init__(self, images: Any) -> None:
        self._left = [images]

    def get_next(self) -> dict[str, Any] | None:
        return {INPUT: self._left.pop()} if self._left else None
