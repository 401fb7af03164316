"""Which methods cannot be told apart, and which of them lead: all pairs at once, corrected for their number.

The difference of two methods' mIoU is paired by seed and by image (`bench.evaluate.differences`). With 3
seeds a pair alone has 2 degrees of freedom for the noise of the seeds, so that noise is pooled over all
pairs, as in a two-way analysis of variance of k methods and n seeds, and never taken to be less than the
pair's own:

    variance = I + max(E, mean E) / n

with E the excess of the variance between the seeds of a pair's difference over what their images make of it,
and I the images' variance of its mean. The degrees of freedom of Student's t are the fewer of (k - 1)(n - 1)
and the number of blocks of images less 1. With Satterthwaite's, from a pair alone, two equal methods would
be called different in 10.7 % of 2,000 trials (3 seeds, a noise of the seeds twice that of the images); with
these in 2.4 % of 500. The intervals of single differences, which have nothing to pool with, are longer.

Times are paired by the rounds of one interleaved run. Both kinds of pairs are corrected by Holm (1979), so
that the chance that any two equal methods are called different is at most 5 %, however many are compared.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.evaluate.differences import Difference, compare_seeds
from bench.evaluate.image_counts import Matrices
from bench.evaluate.neighbours import Blocks
from bench.reproduce.verdict.accuracy import FEWEST_SEEDS

LEVEL = 0.05
"""A corrected p value below it tells two methods apart."""
LEAST_LEAD = 1.02
"""A ratio of times must exceed it: two processes of one code differ by a percent (`bench.gate.ratios`)."""
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Pair:
    """Two methods compared in one quantity.

    Attributes:
        first, second: Their names.
        mean, low, high: The second's mIoU less the first's, as fractions; or the logarithm of the second's
            time over the first's. The interval is of 95 %, of this pair alone.
        p: Two-sided p value of no difference; of a ratio of times, of one of at most `LEAST_LEAD`. None where
            it is not judged.
        corrected: The p value corrected for the number of pairs; None where there are too few seeds to judge.
    """

    first: str
    second: str
    mean: float
    low: float
    high: float
    p: float | None
    corrected: float | None = None

    @property
    def leader(self) -> str | None:
        """The method whose number is really the larger one; None where the two cannot be told apart."""
        if self.corrected is None or self.corrected >= LEVEL or self.mean == 0:
            return None
        return self.second if self.mean > 0 else self.first

    def as_json(self) -> dict[str, Any]:
        """Return the pair as ``compare --json`` prints it."""
        return {**vars(self), "leader": self.leader}


def accuracy_pairs(
    scores: Mapping[str, Mapping[int, Matrices]], blocks: Blocks | Sequence[int] | None
) -> list[Pair]:
    """Compare every two methods; those with fewer than 3 seeds in common are compared but not judged.

    Args:
        scores: By method and seed, the confusion matrices of the same images.
        blocks: See `bench.evaluate.differences.compare`.

    Raises:
        RefusedInput, NotMeasured: As `compare`.
    """
    judged: dict[tuple[str, str], Difference] = {}
    others: list[Pair] = []
    for first, second in itertools.combinations(scores, 2):
        found, _ = compare_seeds(scores[first], scores[second], blocks)
        if found.paired and min(found.seeds) >= FEWEST_SEEDS:
            judged[first, second] = found
        else:
            others.append(Pair(first, second, found.mean, found.low, found.high, None))
    return [*holm(_with_pooled_seeds(judged)), *others]


def _with_pooled_seeds(judged: Mapping[tuple[str, str], Difference]) -> list[Pair]:
    if not judged:
        return []
    methods = {name for names in judged for name in names}
    pooled = statistics.fmean(found.seed_variance or 0.0 for found in judged.values())
    least = min(min(found.seeds) for found in judged.values())
    pairs = []
    for (first, second), found in judged.items():
        degrees = min((len(methods) - 1) * (least - 1), found.blocks - 1)
        by_seeds = max(found.seed_variance or 0.0, pooled) / min(found.seeds)
        error = math.sqrt(found.image_variance + by_seeds)
        half = _quantile(degrees) * error
        p = _two_sided(found.mean, error, degrees)
        pairs.append(Pair(first, second, found.mean, found.mean - half, found.mean + half, p))
    return pairs


def time_pairs(samples_ms: Mapping[str, Sequence[float]]) -> list[Pair]:
    """Compare the times of every two methods, round by round.

    Args:
        samples_ms: By method, the times of one interleaved run, ms.
    """
    pairs = []
    for first, second in itertools.combinations(samples_ms, 2):
        logs = log_ratios(samples_ms[second], samples_ms[first])
        if len(logs) >= FEWEST_ROUNDS:
            mean, error = statistics.fmean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
            half = _quantile(len(logs) - 1) * error
            beyond = max(0.0, abs(mean) - math.log(LEAST_LEAD))
            p = _two_sided(beyond, error, len(logs) - 1)
            pairs.append(Pair(first, second, mean, mean - half, mean + half, p))
    return holm(pairs)


def log_ratios(over_ms: Sequence[float], under_ms: Sequence[float]) -> list[float]:
    """Return the logarithm of each round's ratio of times."""
    rounds = zip(over_ms, under_ms, strict=False)
    return [math.log(one_ms / other_ms) for one_ms, other_ms in rounds if one_ms > 0 and other_ms > 0]


