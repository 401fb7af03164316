"""A finished run's network, from the weights file alone: what it is of, and the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.method import Method
from bench.data.dataset import SegmentationData
from bench.data.statistics import Statistics
from bench.files import sha256_of_file
from bench.train.initial import build_seeded
from bench.train.recipe import Recipe, from_table
from bench.train.weight_file import describe_weights, fit, load_weights

_WEIGHTS = "final.safetensors"


@dataclass(frozen=True)
class TrainedWeights:
    """What a weights file says of itself.

    Attributes:
        path, sha256: The file.
        identity: Identity of the run.
        recipe: Recipe of the run.
        statistics: Statistics that normalise the network's input.
        notes: Remarks that every record of the run repeats.
    """

    path: Path
    sha256: str
    identity: dict[str, Any]
    recipe: Recipe
    statistics: Statistics
    notes: tuple[str, ...]

    def network(self, method: Method, data: SegmentationData, device: torch.device) -> nn.Module:
        """Return the network with these weights, in evaluation mode.

        Args:
            method: The run's: ``resolve(recipe.model)``, or the user's own network from the file that they
                name.
            data: Data set, of which only name and classes are read.
            device: Device of the network.

        Raises:
            UsageError, RefusedInput: A method that cannot be built, or that the weights do not fit.
        """
        network = build_seeded(self.recipe, method, data)
        fit(network, load_weights(self.path, self.sha256), self.path)
        network.to(memory_format=torch.channels_last).to(device)
        return network.eval()


def open_weights(source: Path) -> TrainedWeights:
    """Return what a run's folder, or a weights file that a run has written, says that it is of.

    Raises:
        RefusedInput: No such file, or not the weights of a run.
    """
    path = source / _WEIGHTS if source.is_dir() else source
    description = describe_weights(path)
    mean, std = (tuple(description["statistics"][key]) for key in ("mean", "std"))
    return TrainedWeights(
        path,
        sha256_of_file(path),
        description["identity"],
        from_table(dict(description["identity"]["recipe"]), path.name),
        Statistics(mean, std),
        tuple(description["notes"]),
    )
