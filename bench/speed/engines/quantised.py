"""An ONNX model in 8 bits: weights per output channel, maps in ranges that images were seen to fill."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import RefusedInput, UsageError, unknown
from bench.files import write_atomic
from bench.speed.engines.engine import import_extra
from bench.speed.engines.onnx_graph import INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

CALIBRATION_METHODS = ("minmax", "percentile", "entropy")
PERCENTILE = 99.999
FP32_CONVOLUTIONS = 3
"""The first convolutions, up to a MobileNetV2's first depthwise one, are few of the operations and most of
the loss: of CARNet-Mobile's 1.4 points of mIoU on 40 images of CamVid's val split 0.9 go with them."""
# all that the networks are made of: a map that is brought back to fp32 between two of them costs more than
# the arithmetic saves
_OPERATIONS = (
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "MaxPool",
    "Mul",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Resize",
    "Sigmoid",
)


@dataclass(frozen=True)
class Calibration:
    """Images from which the ranges are taken.

    Attributes
    ----------
    batches
        Normalised float32 images (b, 3, h, w) of the shape that the model takes; at least one batch.
    source
        What they are, for a record's identity: data set, split, count, digest.
    method
        ``minmax``: the smallest and largest value seen; ``percentile``: what `PERCENTILE` per cent of the
        values stay within, each way; ``entropy``: the range whose 8 bits lose the least information
        (Migacz, 8-bit inference with TensorRT, GTC 2017).
    fp32_convolutions
        So many of the model's first convolutions, and what stands between them, stay in fp32.
    progress
        Is told a stage and the share done.
    """

    batches: Sequence[Tensor]
    source: Mapping[str, Any]
    method: str = CALIBRATION_METHODS[0]
    fp32_convolutions: int = FP32_CONVOLUTIONS
    progress: Callable[[str, float], None] = lambda stage, share: None

    def identity(self) -> dict[str, Any]:
        """Return what defines it in a record."""
        percentile = {"percentile": PERCENTILE} if self.method == "percentile" else {}
        kept = {"fp32_convolutions": self.fp32_convolutions}
        return {**self.source, "method": self.method, **percentile, **kept}


def require_method(method: str) -> None:
    """Refuse a calibration method that is not there; the error lists the names."""
    if method not in CALIBRATION_METHODS:
        raise unknown("calibration method", method, list(CALIBRATION_METHODS))


def require_calibration(calibration: Calibration | None, engine: str) -> Calibration:
    """Return the calibration.

    Raises
    ------
    UsageError
        There is none: the ranges of a network's maps are those of its weights and its data.
    """
    if calibration is None:
        raise UsageError(
            f"{engine}: int8 needs trained weights and images to calibrate with; its time means nothing "
            "without a measured accuracy",
            then="--weights FILE|RUN --calibrate DATA[:COUNT]",
        )
    return calibration


def quantised_bytes(content: bytes, calibration: Calibration) -> tuple[bytes, dict[str, str]]:
    """Return an ONNX model with its maps and weights in 8 bits, and the version of what made it.

    Each quantised operation stands between nodes DequantizeLinear and QuantizeLinear (the QDQ form), which
    engines fuse. Maps are uint8, weights int8 with one scale an output channel, biases int32.

    Parameters
    ----------
    content
        The model in fp32, as `onnx_bytes` returns it.
    calibration
        At least one batch of the model's shape.

    Raises
    ------
    UsageError
        The extra ``engines`` is not installed; an unknown method.
    RefusedInput
        No image, no convolution to quantise, or ONNX Runtime cannot quantise the model.
    """
    onnx = import_extra("onnx", "int8")
    quantization = import_extra("onnxruntime.quantization", "int8")
    quantizer = import_extra("onnxruntime.quantization.qdq_quantizer", "int8")
    require_method(calibration.method)
    if not calibration.batches:
        raise RefusedInput("int8: no image to calibrate with; needed is at least one")
    model = onnx.load_model_from_string(content)
    in_fp32 = _first_nodes(model, calibration.fp32_convolutions)
    try:
        with _quiet():
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
    runtime = import_extra("onnxruntime", "int8")
    quantised: bytes = in_eight_bits.model.model.SerializeToString()
    return quantised, {"onnxruntime": str(runtime.__version__)}


def _first_nodes(model: Any, convolutions: int) -> list[str]:
    """Return the names of the nodes before the convolution after these first ones.

    All of them, not the convolutions alone: an activation without the convolution before it would be taken
    for a part of the rounding, which is not there then, and be dropped.

    Raises
    ------
    RefusedInput
        The model has no convolution left to quantise.
    """
    nodes = list(model.graph.node)
    places = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    if len(places) <= convolutions:
        raise RefusedInput(
            f"int8: a model of {len(places)} convolutions, {convolutions} of them in fp32: none is left",
            then="give a smaller --fp32-convolutions",
        )
    return [node.name for node in nodes[: places[convolutions]]] if convolutions else []


def _ranges(content: bytes, calibration: Calibration) -> Any:
    """Return the range of each map, by its name."""
    calibrate = import_extra("onnxruntime.quantization.calibrate", "int8")
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the library prints and warns of from stdout and the log; its errors are raised."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
