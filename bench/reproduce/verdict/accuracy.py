"""One rule for an accuracy, and one for a difference: the interval over seeds and images decides.

Every cell of Tables 1 to 3 and 5 and every figure's claim is judged here.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from decimal import Decimal

from bench.errors import NotMeasured
from bench.evaluate.differences import Difference, Interval, interval
from bench.evaluate.image_counts import Matrices
from bench.evaluate.neighbours import Blocks
from bench.reproduce.verdict.words import CONTRADICTED, NOT_DISTINGUISHABLE, REPRODUCED, Verdict

FEWEST_SEEDS = 3
"""Below these an accuracy or a difference is not judged."""


def accuracy_interval(
    mious: Sequence[float], matrices: Sequence[Matrices], blocks: Blocks | None
) -> Interval | None:
    """Return mean and 95 % interval of a run's seeds; None for one seed without its images.

    Args:
        mious: mIoU of each seed, as fractions.
        matrices: The confusion matrices of its images, per seed; where one is empty, or too few images say
            how they vary, the interval is of the seeds alone.
        blocks: Block of neighbours that each image is in.
    """
    if matrices and all(matrices):
        try:
            return interval(matrices, blocks)
        except NotMeasured:
            pass
    return interval_of_seeds(mious) if len(mious) > 1 else None


def interval_of_seeds(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Return the mean of two values or more with Student's interval; nothing is known of the images."""
    from scipy.special import stdtrit  # noqa: PLC0415 - Student's t, which a table of dashes does not need

    mean, std = statistics.fmean(values), statistics.stdev(values)
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * std / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half, level, std, len(values), 0, 0, "seeds only")


def judge_accuracy(found: Interval | None, printed: str) -> Verdict:
    """Judge an accuracy on the paper's own data and protocol.

    With three seeds or more, ``reproduced`` when the interval contains the printed value (in percent) and
    ``contradicted`` otherwise; with fewer ``not distinguishable``.
    """
    seeds = 1 if found is None else found.seeds
    if found is None or seeds < FEWEST_SEEDS:
        return Verdict(NOT_DISTINGUISHABLE, _too_few(seeds))
    low, high = 100 * found.low, 100 * found.high
    note = f"95 % interval {low:.2f} to {high:.2f} over {found.covers}, {found.seeds} seeds"
    return Verdict(REPRODUCED if low <= float(Decimal(printed)) <= high else CONTRADICTED, note)


def judge_difference(found: Difference, printed: Decimal) -> Verdict:
    """Judge a difference by its sign: its interval must exclude 0 on the paper's side, or on the other."""
    seeds = min(found.seeds)
    if seeds < FEWEST_SEEDS:
        return Verdict(NOT_DISTINGUISHABLE, _too_few(seeds))
    if found.sign == 0 or printed == 0:
        return Verdict(NOT_DISTINGUISHABLE)
    return Verdict(REPRODUCED if (found.sign > 0) == (printed > 0) else CONTRADICTED)


def _too_few(seeds: int) -> str:
    return f"{seeds} seed{'' if seeds == 1 else 's'}, at least {FEWEST_SEEDS} needed"
