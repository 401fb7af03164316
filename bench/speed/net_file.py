"""A network that is a file: ``.onnx`` or OpenVINO's ``.xml``, as `export` writes it or as anything else does.

The very file is run, in ONNX Runtime or OpenVINO on the CPU, on normalised float32 images (b, 3, h, w) of its
one size.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.method import Method
from bench.data.catalogue import ENTRIES, entry
from bench.data.entry import Entry
from bench.data.statistics import Statistics, statistics_by_name
from bench.errors import RefusedInput, UsageError
from bench.files import read_regular
from bench.models import NAME
from bench.speed.engines import onnx_runtime, open_vino
from bench.speed.engines.engine import Infer, Prepared

ENGINES = {".onnx": ("onnxruntime", "openvino"), ".xml": ("openvino",)}
"""Engines that run a file, by its suffix; the first is the default."""
KEY = "carnet_bench"
"""Key of the file's metadata under which `export` describes the network."""


def is_net_file(name: str | Path) -> bool:
    """Return whether a name is that of a network's file rather than a method's."""
    return Path(name).suffix in ENGINES


@dataclass(frozen=True)
class NetFile:
    """A network's file, and what it says of itself.

    Attributes:
        path: The file.
        sha256: Of its bytes; of an ``.xml`` and the ``.bin`` next to it, one after the other.
        shape: Of the image, (b, 3, h, w).
        num_classes: Channels of the logits.
        described: What `export` wrote into it; empty for a file from elsewhere.
    """

    path: Path
    sha256: str
    shape: tuple[int, int, int, int]
    num_classes: int
    described: dict[str, Any]

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the image, pixels."""
        return self.shape[2], self.shape[3]

    @property
    def engines(self) -> tuple[str, ...]:
        """Names of the engines that run it, the default first."""
        return ENGINES[self.path.suffix]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its figures must know."""
        precision = str(self.described.get("precision", "fp32"))
        rounded = [] if precision == "fp32" else [f"precision of the file: {precision}"]
        told = [str(note) for note in self.described.get("notes", [])]
        return ("the file itself was run", *rounded, *told)

    def statistics(self, name: str | None) -> Statistics:
        """Return the statistics that normalise its images: the file's own, else those of a name.

        Raises:
            UsageError: Neither is known, or there is no such name.
        """
        if name is not None:
            return statistics_by_name(name)
        found = self.described.get("statistics")
        if found is None:
            raise UsageError(
                f"{self.path}: does not say how its images are normalised (no {KEY} in its metadata)",
                then="--statistics imagenet or --statistics half",
            )
        return Statistics(tuple(found["mean"]), tuple(found["std"]))

    def data(self, name: str | None) -> str:
        """Return the data set whose classes are the file's: as named, else as the file says.

        Raises:
            UsageError: None is named, and none is known; another number of classes, or other names.
        """
        own = self.described.get("classes")
        names = tuple(own) if isinstance(own, list) else None
        if name is None:
            name = next((one for one in ENTRIES if one == self.described.get("data")), None)
        if name is None:
            raise UsageError(
                f"{self.path}: does not say what its {self.num_classes} classes are",
                then="--data NAME|FILE.toml",
            )
        wanted: Entry = entry(name)
        if len(wanted.classes) != self.num_classes or names not in (None, wanted.classes):
            raise UsageError(
                f"{self.path}: {self.num_classes} classes{'' if names is None else f' ({names[0]}, ...)'}, "
                f"{name} has {len(wanted.classes)} ({wanted.classes[0]}, ...)"
            )
        return name

    def prepared(self, engine: str, threads: int, precision: str = "fp32") -> Prepared:
        """Return the file in an engine.

        Raises:
            UsageError: An engine that does not run such files, or that is not installed.
            RefusedInput: The engine does not take the file.
        """
        if engine not in self.engines:
            raise UsageError(f"{self.path}: runs in {' or '.join(self.engines)}, not in {engine}")
        if engine == "onnxruntime":
            return onnx_runtime.load(read_regular(self.path), torch.empty(self.shape, device="meta"), threads)
        return open_vino.load(str(self.path), threads, precision)


