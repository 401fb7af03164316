"""Accuracy records vs the baseline's: the same run and protocol, image by image, against a largest loss.

Records are immutable, so a score changes only with a new record: the same recipe, seed, data and protocol
with other weights, or the same weights re-evaluated. Other weights carry the noise of training, which one
seed does not show: then a standard deviation from elsewhere stands in, and a difference within it passes. The
same weights carry no such noise.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.evaluate.differences import compare
from bench.evaluate.neighbours import blocks_of_split
from bench.gate.findings import Finding, verdict_of
from bench.paper.variant import Variant, variant_of
from bench.results.record import AccuracyRecord, record_id
from bench.results.select import newest_first, of_runs
from bench.results.store import read_arrays, read_records

PRIOR_SEED_STD = 0.015
"""Standard deviation of mIoU between seeds, with fewer than `_LEAST_FREEDOM` differences of seeds on record.

Users of neighbouring benchmarks report that seeds move mIoU by 1 to 2 points (SegNeXt, issue 48).
"""
LEVEL = 0.95

_Z = 1.96
_LEAST_FREEDOM = 4
# what an evaluation's identity holds besides what defines the run: how often, by what, and what came of it
_INCIDENTAL = ("take", "weights_sha256", "engine", "device", "precision", "batch", "threads")
_INCIDENTAL_OF_RUN = ("engine", "device", "threads")


@dataclass(frozen=True)
class Score:
    """An accuracy record, and where its arrays are.

    Attributes:
        record: Valid, and not of a smoke run.
        home: Folder of its ``results/records``.
    """

    record: AccuracyRecord
    home: Path

    @property
    def run(self) -> str:
        """What defines the run and its evaluation, weights and machine apart, as a digest."""
        return record_id(_defining(self.record))

    @property
    def group(self) -> str:
        """The same without the seed."""
        identity = _defining(self.record)
        recipe = {key: value for key, value in identity["run"]["recipe"].items() if key != "seed"}
        # random initial weights follow from the seed
        return record_id({**identity, "run": {"recipe": recipe, "data": identity["run"]["data"]}})

    @property
    def miou(self) -> float:
        """The mIoU as a fraction."""
        return self.record.values.miou

    @property
    def title(self) -> str:
        """The title, e.g. ``camvid-quick, carnet-mobile, seed 0, camvid test``."""
        return self.titled(f"seed {self.seed}")

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return self.record.identity.run.recipe.seed

    def titled(self, seeds: str) -> str:
        """Return the title with other words for the seed."""
        identity = self.record.identity
        recipe, data = identity.run.recipe, identity.data
        variant = variant_of(recipe)
        # the runs of a study differ in nothing else that a reader could tell them by
        degraded = f" {variant.title}" if variant and variant != Variant(variant.backbone) else ""
        return f"{recipe.name}, {identity.model}{degraded}, {seeds}, {data.name} {data.split}"


@dataclass(frozen=True)
class Known:
    """A score of the baseline.

    Attributes:
        name: Id of the record.
        summary: As the baseline file keeps it, see `summaries`.
        score: The record itself; None where it is missing or has changed.
    """

    name: str
    summary: Mapping[str, Any]
    score: Score | None


def scores(home: Path) -> list[Score]:
    """Return the accuracy records below a home folder that a table may hold, the latest last.

    Raises:
        RefusedInput: One of them is damaged.
    """
    records = newest_first(of_runs(read_records(home, "accuracy", strict=False)))
    # of one run's evaluations the latest counts
    return [Score(one, home) for one in reversed(records) if one.valid and not one.smoke]


def summaries(found: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Return by record id what a baseline file keeps of the scores."""
    return {
        one.record.id: {
            "run": one.run,
            "title": one.title,
            "miou": one.miou,
            "weights_sha256": one.record.identity.weights_sha256,
            "matrices_sha256": _matrices_sha256(one),
        }
        for one in found
    }


def known_from_file(accuracy: Mapping[str, Mapping[str, Any]], home: Path) -> list[Known]:
    """Return a baseline file's scores, each with its record where that lies unchanged below a home folder."""
    at_hand = {one.record.id: one for one in scores(home)}
    return [
        Known(name, summary, one if one is not None and _is_as_it_was(summary, one) else None)
        for name, summary in accuracy.items()
        for one in (at_hand.get(name),)
    ]


def known_from_tree(home: Path) -> list[Known]:
    """Return the scores of a revision's own records."""
    found = scores(home)
    kept = summaries(found)
    return [Known(one.record.id, kept[one.record.id], one) for one in found]


def compare_scores(before: Sequence[Known], now: Sequence[Score], max_loss: float) -> list[Finding]:
    """Compare each run's latest score with the baseline's latest.

    A score that the baseline does not have is later than those that it has: a clock may be wrong.

    Args:
        before, now: The latest last, by the clock.
        max_loss: Largest loss of mIoU that passes, as a fraction; a regression is an interval that lies above
            it as a whole.
    """
    earlier = {known.summary["run"]: known for known in before}
    names = {known.name for known in before}
    latest = {one.run: one for one in sorted(now, key=lambda one: one.record.id not in names)}
    seed_std, source = seed_noise([*now, *(known.score for known in before if known.score is not None)])
    here, retrained = {one.record.id for one in now}, defaultdict(list)
    # records are never removed, so a missing one may hide a loss, whatever else there is of its run
    findings = [
        Finding(
            "accuracy", known.summary["title"], "removed", f"record {known.name[:12]} is missing or not valid"
        )
        for known in before
        if known.name not in here
    ]
    for run, known in earlier.items():
        if run not in latest:
            continue
        if known.summary["weights_sha256"] == latest[run].record.identity.weights_sha256:
            findings.append(_evaluated_anew(known, latest[run], max_loss))
        else:
            retrained[latest[run].group].append((known, latest[run]))
    findings += [_trained_anew(pairs, max_loss, seed_std, source) for pairs in retrained.values()]
    findings += [
        Finding("accuracy", one.title, "added", f"mIoU {100 * one.miou:.2f} %")
        for run, one in latest.items()
        if run not in earlier
    ]
    return findings