def holm(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs, in their order, with p values corrected for their number (Holm, step down)."""
    values = [1.0 if pair.p is None else pair.p for pair in pairs]
    corrected, largest = [1.0] * len(pairs), 0.0
    for rank, index in enumerate(sorted(range(len(pairs)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(pairs) - rank) * values[index]))
        corrected[index] = largest
    return [replace(pair, corrected=p) for pair, p in zip(pairs, corrected, strict=True)]


def best_group(means: Mapping[str, float], pairs: Collection[Pair]) -> frozenset[str]:
    """Return the methods that cannot be told apart from the one with the highest mean, itself among them.

    Args:
        means: mIoU of the methods that are judged.
        pairs: All pairs of them.
    """
    if not means:
        return frozenset()
    best = max(means, key=lambda name: means[name])
    behind = {
        name for pair in pairs if pair.leader == best for name in (pair.first, pair.second) if name != best
    }
    return frozenset(means.keys() - behind)


def without_lead(
    name: str,
    means: Mapping[str, float],
    medians_ms: Mapping[str, float],
    accuracies: Collection[Pair],
    times: Collection[Pair],
) -> tuple[str, ...]:
    """Return the methods over which this one has no real lead, neither in mIoU nor in time.

    A method without any is on the front. None on it is dominated: one that is as fast and as accurate by the
    numbers shown leaves no lead over itself.

    Args:
        name: The method.
        means: mIoU of the methods that are judged.
        medians_ms: Their times.
        accuracies, times: All pairs of them.
    """
    more_accurate = _led_by(name, accuracies)
    # the leader of a pair of times is the slower one
    slower = {pair.leader for pair in times if name in (pair.first, pair.second)} - {None, name}
    return tuple(
        other
        for other in means
        if other != name
        and not (other in more_accurate and means[name] > means[other])
        and not (other in slower and medians_ms[name] < medians_ms[other])
    )


def _led_by(name: str, pairs: Collection[Pair]) -> set[str]:
    return {other for pair in pairs if pair.leader == name for other in (pair.first, pair.second)} - {name}


def _two_sided(mean: float, error: float, degrees: int) -> float:
    """Return the p value of a mean with this standard error."""
    if mean == 0:
        return 1.0
    if error == 0:
        return 0.0
    from scipy.special import stdtr  # noqa: PLC0415 - Student's t; most importers judge nothing

    return 2 * float(stdtr(degrees, -abs(mean) / error))


def _quantile(degrees: int) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415 - as in `_two_sided`

    return float(stdtrit(degrees, 0.975))
