"""Judge a comparison of methods from their records: intervals, all pairs, group of the best, front."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from baselines.method import Method
from bench.cost.kept import kept_costs
from bench.errors import NotMeasured, RefusedInput
from bench.evaluate.image_counts import Matrices
from bench.evaluate.neighbours import Blocks, blocks_of_split
from bench.reproduce.comparison_result import FILE, OUTSIDE, SCRATCH, Comparison, Counted, Entry, Standing
from bench.reproduce.record_cells import own_notes
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS, accuracy_interval
from bench.reproduce.verdict.groups import Pair, accuracy_pairs, best_group, time_pairs, without_lead
from bench.results.record import AccuracyRecord
from bench.results.select import Tabulated, is_synthetic, of_runs
from bench.results.store import read_arrays


def counted(method: Method, num_classes: int, size_hw: tuple[int, int]) -> Counted:
    """Count a network at the smallest size that it takes and that holds ``size_hw``."""
    try:
        costs = kept_costs(
            method, num_classes, method.sizes.fitting(size_hw), ("gmacs", "params_m"), components=False
        )
    except (NotMeasured, RefusedInput) as error:
        return Counted(note=f"not counted: {error}")
    note = "; ".join(costs.notes) if costs.gmacs is None else None
    return Counted(costs.inference_params_m, costs.gmacs, note)


def judge_comparison(name: str, entries: Sequence[Entry], home: Path, size_hw: tuple[int, int]) -> Comparison:
    """Judge what is on record of some methods; nothing is trained or timed.

    Methods with fewer than 3 finished seeds are shown without a verdict.

    Args:
        name: Name of the comparison.
        entries: One per method.
        home: Holds ``results/records``.
        size_hw: Input size of counts and times, pixels.

    Raises:
        NotMeasured: No method has a score.
        RefusedInput: Scores of different images, or a damaged record.
    """
    entries = sorted(entries, key=_place)  # whatever the order in which they are named
    scored = [record for entry in entries for record in entry.accuracy.values()]
    if not of_runs(scored):
        raise NotMeasured("no method has a score, so there is nothing to compare")
    scores = _Scores(entries, home)
    pairs, medians, times = scores.pairs(), _medians(entries), _times(entries)
    standings = [scores.standing(entry) for entry in entries]
    judged = {one.name: one.miou for one in standings if one.miou is not None and _enough(one.entry)}
    judged = judged if scores.comparable and len(judged) > 1 else {}
    group = best_group(judged, pairs)
    both = {name: miou for name, miou in judged.items() if name in medians}
    rivals = {name: without_lead(name, both, medians, pairs, times) for name in both}
    standings = [
        replace(
            one,
            to_best=_to_best(one.name, judged, pairs),
            in_group=one.name in group if one.name in judged else None,
            on_front=not rivals[one.name] if one.name in rivals else None,
            rivals=rivals.get(one.name, ()),
        )
        for one in standings
    ]
    return Comparison(
        name,
        _protocol(of_runs(scored)),
        tuple(standings),
        tuple(pairs),
        tuple(times),
        _timed(entries),
        size_hw,
        any(map(is_synthetic, scored)),
        any(record.smoke for record in scored),
        tuple(_notes(standings, judged, both, scores)),
    )


class _Scores:
    """The scores of the entries with their images."""

    def __init__(self, entries: Sequence[Entry], home: Path) -> None:
        self._trained = Tabulated({entry.method.name: entry.method for entry in entries})
        self._timed = Tabulated({entry.method.name: entry.network for entry in entries})
        self._matrices: dict[str, dict[int, Matrices]] = {
            entry.method.name: {seed: read_arrays(record, home) for seed, record in entry.accuracy.items()}
            for entry in entries
            if entry.accuracy
        }
        first = next(record for entry in entries for record in entry.accuracy.values())
        data = first.identity.data
        self._blocks: Blocks = blocks_of_split(data.name, data.split, first.values.images)
        self._any_time = any(entry.speed is not None for entry in entries)
        self.comparable = True
        self.note: str | None = None

    def pairs(self) -> list[Pair]:
        """Compare every two methods; none where the images do not say how they vary."""
        try:
            if not all(matrices for seeds in self._matrices.values() for matrices in seeds.values()):
                raise NotMeasured("a score without its images")
            return accuracy_pairs(self._matrices, self._blocks)
        except NotMeasured as error:
            self.comparable, self.note = False, f"no verdicts: {error}"
            return []

    def standing(self, entry: Entry) -> Standing:
        """Return a method's line before it is compared."""
        records = list(entry.accuracy.values())
        mious = [record.values.miou for record in records]
        recipes = [one.identity.run.recipe for one in of_runs(records)]
        recipes += [one.identity.recipe for one in entry.training.values()]
        weights = recipes[0].weights if recipes else None
        trained = [one.values.train_s for one in entry.training.values() if one.valid]
        matrices = list(self._matrices.get(entry.method.name, {}).values())
        return Standing(
            entry,
            SCRATCH if weights == "none" else weights,
            accuracy_interval(mious, matrices, self._blocks) if mious else None,
            statistics.fmean(mious) if mious else None,
            _mean_iou(records),
            statistics.fmean(trained) if trained else None,
            notes=tuple(self._notes_on(entry)),
        )

    def _notes_on(self, entry: Entry) -> list[str]:
        if entry.is_given:
            return _notes_on_given(entry)
        failed = [f"seed {seed}: {one.reasons[0]}" for seed, one in entry.training.items() if not one.valid]
        refused = [self._trained.why_not(one) for one in entry.accuracy.values()]
        if entry.speed is not None and (reason := self._timed.why_not(entry.speed)) is not None:
            refused.append(f"its time: {reason}")
        few = [f"{_seeds(entry)}: no verdict"] if entry.accuracy and not _enough(entry) else []
        notes: list[str | None] = [
            *([] if entry.accuracy else ["no finished run"]),
            *few,
            *failed,
            *refused,
            *own_notes(list(entry.accuracy.values())),
            entry.counted.note,
            *([] if entry.speed or not self._any_time else ["no valid time in the run that is shown"]),
        ]
        return [note for note in dict.fromkeys(notes) if note]


