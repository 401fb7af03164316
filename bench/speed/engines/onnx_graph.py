"""A network as an ONNX file of one static shape; what ONNX Runtime, OpenVINO and others start from."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.extras import import_extra

INPUT, OUTPUT = "image", "logits"


def onnx_bytes(network: nn.Module, example: Tensor, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the network as an ONNX model, weights inside.

    Parameters
    ----------
    network
        In eval mode, fp32, on the CPU.
    example
        A float32 image (b, 3, h, w); the model takes this shape and no other.
    metadata
        Text to write into the model by key.

    Raises
    ------
    UsageError
        The extra ``engines`` is not installed.
    RefusedInput
        An operation that cannot be exported.
    """
    for module in ("onnx", "onnxscript"):
        import_extra(module, "engines")
    said = io.StringIO()  # stdout is for one JSON document
    with torch.inference_mode(False), torch.no_grad(), _quiet(), contextlib.redirect_stdout(said):
        try:
            # an image made in inference mode cannot be traced
            program = torch.onnx.export(
                network,
                (example.clone(memory_format=torch.contiguous_format),),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
            )
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise RefusedInput(
                f"{type(network).__name__}: cannot be exported to ONNX: {type(error).__name__}: {reason}"
            ) from error
    if program is None:
        raise RefusedInput(f"{type(network).__name__}: the export to ONNX gave nothing")
    proto = program.model_proto
    for key, value in (metadata or {}).items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    content: bytes = proto.SerializeToString()
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own deprecations to itself; its errors are raised."""
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    before = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for name in names:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)
