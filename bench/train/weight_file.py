"""Weights as safetensors files: written whole, read by digest, fitted to a network by exact names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import safetensors
import safetensors.torch
import torch
from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator
from safetensors import SafetensorError
from torch import Tensor, nn

from bench.errors import RefusedInput
from bench.files import check_written, write_atomic
from bench.results.plain_json import fault, strict_json
from bench.results.record_types import Name, Part, Run, Texts

_METADATA_KEY = "carnet_bench"


def _positive(values: tuple[float, ...]) -> tuple[float, ...]:
    if min(values) <= 0:
        raise ValueError(f"{list(values)}; expected positive numbers")
    return values


Triple = Annotated[tuple[float, float, float], Field(strict=False)]
_Byte = Annotated[int, Field(ge=0, le=255)]
Rgb = Annotated[tuple[_Byte, _Byte, _Byte], Field(strict=False)]


def save_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None) -> str:
    """Write weights as safetensors, floating-point tensors as float32, and return the file's SHA-256.

    The same weights and metadata give the same bytes.

    Raises:
        RefusedInput: The disk refuses, or the file read back differs from what was written.
    """
    tensors = {}
    for name, tensor in state.items():
        plain = tensor.detach().cpu()
        plain = plain.float() if plain.is_floating_point() else plain
        tensors[name] = plain.clone(memory_format=torch.contiguous_format)
    # one key only: the library does not keep the order of several
    note = {_METADATA_KEY: json.dumps(dict(metadata or {}), sort_keys=True, allow_nan=False)}
    content = safetensors.torch.save(tensors, note)
    digest = hashlib.sha256(content).hexdigest()
    write_atomic(path, content)
    check_written(path, digest)
    return digest


def load_weights(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU.

    Args:
        path: The file.
        sha256: Expected digest; neither a flipped bit nor another model's weights are seen without it.

    Raises:
        RefusedInput: No such file, another digest, or not a safetensors file.
    """
    content = _read(path)
    actual = hashlib.sha256(content).hexdigest()
    if sha256 is not None and actual != sha256:
        raise RefusedInput(f"{path}: SHA-256 {actual}, expected {sha256}", then="re-download the file")
    try:
        tensors: dict[str, Tensor] = safetensors.torch.load(content)
    except (SafetensorError, ValueError) as error:
        raise RefusedInput(f"{path}: not a safetensors file ({error})") from error
    return tensors


class _Statistics(Part):
    mean: Triple
    std: Annotated[Triple, AfterValidator(_positive)]


class _Named(Part):
    model: Name
    num_classes: int | None = None
    recipe: dict[str, Any]


class OwnClasses(Part):
    """Names and RGB colours of the classes of a data set that is not built in."""

    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1, max_length=254)]
    palette: Annotated[tuple[Rgb, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _one_colour_per_class(self) -> Self:
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.palette)} colours for {len(self.classes)} classes")
        return self


class Description(Part):
    """What a weights file says it is of; nothing in it is trusted further than its types.

    Attributes:
        identity: Model, classes and recipe of the run.
        statistics: Mean and standard deviation of the channels that the network expects of its input.
        notes: Remarks that every record of the run repeats.
        own_classes: Classes of a data set of the user's own; None for a built-in one.
    """

    identity: _Named
    statistics: _Statistics
    notes: Texts
    own_classes: OwnClasses | None = None
    _identity: dict[str, Any] = PrivateAttr()

    @property
    def stored_identity(self) -> dict[str, Any]:
        """The identity as it was written."""
        return self._identity

    def whole_identity(self, path: Path) -> Run:
        """Return what defines the run, which records of its weights repeat.

        Raises:
            RefusedInput: A part is missing or of another type.
        """
        try:
            return Run.model_validate(self._identity)
        except ValidationError as error:
            raise RefusedInput(f"{path}: not the weights of a run (identity: {fault(error)})") from error


def describe_weights(path: Path) -> Description:
    """Return what a weights file says it is of.

    Raises:
        RefusedInput: No such file, or one not written by a run: a part of its description is missing or of
            another type.
    """
    if not path.is_file():
        raise RefusedInput(
            f"{path}: no such file", then="give a finished run's folder (runs/NAME) or its final.safetensors"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
        document = strict_json(metadata[_METADATA_KEY])
    except (SafetensorError, KeyError, ValueError, RecursionError, OSError) as error:
        raise RefusedInput(f"{path}: not the weights of a run ({error})") from error
    try:
        description = Description.model_validate(document)
    except ValidationError as error:
        raise RefusedInput(f"{path}: not the weights of a run ({fault(error)})") from error
    description._identity = document["identity"]
    return description


def fit(model: nn.Module, state: Mapping[str, Tensor], name: object = "the weights") -> None:
    """Load a state into a model that it fits exactly; the model is untouched otherwise.

    Args:
        model: The network.
        state: Its parameters and buffers by name; the caller renames, in sight.
        name: Name of the file, for the message.

    Raises:
        RefusedInput: Listing every missing and unexpected name and every other shape or kind of number.
    """
    own = model.state_dict()
    missing = sorted(set(own) - set(state))
    unexpected = sorted(set(state) - set(own))
    both = sorted(set(own) & set(state))
    faults = []
    if missing:
        faults.append(f"{len(missing)} missing: {', '.join(missing)}")
    if unexpected:
        faults.append(f"{len(unexpected)} unexpected: {', '.join(unexpected)}")
    for key in both:
        if own[key].shape != state[key].shape:
            faults.append(f"{key}: shape {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
        elif own[key].is_floating_point() != state[key].is_floating_point():
            faults.append(f"{key}: {state[key].dtype}, expected {own[key].dtype}")
    if faults:
        then = None
        if unexpected and all(key.startswith("module.") for key in unexpected):
            then = "the names begin with 'module.' (saved from a parallel wrapper); save the inner module"
        raise RefusedInput(f"{name} do not fit {type(model).__name__}: {'; '.join(faults)}", then=then)
    model.load_state_dict(dict(state), strict=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedInput(f"{path}: cannot read ({error.strerror})") from error
