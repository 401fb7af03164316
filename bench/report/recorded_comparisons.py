"""The comparisons that the records hold: of each data set that of the protocol with the most methods."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.experiments.comparison import input_size
from bench.experiments.comparison_times import Timing, recorded_times
from bench.models import available
from bench.report.compare_table import given_entries
from bench.report.compare_write import write_comparison
from bench.report.origin import Origin
from bench.reproduce.comparison import judge_comparison
from bench.reproduce.comparison_entries import as_trained, entry_of
from bench.reproduce.comparison_result import Comparison
from bench.results.record import AccuracyRecord, Record, SpeedRecord, TrainingRecord
from bench.results.select import Tabulated, is_single_pass, newest, of_runs
from bench.results.store import read_records
from bench.train.recipe_methods import OF_A_METHOD
from bench.train.settings import Settings

_FEWEST_METHODS = 2


def write_recorded_comparisons(home: Path, made_by: Origin) -> list[Path]:
    """Write ``reports/compare-DATA.*`` of each comparison on record; return the files.

    Raises:
        RefusedInput: Scores of different images, or a disk that refuses.
    """
    return [path for found in recorded_comparisons(home) for path in write_comparison(found, home, made_by)]


def recorded_comparisons(home: Path) -> Iterator[Comparison]:
    """Yield the comparison of each data set on which one protocol has trained several methods.

    A protocol is everything of a run and its score but the method, its own keys of the recipe and the seed.
    What ``reports/compare-DATA.csv`` shows besides, files and predictions from outside, stays in it.
    """
    tabulated = Tabulated(available())
    by_data: dict[str, dict[str, list[AccuracyRecord]]] = {}
    for record in of_runs(read_records(home, "accuracy", strict=False)):
        if record in tabulated and is_single_pass(record):
            protocols = by_data.setdefault(record.identity.data.name, {})
            protocols.setdefault(_protocol(record), []).append(record)
    trainings = [one for one in read_records(home, "training", strict=False) if one in tabulated]
    for data, protocols in sorted(by_data.items()):
        _, scores = max(protocols.items(), key=lambda one: (len(_models(one[1])), len(one[1]), one[0]))
        if len(_models(scores)) >= _FEWEST_METHODS:
            yield _comparison(name_of(data), scores, trainings, home)


def name_of(data: str) -> str:
    """Return the name of a data set's comparison: of its letters, digits, ``.``, ``_`` and ``-``."""
    return re.sub(r"[^\w.-]", "-", data)


def _comparison(
    name: str, scores: Sequence[AccuracyRecord], trainings: Sequence[TrainingRecord], home: Path
) -> Comparison:
    run = scores[0].identity.run
    classes = scores[0].identity.num_classes
    size_hw = input_size(run.recipe)
    known = available()
    found: dict[str, list[Record]] = {}
    for model in _models(scores):
        of_model = [one for one in scores if one.identity.model == model]
        seeds = sorted({one.identity.run.recipe.seed for one in of_model})
        latest = [newest(one for one in of_model if one.identity.run.recipe.seed == seed) for seed in seeds]
        chosen = [one for one in latest if one is not None]
        trained = [newest(one for one in trainings if _is_of(one, score)) for score in chosen]
        found[model] = [*chosen, *(one for one in trained if one is not None)]
    networks = [as_trained(known[model], records) for model, records in found.items()]
    times = _times(Timing(networks, size_hw, classes, Settings(home, device=run.device, threads=run.threads)))
    entries = [
        entry_of(known[model], [*records, *([times[model]] if model in times else [])], classes, size_hw)
        for model, records in found.items()
    ]
    given = given_entries(home / "reports" / f"compare-{name}.csv", home, scores[0])
    return judge_comparison(name, [*entries, *given], home, size_hw)


def _times(timing: Timing) -> dict[str, SpeedRecord]:
    try:
        return recorded_times(timing, anywhere=True)
    except UsageError:  # a device that this machine does not have
        return {}


def _models(scores: Sequence[AccuracyRecord]) -> list[str]:
    return sorted({one.identity.model for one in scores})


def _protocol(record: AccuracyRecord) -> str:
    run = record.stored["identity"]["run"]
    shared = {
        key: value for key, value in run["recipe"].items() if key not in ("model", "seed", *OF_A_METHOD)
    }
    where = {key: run.get(key) for key in ("device", "threads", "devices", "precision", "engine")}
    return json.dumps([shared, where, record.identity.data.split], sort_keys=True)


def _is_of(training: TrainingRecord, score: AccuracyRecord) -> bool:
    identity = {key: value for key, value in training.stored["identity"].items() if key != "take"}
    return bool(identity == score.stored["identity"]["run"])
