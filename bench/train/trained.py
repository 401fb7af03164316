"""A finished run's network, from the weights file alone: what it is of, and the network itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.method import Method
from baselines.registry import METHODS
from bench.data.catalogue import ENTRIES, entry, known, names
from bench.data.dataset import SegmentationData
from bench.data.entry import Entry
from bench.data.statistics import Statistics
from bench.errors import RefusedInput, UsageError, unknown
from bench.files import sha256_of_file
from bench.mirror import fetch_source
from bench.models import recorded
from bench.own.guard import user_code
from bench.results.provenance import without_folders
from bench.results.record import TrainingRecord
from bench.results.store import read_takes
from bench.train.initial import build_seeded
from bench.train.recipe import Recipe, from_table
from bench.train.weight_file import OwnClasses, describe_weights, fit, load_weights

FINAL = "final.safetensors"
"""Name of a run's final weights, in its folder."""


@dataclass(frozen=True)
class TrainedWeights:
    """What a weights file says of itself.

    Attributes:
        path, sha256: The file.
        identity: Identity of the run.
        recipe: Recipe of the run.
        statistics: Statistics that normalise the network's input.
        notes: Remarks that every record of the run repeats.
        record: The training record of these weights; None where they lie without their records.
        data: Entry of the data set, of which name, classes and colours are certain: of a data set of the
            user's own the file knows no more.
    """

    path: Path
    sha256: str
    identity: dict[str, Any]
    recipe: Recipe
    statistics: Statistics
    notes: tuple[str, ...]
    record: TrainingRecord | None
    data: Entry

    def require_data(self, text: str | None) -> None:
        """Refuse another data set than that of the weights.

        Args:
            text: As the user names it, see `bench.data.catalogue.entry`; None is not given.

        Raises:
            UsageError: Another one, or none.
            RefusedInput: Other classes.
        """
        if text is None:
            return
        given = entry(text)
        if given.name != self.data.name:
            raise UsageError(f"{self.path}: weights of {self.data.name}, not of {given.name}")
        for place, (now, then) in enumerate(zip_longest(given.classes, self.data.classes)):
            if now != then:
                raise RefusedInput(
                    f"{text}: class {place} is {now!a}, that of {self.path} is {then!a}; expected the "
                    "same classes"
                )

    def method(self, model: str | None = None) -> Method:
        """Return the run's method: by its name, or as the user names it.

        Args:
            model: ``path/to/file.py:build`` of a network that is not in the registry: a run names the file,
                not where it lies, and no file is run because a weights file says so. None takes the name on
                record.

        Raises:
            RefusedInput: A name of nothing that is installed.
            UsageError: No such model, or not the run's.
        """
        method = recorded(self.recipe.model, self.path, model=model)
        given = self.recipe.model if model is None else without_folders(model)
        builders = {text.rpartition(":")[2] for text in (given, self.recipe.model) if ":" in text}
        if given != self.recipe.model and (method.name != self.identity["model"] or len(builders) > 1):
            raise UsageError(
                f"{self.path}: weights of {self.recipe.model} ({self.identity['model']}), not of {given}"
            )
        return method

    def network(self, method: Method, data: SegmentationData, device: torch.device) -> nn.Module:
        """Return the network with these weights, in evaluation mode.

        Args:
            method: The run's, see `method`.
            data: Data set, of which only name and classes are read.
            device: Device of the network.

        Raises:
            UsageError, RefusedInput: A method that cannot be built, or that the weights do not fit.
        """
        network = build_seeded(self.recipe, method, data)
        with user_code("loading its weights", method):
            fit(network, load_weights(self.path, self.sha256), self.path)
            network.to(memory_format=torch.channels_last).to(device)
            return network.eval()


def open_weights(source: Path, home: Path | None = None) -> TrainedWeights:
    """Return what a run's folder, or a weights file that a run has written, says that it is of.

    The file's digest must be that of the run's training record, which is looked for next to the file
    (``HOME/runs/RUN``, ``HOME/results/weights``) and in ``home``.

    Raises:
        RefusedInput: No such file, not the weights of a run, or not those of its training record.
    """
    fetch_source(source)
    path = source / FINAL if source.is_dir() else source
    found = describe_weights(path)
    identity = found.stored_identity
    recipe = from_table(dict(identity["recipe"]), path.name)
    data = _data_of(path, recipe.data, found.own_classes)
    classes = len(data.classes)
    if found.identity.num_classes not in (None, classes):
        raise RefusedInput(f"{path}: of {found.identity.num_classes} classes; {recipe.data} has {classes}")
    if recipe.model != found.identity.model and {recipe.model, found.identity.model} & METHODS.keys():
        raise RefusedInput(f"{path}: of {found.identity.model}, but its recipe trains {recipe.model!a}")
    statistics = Statistics(found.statistics.mean, found.statistics.std)
    sha256 = sha256_of_file(path)
    record = _record_of(path, sha256, identity, home)
    return TrainedWeights(path, sha256, identity, recipe, statistics, found.notes, record, data)


def metadata_of(
    identity: Mapping[str, Any], statistics: Statistics, data: SegmentationData, notes: Sequence[str]
) -> dict[str, Any]:
    """Return what a run's final weights say of themselves.

    Args:
        identity: The run's.
        statistics: Statistics that normalise the network's images.
        data: Training split; the classes of a data set that no other machine knows are part of it.
        notes: Remarks for every record made of the weights.
    """
    found = {
        "identity": identity,
        "statistics": {"mean": list(statistics.mean), "std": list(statistics.std)},
        "notes": list(notes),
    }
    if data.name not in ENTRIES:
        palette = [list(one) for one in data.palette]
        found["own_classes"] = {"classes": list(data.classes), "palette": palette}
    return found


def _data_of(path: Path, name: str, own: OwnClasses | None) -> Entry:
    """Return the entry of the data set of a weights file; no path is followed because the file names one."""
    if own is not None and name not in ENTRIES:
        how = "your own data: name its file with --data FILE.toml"
        return Entry(name, name, how, own.classes, own.palette, {}, None)
    found = known(name)
    if found is None:
        raise RefusedInput(f"{path}: {unknown('data set', name, names())}")
    return found


def _record_of(path: Path, sha256: str, identity: dict[str, Any], home: Path | None) -> TrainingRecord | None:
    """Return the training record of a weights file, or refuse a file that is not as its record says."""
    own_home = path.resolve().parents[min(2, len(path.resolve().parents) - 1)]
    homes = [own_home, *([] if home is None or home.resolve() == own_home else [home])]
    takes = [one for place in homes for one in read_takes(place, TrainingRecord, identity)]
    known = {one.values.final_weights_sha256: one for one in takes if one.values.final_weights_sha256}
    if sha256 in known:
        return known[sha256]
    is_run = (path.parent / "run.json").is_file()
    if known or is_run:
        expected = ", ".join(map(str, known)) or "nothing of it"
        then = "rerun the train command, which restores the file" if is_run else "copy the file again"
        raise RefusedInput(f"{path}: SHA-256 {sha256}; its training record says {expected}", then)
    return None
