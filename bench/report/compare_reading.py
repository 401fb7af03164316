"""What a comparison says and what it does not, in sentences made from the comparison alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.report.compare_rows import points
from bench.reproduce.comparison_result import SCRATCH, Comparison, Standing

TITLE = "What this says, and what it does not"
_LEARNT = 0.005
"""Rise of validation mIoU between the last two validations below which a method counts as trained out."""


@dataclass(frozen=True)
class Rise:
    """How much a method still learnt at the end.

    Attributes:
        title: Of the method.
        from_epoch, to_epoch: The last two epochs with a validation.
        gain: Rise of validation mIoU between them, mean over the seeds, as a fraction.
    """

    title: str
    from_epoch: int
    to_epoch: int
    gain: float


def reading(comparison: Comparison) -> list[str]:
    """Return the sentences, those on what was found first."""
    return [
        *_found(comparison),
        *_given(comparison.standings),
        *_budget(rises(comparison.standings)),
        *_weights(comparison.standings),
        "Learning rates are the recipe's and were not searched for each method: one that needs others is "
        "behind for that reason, too.",
        "One data set, one budget, one machine: images of another kind, longer training, larger inputs or "
        "another processor can give another order.",
        *_minutes(comparison.standings),
    ]


def rises(standings: Sequence[Standing]) -> list[Rise]:
    """Return how much each method still learnt between its last two validations, where that is on record."""
    found = []
    for one in standings:
        gains, epochs = [], None
        for record in one.entry.training.values():
            validated = [point for point in record.values.curve if point.val_miou is not None]
            if record.valid and len(validated) > 1:
                before, last = validated[-2:]
                gains.append((last.val_miou or 0.0) - (before.val_miou or 0.0))
                epochs = before.epoch, last.epoch
        if epochs is not None:
            found.append(Rise(one.entry.method.title, *epochs, statistics.fmean(gains)))
    return found


def _found(comparison: Comparison) -> Iterator[str]:
    titles = {one.name: one.entry.method.title for one in comparison.standings}
    judged = [one for one in comparison.standings if one.in_group is not None]
    if not judged:
        yield "Nothing is judged: the order of the table can be chance."
        return
    best, *alike = [titles[one.name] for one in judged if one.in_group]
    top = judged[0]
    if alike:
        yield (
            f"{best} has the highest mIoU, {points([top.miou])} %; it cannot be told apart from "
            f"{_listed(alike)}."
        )
    else:
        yield f"{best} has the highest mIoU, {points([top.miou])} %; its lead over each other method is real."
    corrected = [pair for pair in comparison.accuracy_pairs if pair.corrected is not None]
    undecided = [
        f"{titles[pair.first]} from {titles[pair.second]}" for pair in corrected if pair.leader is None
    ]
    told, count = len(corrected) - len(undecided), len(corrected)
    if count == 1:
        apart = "The two methods can be told apart" if told else "The two methods cannot be told apart"
    else:
        apart = f"Of {count} pairs of methods {told} are told apart"
    yield f"{apart}; not {_listed(undecided)}." if undecided and count > 1 else f"{apart}."
    front = [titles[one.name] for one in comparison.standings if one.on_front]
    if front:
        yield f"On the front of mIoU against time: {_listed(front)}."
    for one in comparison.standings:
        if one.on_front is False:
            rivals = _listed([titles[name] for name in one.rivals])
            yield f"{titles[one.name]} is not on the front: no real lead over {rivals} in either."


def _given(standings: Sequence[Standing]) -> Iterator[str]:
    if given := [one.entry.method.title for one in standings if one.entry.is_given]:
        yield f"Not trained here, scored as it stands, and no part of these verdicts: {_listed(given)}."


def _budget(found: Sequence[Rise]) -> Iterator[str]:
    if not found:
        yield "No run was validated twice, so how much was left to learn is not known."
        return
    last = {(one.from_epoch, one.to_epoch) for one in found}
    between = "between the last two validations"
    if len(last) == 1:
        ((before, after),) = last
        between = f"from epoch {before} to epoch {after}"
    least, most = min(found, key=lambda one: one.gain), max(found, key=lambda one: one.gain)
    if most.gain < _LEARNT:
        yield (
            f"Validation mIoU rose by {_signed(most)} points at most {between}: little was left to learn at "
            "this recipe's rates."
        )
    else:
        ends = f"{_signed(least)} ({least.title}) to {_signed(most)} points ({most.title})"
        change = ends if len(found) > 1 else f"{_signed(most)} points"
        yield (
            f"Validation mIoU still changed {between}, by {change}: the methods are compared at this budget, "
            "not at the best that each can reach."
        )


def _signed(rise: Rise) -> str:
    return points([rise.gain], signed=True)


def _weights(standings: Sequence[Standing]) -> Iterator[str]:
    scratch = [one.entry.method.title for one in standings if one.weights == SCRATCH]
    if scratch and any(one.weights not in (SCRATCH, None) for one in standings):
        yield (
            f"From scratch: {_listed(scratch)}; the others start from ImageNet weights. A difference across "
            "the two kinds is one of network and starting weights together, and a short budget widens it."
        )


def _minutes(standings: Sequence[Standing]) -> Iterator[str]:
    if any(one.train_s is not None for one in standings):
        yield (
            "Training minutes are wall times, with whatever else the machine did: no measure of a method's "
            "speed."
        )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