def _notes_on_given(entry: Entry) -> list[str]:
    first = (
        f"{FILE}: scored as it stands, so without seeds and without a verdict; its operations are not counted"
        if entry.is_file
        else f"{OUTSIDE}: how they were made is not known, so no verdict"
    )
    timed = [] if entry.speed is None else [f"its time is that of {entry.speed.identity.form}"]
    return list(dict.fromkeys([first, *timed, *own_notes(list(entry.accuracy.values()))]))


def _place(entry: Entry) -> tuple[bool, float, str]:
    """Return the key that puts the highest mIoU first and methods without a score last."""
    mious = [record.values.miou for record in entry.accuracy.values()]
    return not mious, -statistics.fmean(mious) if mious else 0.0, entry.method.name


def _mean_iou(records: Sequence[AccuracyRecord]) -> dict[str, float | None]:
    by_class: dict[str, list[float]] = {name: [] for record in records for name in record.values.iou}
    for record in records:
        for name, iou in record.values.iou.items():
            if iou is not None:
                by_class[name].append(iou)
    return {name: statistics.fmean(found) if found else None for name, found in by_class.items()}


def _enough(entry: Entry) -> bool:
    return len(entry.accuracy) >= FEWEST_SEEDS


def _seeds(entry: Entry) -> str:
    count = len(entry.accuracy)
    return f"{count} finished seed{'' if count == 1 else 's'}, at least {FEWEST_SEEDS} needed"


def _to_best(name: str, judged: Mapping[str, float], pairs: Sequence[Pair]) -> Pair | None:
    if name not in judged:
        return None
    best = max(judged, key=lambda one: judged[one])
    return next((pair for pair in pairs if name != best and {pair.first, pair.second} == {name, best}), None)


def _medians(entries: Sequence[Entry]) -> dict[str, float]:
    return {entry.method.name: entry.speed.values.median_ms for entry in entries if entry.speed is not None}


def _times(entries: Sequence[Entry]) -> list[Pair]:
    return time_pairs(
        {entry.method.name: entry.speed.values.samples_ms for entry in entries if entry.speed is not None}
    )


def _protocol(scored: Sequence[AccuracyRecord]) -> str:
    first = scored[0]
    run, data = first.identity.run, first.identity.data
    recipe = run.recipe
    synthetic = " synthetic" if is_synthetic(first) else ""
    parts = (
        f"on {data.name} {data.split}, {first.values.images}{synthetic} images",
        f"{first.identity.num_classes} classes; recipe {recipe.name}: {recipe.epochs} "
        f"epoch{'s' * (recipe.epochs != 1)} of {recipe.crop[0]}x{recipe.crop[1]} crops",
        f"batch {recipe.batch}; trained on {run.device}",
        f"{run.threads} thread{'s' * (run.threads != 1)}",
    )
    return ", ".join(parts)


def _timed(entries: Sequence[Entry]) -> str | None:
    found = [entry.speed.identity for entry in entries if entry.speed is not None]
    if not found:
        return None
    forms = ", ".join(dict.fromkeys(one.form or "eager fp32" for one in found))
    return f"{found[0].where}, {forms}"


def _notes(
    standings: Sequence[Standing], judged: Mapping[str, float], both: Mapping[str, float], scores: _Scores
) -> list[str]:
    notes = []
    if scores.note is not None:
        notes.append(scores.note)
    elif not judged:
        notes.append(f"no verdicts: fewer than two methods have {FEWEST_SEEDS} finished seeds")
    elif without := [one.name for one in standings if one.name not in judged and not one.entry.is_given]:
        notes.append(f"verdicts leave out {', '.join(without)}: fewer than {FEWEST_SEEDS} finished seeds")
    if judged and (untimed := [name for name in judged if name not in both]):
        notes.append(f"the front leaves out {', '.join(untimed)}: no valid time in the run that is shown")
    started = {one.weights for one in standings if one.weights is not None}
    if len(started) > 1:
        notes.append("the methods do not start from the same weights: see the column of starting weights")
    return notes