def seed_noise(found: Sequence[Score]) -> tuple[float, str]:
    """Return the standard deviation of mIoU between seeds, pooled over runs, and where it is from.

    A run counts with the seeds that it has, one score each; below `_LEAST_FREEDOM` degrees of freedom in all
    the answer is `PRIOR_SEED_STD`.
    """
    groups: dict[str, dict[int, float]] = defaultdict(dict)
    for one in found:
        groups[one.group][one.seed] = one.miou
    several = [list(seeds.values()) for seeds in groups.values() if len(seeds) > 1]
    freedom = sum(len(values) - 1 for values in several)
    if freedom < _LEAST_FREEDOM:
        return PRIOR_SEED_STD, "assumed: too few seeds on record"
    pooled = sum(statistics.variance(values) * (len(values) - 1) for values in several) / freedom
    return math.sqrt(pooled), f"of {len(several)} runs on record"


def _evaluated_anew(known: Known, latest: Score, max_loss: float) -> Finding:
    """Judge the same weights: only the evaluation differs, without the noise of training."""
    title = latest.title
    loss = known.summary["miou"] - latest.miou
    if _is_as_it_was(known.summary, latest):
        return Finding("accuracy", title, "equal", f"mIoU {100 * latest.miou:.2f} %, the same matrices")
    if known.score is None:
        note = (
            f"the same weights, another score: loss {100 * loss:+.2f} points of mIoU, "
            f"at most {100 * max_loss:.2f} allowed; no interval without the baseline's matrices"
        )
        return Finding("accuracy", title, verdict_of(loss, loss, max_loss), note, {"loss": loss})
    return _judged((title, "the same weights"), [known.score], [latest], max_loss)


def _trained_anew(
    pairs: Sequence[tuple[Known, Score]], max_loss: float, seed_std: float, source: str
) -> Finding:
    """Judge other weights of the same run: seed by seed, all seeds together."""
    pairs = sorted(pairs, key=lambda pair: pair[1].seed)
    seeds = ", ".join(str(one.seed) for _, one in pairs)
    title = pairs[0][1].titled(f"seed{'s' if len(pairs) > 1 else ''} {seeds}")
    first = [known.score for known, _ in pairs if known.score is not None]
    if len(first) < len(pairs):
        loss = statistics.fmean(known.summary["miou"] - one.miou for known, one in pairs)
        half = _Z * math.sqrt(2 / len(pairs)) * seed_std
        return _verdict(
            title, "other weights", (loss, loss - half, loss + half), max_loss, f"{source}, without images"
        )
    noise = (seed_std, source)
    return _judged((title, "other weights"), first, [one for _, one in pairs], max_loss, noise)


def _judged(
    names: tuple[str, str],
    first: Sequence[Score],
    second: Sequence[Score],
    max_loss: float,
    noise: tuple[float, str] = (0.0, ""),
) -> Finding:
    (title, what), (seed_std, source) = names, noise
    data = second[0].record.identity.data
    try:
        blocks = blocks_of_split(data.name, data.split, second[0].record.values.images)
        found = compare(
            [read_arrays(one.record, one.home) for one in first],
            [read_arrays(one.record, one.home) for one in second],
            blocks,
            level=LEVEL,
            paired=True,
        )
    except (BenchError, KeyError) as error:
        return Finding("accuracy", title, "not comparable", str(error))
    half = (found.high - found.low) / 2
    said = ""
    if len(second) == 1 and seed_std:
        # one seed: its noise on both sides joins that of the images
        half = math.hypot(half, _Z * math.sqrt(2) * seed_std)
        said = f"std between seeds {100 * seed_std:.1f} points, {source}"
    return _verdict(title, what, (-found.mean, -found.mean - half, -found.mean + half), max_loss, said)


def _verdict(title: str, what: str, loss: tuple[float, float, float], max_loss: float, said: str) -> Finding:
    mean, low, high = loss
    note = (
        f"{what}: loss {100 * mean:+.2f} points of mIoU, 95 % interval {100 * low:+.2f} to "
        f"{100 * high:+.2f}, at most {100 * max_loss:.2f} allowed"
    )
    values = {"loss": mean, "low": low, "high": high, "max_loss": max_loss}
    verdict = verdict_of(low, high, max_loss)
    return Finding("accuracy", title, verdict, f"{note}; {said}" if said else note, values)


def _defining(record: AccuracyRecord) -> dict[str, Any]:
    identity = record.stored_identity
    run = {key: value for key, value in identity["run"].items() if key not in _INCIDENTAL_OF_RUN}
    return {**{key: value for key, value in identity.items() if key not in _INCIDENTAL}, "run": run}


def _matrices_sha256(one: Score) -> str | None:
    return one.record.sidecar.sha256 if one.record.sidecar else None


def _is_as_it_was(summary: Mapping[str, Any], one: Score) -> bool:
    same = summary["matrices_sha256"] == _matrices_sha256(one)
    return same and bool(np.isclose(summary["miou"], one.miou, rtol=0, atol=1e-12))
