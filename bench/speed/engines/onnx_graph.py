"""A network as an ONNX file of one static shape; what ONNX Runtime, OpenVINO and others start from."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.extras import import_extra

if TYPE_CHECKING:
    from bench.speed.engines.engine import Prepared

INPUT, OUTPUT = "image", "logits"


class RunsFile(Protocol):
    """A network's file, see `bench.speed.net_file.NetFile`."""

    def prepared(self, engine: str, threads: int, precision: str = "fp32") -> Prepared:
        """Return it in an engine."""


@runtime_checkable
class HasFile(Protocol):
    """A network that is a file already: nothing is exported, the file itself is loaded."""

    @property
    def file(self) -> RunsFile:
        """The file."""


def onnx_bytes(network: nn.Module, example: Tensor, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the network as an ONNX model, weights inside.

    Args:
        network: In eval mode, fp32, on the CPU.
        example: A float32 image (b, 3, h, w); the model takes this shape and no other.
        metadata: Text to write into the model by key.

    Raises:
        UsageError: The extra ``engines`` is not installed.
        RefusedInput: An operation that cannot be exported.
    """
    for module in ("onnx", "onnxscript"):
        import_extra(module, "engines")
    with torch.inference_mode(False), torch.no_grad(), quiet():
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
def quiet() -> Iterator[None]:
    """Keep what a library prints and warns of from stdout and the log; its errors are raised."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
