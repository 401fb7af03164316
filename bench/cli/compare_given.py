"""What ``compare`` scores as it stands, next to what it trains: networks' files and predictions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.cli.output import log
from bench.cli.progress import showing
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.experiments.comparison import Entrant
    from bench.experiments.grid_plan import Experiment
    from bench.reproduce.comparison_result import Entry
    from bench.results.record import AccuracyRecord, SpeedRecord
    from bench.speed.net_file import FileMethod
    from bench.train.settings import Settings


class Given(NamedTuple):
    """What is scored as it stands.

    Attributes:
        files: Networks' files.
        folders: Name and folder of predictions from outside.
        statistics: What normalises images for a file that does not say it.
    """

    files: tuple[FileMethod, ...]
    folders: tuple[tuple[str, Path], ...]
    statistics: str | None

    def require_names(self, taken: Sequence[str]) -> None:
        """Refuse two methods of one name.

        Raises:
            UsageError: With the name.
        """
        names = list(taken)
        for name in (*(file.name for file in self.files), *(name for name, _ in self.folders)):
            if name in names:
                raise UsageError(f"'{name}': another method has this name; give another one")
            names.append(name)

    def timed(self, size_hw: tuple[int, int], device: str) -> list[FileMethod]:
        """Return the files that can be timed with the methods: those of this input size, on a CPU."""
        if not self.files:
            return []
        from bench.speed.device import open_device

        kind = open_device(device).kind
        fitting = [one for one in self.files if kind == "cpu" and one.file.shape == (1, 3, *size_hw)]
        for one in self.files:
            if one not in fitting:
                found, asked = ("x".join(map(str, size)) for size in (one.file.size_hw, size_hw))
                log(f"{one.file.path}: not timed: it takes {found} on the CPU, the methods {asked} on {kind}")
        return fitting

    def scored(
        self, experiment: Experiment[Entrant], settings: Settings
    ) -> tuple[list[AccuracyRecord], list[AccuracyRecord]]:
        """Score the files and the folders on the split that the comparison is scored on."""
        from bench.predict.score import score_folder
        from bench.speed.file_score import evaluate_file

        data, split, options = experiment.recipe.data, experiment.scored, experiment.recipe.data_options
        with showing() as tell:
            files = [
                evaluate_file(
                    one.file.path,
                    split,
                    settings,
                    partial(tell, one.name),
                    data_set=data,
                    statistics=self.statistics,
                    options=options,
                )[0]
                for one in self.files
            ]
            folders = [
                score_folder(folder, data, split, settings, tell, called=name, options=options)[0]
                for name, folder in self.folders
            ]
        return files, folders


def given_of(models: Sequence[str], score: Sequence[str], statistics: str | None) -> tuple[list[str], Given]:
    """Return the methods that are trained, and what is scored as it stands.

    Args:
        models: As typed: names, ``FILE.py:FUNCTION``, ``.onnx`` and ``.xml`` files.
        score: ``NAME=FOLDER``, each.
        statistics: The name of a file's normalisation.

    Raises:
        UsageError: Only files, no NAME=FOLDER, or statistics without a file.
        RefusedInput: Not a network's file.
    """
    from bench.speed.net_file import is_net_file, method_of, open_net_file

    folders = tuple(map(_named_folder, score))
    paths = [Path(one) for one in dict.fromkeys(models) if is_net_file(one)]
    trained = [one for one in models if not is_net_file(one)]
    if not trained:
        raise UsageError(
            f"{paths[0]}: a file cannot be trained; name a method of `models` or FILE.py:FUNCTION, too",
            then="`evaluate` and `time` score and time files alone",
        )
    if statistics is not None and not paths:
        raise UsageError("--statistics is for a .onnx or .xml file; a method has its own")
    return trained, Given(tuple(method_of(open_net_file(path)) for path in paths), folders, statistics)


def given_entries(
    scored: tuple[Sequence[AccuracyRecord], Sequence[AccuracyRecord]], times: Mapping[str, SpeedRecord]
) -> list[Entry]:
    """Return the entries of scored files, with their times, and of scored folders."""
    from bench.reproduce.comparison_result import given_entry

    files, folders = scored
    return [
        *(given_entry(record, times.get(record.identity.model)) for record in files),
        *map(given_entry, folders),
    ]


def _named_folder(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not name or not equals or not folder:
        raise UsageError(f"--score '{text}'; expected NAME=FOLDER, e.g. deeplab-tf=from-tensorflow")
    return name, Path(folder)