class FileNetwork(nn.Module):
    """A network's file as a module; it is loaded at the first call, with torch's number of threads."""

    def __init__(self, file: NetFile) -> None:
        super().__init__()
        self.file = file
        self._infer: list[Infer] = []

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (b, c, h, w) of a normalised float32 image.

        Raises:
            RefusedInput: An image of another shape than the file takes.
        """
        if tuple(image.shape) != self.file.shape:
            raise RefusedInput(
                f"{self.file.path}: takes images of {_text(self.file.shape)} (batch x channels x height x "
                f"width), found {_text(image.shape)}",
                then="export the network for this size (carnet-bench export --size), or give such images",
            )
        if not self._infer:
            self._infer.append(self.file.prepared(self.file.engines[0], torch.get_num_threads()).infer)
        return self._infer[0](image).clone()


@dataclass(frozen=True)
class FileMethod(Method):
    """A network's file as something to be timed."""

    file: NetFile = field(kw_only=True)

    def build(self, num_classes: int, **options: Any) -> nn.Module:
        """Return the file as a module."""
        if num_classes != self.num_classes:
            raise UsageError(f"{self.file.path}: {self.num_classes} classes, not {num_classes}")
        return FileNetwork(self.file)


def method_of(file: NetFile) -> FileMethod:
    """Return a file as a method, named after the file."""
    options = {"file": file.path.suffix[1:], "precision": file.described.get("precision", "fp32")}
    return FileMethod(
        file.path.name,
        file.path.name,
        "an exported file",
        0,
        f"{__name__}:FileNetwork",
        options,
        size_hw=file.size_hw,
        num_classes=file.num_classes,
        group="peer",
        file=file,
    )


def open_net_file(path: Path) -> NetFile:
    """Read what a network's file takes, returns and says of itself.

    Raises:
        UsageError: The extra ``engines`` is not installed.
        RefusedInput: No such file, not a network, or one with more than one input or output, of an open size,
            or of another type than float32.
    """
    if not path.is_file():
        raise RefusedInput(f"{path}: no such file")
    if not re.fullmatch(NAME, path.name):
        raise RefusedInput(f"{path}: expected a file name of letters, digits, '.', '_', '+', '-' and spaces")
    content = read_regular(path)
    if path.suffix == ".xml":
        weights = path.with_suffix(".bin")
        if not weights.is_file():
            raise RefusedInput(f"{weights}: no such file; an OpenVINO network is an .xml and its .bin")
        found = open_vino.describe(path, KEY)
        content += read_regular(weights)
    else:
        found = onnx_runtime.describe(content, path, KEY)
    image, logits, text = found
    whole = all(isinstance(side, int) and side > 0 for side in (*image, *logits))
    if len(image) != 4 or len(logits) != 4 or not whole or image[1] != 3 or image[0] != logits[0]:
        raise RefusedInput(
            f"{path}: from {_text(image)} to {_text(logits)}; expected float32 images (b, 3, h, w) of one "
            "size and logits (b, classes, h, w)",
            then="export it with fixed sizes, without the argmax",
        )
    return NetFile(path, hashlib.sha256(content).hexdigest(), image, logits[1], _described(path, text))


def _described(path: Path, text: str | None) -> dict[str, Any]:
    """Return the description in a file's metadata; it may have been written by anybody."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
        statistics = found.get("statistics")
        numbers = [] if statistics is None else [*statistics["mean"], *statistics["std"]]
        fits = all(isinstance(value, int | float) for value in numbers) and len(numbers) in (0, 6)
        names = found.get("classes")
        fits &= not isinstance(names, list) or all(isinstance(name, str) for name in names)
        if not (fits and isinstance(found.get("notes", []), list)):
            raise ValueError("unexpected values")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RefusedInput(f"{path}: its metadata {KEY} is damaged ({error})") from error
    return dict(found)


def _text(shape: Any) -> str:
    return "x".join("?" if side is None else str(side) for side in shape)
