"""A network as a file for another program: written only when what is read back computes the same."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.errors import RefusedInput, UsageError, unknown
from bench.extras import import_extra
from bench.files import write_atomic
from bench.results.value_types import EngineScore
from bench.speed.accuracy import Judge
from bench.speed.engines import onnx_runtime, open_vino
from bench.speed.engines.calibration import Calibration, require_calibration
from bench.speed.engines.engine import Prepared
from bench.speed.engines.onnx_graph import onnx_bytes
from bench.speed.engines.quantised import quantised_bytes
from bench.speed.parity import Parity, outputs_on, parity_inputs, require_parity
from bench.speed.subjects import deployed

ENDS = {"onnx": ".onnx", "openvino": ".xml"}
PRECISIONS = ("fp32", "int8")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: The requested file, and the weights next to it where the format keeps them apart.
        parity: Against eager fp32, by kind of input.
        accuracy: Accuracy on data; None where none was named.
    """

    files: tuple[Path, ...]
    parity: Mapping[str, Parity]
    accuracy: EngineScore | None = None


def check_out(form: str, out: Path) -> None:
    """Refuse a name whose suffix is not the format's.

    Raises:
        UsageError: Naming the expected suffix.
    """
    if out.suffix != ENDS[form]:
        raise UsageError(f"{out}: expected the suffix {ENDS[form]} for {form}")


def export_network(
    network: nn.Module,
    name: str,
    size_hw: tuple[int, int],
    out: Path,
    *,
    form: str,
    description: Mapping[str, Any],
    batch: int = 1,
    deploy: bool = False,
    precision: str = "fp32",
    calibration: Calibration | None = None,
    judge: Judge | None = None,
    threads: int | None = None,
) -> Exported:
    """Write a network for one input size, after comparing the file's content with it.

    The file's input ``image`` is a normalised float32 image (b, 3, h, w), its output ``logits`` (b, c, h, w).

    Args:
        network: On the CPU.
        name: Name of the network, for messages.
        size_hw: Height and width, pixels.
        out: ``.onnx``, or ``.xml`` for OpenVINO (its weights go next to it into a ``.bin``).
        form: ``onnx`` or ``openvino``.
        description: Text stored in the file as JSON under the key ``carnet_bench``: a network without its
            statistics and classes is of no use.
        batch: Images per call.
        deploy: Whether to fold it for inference first.
        precision: ``fp32`` or ``int8``; input and output are float32 in both.
        calibration, judge: Source of int8's ranges, and what scores the file and eager on data; int8 needs
            both.
        threads: CPU threads of the comparison; None is torch's number.

    Raises:
        UsageError: The suffix does not fit; the extra ``engines`` is not installed; int8 without calibration
            or data.
        RefusedInput: The network fails, cannot be exported, or the file computes something else or loses more
            accuracy than is allowed; nothing is written then.
    """
    check_out(form, out)
    if precision not in PRECISIONS:
        raise unknown("precision of an export", precision, list(PRECISIONS))
    if precision == "int8":
        calibration = require_calibration(None if judge is None else calibration, form)
    shape = (batch, 3, *size_hw)
    inputs = parity_inputs(shape)
    threads = threads or torch.get_num_threads()
    network = network.eval()
    with torch.inference_mode():
        try:
            references = outputs_on(network, inputs, torch.contiguous_format, name)
        except RuntimeError as error:
            size = f"{size_hw[0]}x{size_hw[1]}"
            raise RefusedInput(f"{name}: fails on an image of {size}: {error}") from error
    graph = deployed(network, size_hw, name) if deploy else network
    note = {"carnet_bench": json.dumps(dict(description), sort_keys=True, allow_nan=False)}
    content = onnx_bytes(graph, inputs["random"], note)
    if precision == "int8" and calibration is not None:
        content, _ = quantised_bytes(content, calibration)
    with torch.inference_mode():
        if form == "onnx":
            prepared, files = onnx_runtime.load(content, inputs["random"], threads), {out: content}
        else:
            prepared, files = _as_openvino(content, note, out, threads, precision)
        outputs = outputs_on(prepared.infer, inputs, torch.contiguous_format, f"{name} as {form}")
        parity, accuracy = require_parity(f"{name} as {form}", outputs, references, precision), None
        if judge is not None:
            eager_miou = judge.miou("eager fp32", network, shape, _CPU)
            miou = judge.miou(f"{name} as {form}", prepared.infer, shape, _CPU)
            accuracy = judge.accuracy(f"{name} as {form}", eager_miou, miou)
    for path, data in files.items():
        write_atomic(path, data)
    return Exported(tuple(files), parity, accuracy)


def _as_openvino(
    content: bytes, note: Mapping[str, str], out: Path, threads: int, precision: str
) -> tuple[Prepared, dict[Path, bytes]]:
    """Return the model as read back from its files, and the files' content, the weights' first."""
    openvino = import_extra("openvino", "engines")
    model = open_vino.read_model(content)
    for key, value in note.items():
        model.set_rt_info(value, [key])
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "model.xml"
        # its default would store the weights in fp16
        openvino.save_model(model, str(written), compress_to_fp16=False)
        prepared = open_vino.load(str(written), threads, precision)
        weights = written.with_suffix(".bin")
        return prepared, {out.with_suffix(".bin"): weights.read_bytes(), out: written.read_bytes()}
