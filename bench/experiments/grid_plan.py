"""A grid: subjects (variants of CARNet, or methods), each trained with several seeds under one recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bench.errors import RefusedInput, UsageError
from bench.train.recipe import Recipe
from bench.train.splits import scored_split


class Subject(Protocol):
    """What a grid varies; equal subjects are one run per seed."""

    @property
    def name(self) -> str:
        """Name for a reader."""


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True)
class Point(Generic[S]):
    """One place in the grid.

    Attributes:
        place: The requested values, e.g. ``lambda 0.4``, or a method's name.
        subject: What is trained for it.
    """

    place: str
    subject: S


@dataclass(frozen=True)
class Grid(Generic[S]):
    """The places of a grid.

    Attributes:
        points: The possible combinations.
        skipped: The impossible ones, each with the reason.
    """

    points: tuple[Point[S], ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def subjects(self) -> tuple[S, ...]:
        """Each subject to train once, in the order of its first place."""
        return tuple(dict.fromkeys(point.subject for point in self.points))

    def places(self, subject: S) -> tuple[str, ...]:
        """Return the places that a subject stands for."""
        return tuple(point.place for point in self.points if point.subject == subject)


@dataclass(frozen=True)
class GridRun(Generic[S]):
    """One subject with one seed.

    Attributes:
        subject: What is trained.
        seed: Seed of initial weights, order and augmentation.
        recipe: The grid's recipe with both.
    """

    subject: S
    seed: int
    recipe: Recipe = field(compare=False)

    @property
    def title(self) -> str:
        """Name of the run for a reader."""
        return f"{self.subject.name}, seed {self.seed}"


@dataclass(frozen=True)
class Experiment(Generic[S]):
    """A grid with everything that decides its runs.

    Attributes:
        recipe: Base recipe, which each subject changes.
        grid: The subjects and their places.
        seeds: Seeds of each subject.
        scored: Split that is scored; no weights are selected on it.
        recipe_of: Returns the recipe of a subject and a seed.
    """

    recipe: Recipe
    grid: Grid[S]
    seeds: tuple[int, ...]
    scored: str
    recipe_of: Callable[[S, int], Recipe] = field(compare=False)

    @property
    def runs(self) -> tuple[GridRun[S], ...]:
        """Every run once, all subjects of a seed before the next seed, so that a partial grid is balanced."""
        return tuple(
            GridRun(subject, seed, self.recipe_of(subject, seed))
            for seed in self.seeds
            for subject in self.grid.subjects
        )

    @property
    def selection(self) -> str:
        """Which weights are kept; the scored split never decides."""
        rule = "the best epoch on val" if self.recipe.selection == "best" else "the last epoch"
        return f"weights of {rule}, scored on {self.scored}, which selects nothing"


def require_data(recipe: Recipe, data: str) -> None:
    """Refuse a recipe of other data than was named.

    Raises:
        UsageError: With both names.
    """
    if recipe.data != data:
        raise UsageError(
            f"recipe {recipe.name} trains on {recipe.data}, not on {data}; drop --recipe or --data"
        )


def independent_split(recipe: Recipe) -> str:
    """Return the split that a grid of this recipe is scored on.

    Raises:
        RefusedInput: The recipe selects weights on these images.
    """
    scored = scored_split(recipe)
    if scored == "val" and not recipe.smoke and (recipe.selection == "best" or recipe.stop_after):
        key = "selection = 'best'" if recipe.selection == "best" else f"stop_after = {recipe.stop_after}"
        raise RefusedInput(
            f"recipe {recipe.name}: {key} selects weights on {recipe.data} val, the split that a grid scores",
            then="set selection = 'last' and stop_after = 0",
        )
    return scored
