"""From the records of a method to its entry in a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from baselines.method import Method
from bench.reproduce.comparison import counted
from bench.reproduce.comparison_result import Entry
from bench.results.record import AccuracyRecord, Record, SpeedRecord, TrainingRecord

R = TypeVar("R", bound=Record)


def entry_of(method: Method, found: Sequence[Record], num_classes: int, size_hw: tuple[int, int]) -> Entry:
    """Return what some records say of a method, with its counts.

    Args:
        method: The method.
        found: Scores and trainings, one of each seed, and at most one time.
        num_classes, size_hw: Classes and input size (height, width) of the counts.
    """
    accuracy = {one.identity.run.recipe.seed: one for one in of_kind(AccuracyRecord, found)}
    training = {one.identity.recipe.seed: one for one in of_kind(TrainingRecord, found)}
    network = as_trained(method, found)
    costs = counted(network, num_classes, size_hw)
    return Entry(method, network, costs, accuracy, training, next(of_kind(SpeedRecord, found), None))


def as_trained(method: Method, found: Sequence[Record]) -> Method:
    """Return a method with the options that its runs trained it with."""
    recipes = [one.identity.run.recipe for one in of_kind(AccuracyRecord, found)]
    recipes += [one.identity.recipe for one in of_kind(TrainingRecord, found)]
    options = recipes[0].model_options if recipes else {}
    return replace(method, options={**method.options, **options})


def of_kind(kind: type[R], found: Sequence[Record]) -> Iterator[R]:
    """Yield the records of a kind."""
    return (one for one in found if isinstance(one, kind))
