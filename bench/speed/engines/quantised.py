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
PERCENTILE = 99.99
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
    progress
        Is told a stage and the share done.
    """

    batches: Sequence[Tensor]
    source: Mapping[str, Any]
    method: str = CALIBRATION_METHODS[0]
    progress: Callable[[str, float], None] = lambda stage, share: None

    def identity(self) -> dict[str, Any]:
        """Return what defines it in a record."""
        percentile = {"percentile": PERCENTILE} if self.method == "percentile" else {}
        return {**self.source, "method": self.method, **percentile}


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
        No image, or ONNX Runtime cannot quantise the model.
    """
    onnx = import_extra("onnx", "int8")
    quantization = import_extra("onnxruntime.quantization", "int8")
    quantizer = import_extra("onnxruntime.quantization.qdq_quantizer", "int8")
    require_method(calibration.method)
    if not calibration.batches:
        raise RefusedInput("int8: no image to calibrate with; needed is at least one")
    try:
        with _quiet():
            ranges = _ranges(content, calibration)
            in_eight_bits = quantizer.QDQQuantizer(
                onnx.load_model_from_string(content),
                True,  # a scale for each output channel
                False,
                quantization.QuantType.QInt8,
                quantization.QuantType.QUInt8,
                ranges,
                [],
                [],
                list(_OPERATIONS),
                {"WeightSymmetric": True, "ActivationSymmetric": False},
            )
            in_eight_bits.quantize_model()
    except Exception as error:  # whatever the model meets in there
        raise RefusedInput(
            f"int8: ONNX Runtime does not quantise the model: {type(error).__name__}: {error}"
        ) from error
    model = in_eight_bits.model.model
    if not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise RefusedInput("int8: nothing in the model was quantised")
    runtime = import_extra("onnxruntime", "int8")
    quantised: bytes = model.SerializeToString()
    return quantised, {"onnxruntime": str(runtime.__version__)}


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
