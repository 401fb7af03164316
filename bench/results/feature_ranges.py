"""``results/features/NAME.json``: the value range of a network's feature maps, for each image of a split.

A file holds one measurement with what it is of, and the SHA-256 of all this: an edited digit is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.errors import RefusedInput
from bench.files import read_regular, write_atomic
from bench.results.plain_json import fault, strict_json
from bench.results.record_types import Name, Part, Texts

FOLDER = "results/features"

_DIGEST = "sha256"

Pairs = Annotated[tuple[tuple[float, float], ...], Field(strict=False)]


class FeatureRanges(Part):
    """Lowest and highest value of each image's map, by layer.

    Attributes:
        model, weights_sha256: The network and its weights.
        recipe: Recipe of their training, as the run's record has it.
        data, split, manifest_sha256: The images.
        reduction: How a layer's channels become one map.
        images: Names of the images.
        layers: By layer, the lowest and highest value of each image, in the order of ``images``.
        notes: What the weights' records say besides.
        commit, machine, torch: What measured it.
    """

    model_config = ConfigDict(extra="forbid")

    model: Name
    weights_sha256: str
    recipe: dict[str, Any]
    data: Name
    split: Name
    manifest_sha256: str
    reduction: str
    images: Texts
    layers: dict[str, Pairs]
    notes: Texts
    commit: str
    machine: str
    torch: str

    @field_validator("layers", mode="before")
    @classmethod
    def _as_tuples(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {layer: tuple(tuple(pair) for pair in pairs) for layer, pairs in value.items()}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for layer, pairs in self.layers.items():
            if len(pairs) != len(self.images) or not pairs:
                raise ValueError(f"{layer}: {len(pairs)} ranges of {len(self.images)} images")
            if any(not low <= high for low, high in pairs):
                raise ValueError(f"{layer}: a lowest value above the highest")
        return self

    def spans(self, layer: str) -> list[float]:
        """Return the width of each image's range."""
        return [high - low for low, high in self.layers[layer]]

    def mean_span(self, layer: str) -> float:
        """Return the mean width of the images' ranges."""
        return math.fsum(self.spans(layer)) / len(self.images)


def write_ranges(ranges: FeatureRanges, stem: str, home: Path) -> Path:
    """Write a measurement below a home folder; an earlier one of this name is replaced.

    Raises:
        RefusedInput: The disk refuses.
    """
    path = home / FOLDER / f"{stem}-{ranges.data}-{ranges.split}.json"
    document = ranges.model_dump(mode="json")
    write_atomic(path, json.dumps({**document, _DIGEST: _digest(document)}, sort_keys=True, indent=1) + "\n")
    return path


def read_ranges(path: Path) -> FeatureRanges:
    """Return a measurement.

    Raises:
        RefusedInput: Not a measurement, or one that is not as it was written.
    """
    try:
        document = strict_json(read_regular(path))
        found = document.pop(_DIGEST)
        ranges = FeatureRanges.model_validate(document)
    except ValidationError as error:
        raise RefusedInput(f"{path}: {fault(error)}") from error
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise RefusedInput(f"{path}: not the value ranges of feature maps ({error})") from error
    if found != (expected := _digest(document)):
        raise RefusedInput(f"{path}: its content has SHA-256 {expected}, it says {found}")
    return ranges


def all_ranges(home: Path) -> dict[Path, FeatureRanges]:
    """Return every measurement below a home folder, in the order of the files' names."""
    return {path: read_ranges(path) for path in sorted((home / FOLDER).glob("[!.]*.json"))}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()
