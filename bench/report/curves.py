"""Training curves: validation mIoU and training loss over epochs, from the training records."""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from baselines.method import Method
from bench.errors import NotMeasured
from bench.files import write_below
from bench.models import available
from bench.paper.variant import Variant, variant_of
from bench.report.figure import COLOURS, PAGE_IN, render
from bench.report.origin import Origin, origin
from bench.results.record import TrainingRecord
from bench.results.record_types import Recipe
from bench.results.select import Tabulated, started
from bench.results.store import read_records

_PANELS_IN, _ENTRY_IN = 1.7, 0.13
_LEFT_IN, _RIGHT_IN, _TOP_IN, _BOTTOM_IN, _BETWEEN_IN = 0.34, 0.05, 0.2, 0.36, 0.45
"""Margins of a row's two panels, over the legend at the bottom, and the room between them."""
_MOST_ABREAST, _ABREAST_CHARACTERS = 3, 120
"""Most columns of a legend, and the characters that fit the page beside the columns' lines."""
_MARKERS, _LINES = "osD^vPX", ("-", "--", "-.", ":")
_MOST_LINES = len(COLOURS)
"""Most lines of a panel, so that each has a colour of its own."""
_MOST = 4 * _MOST_LINES
"""Most curves of a recipe."""

_MOST_RECIPES = 8

Runs = dict[str, list[TrainingRecord]]
"""Runs that differ in their seed only, by label."""


def write_curves(
    data: str, home: Path, made_by: Origin | None = None, *, own: Sequence[Method] = ()
) -> list[Path]:
    """Write ``reports/curves-DATA.*``: the curves of the training records of a data set, and the caption.

    With networks of the user's own the files are named ``own-curves-DATA.*``.

    Args:
        data: Data set.
        home: Project folder.
        made_by: Origin of the figure.
        own: Networks of the user's own, whose records are shown too.

    Raises:
        NotMeasured: No record of a finished run on this data set may be shown.
    """
    records = training_records(data, home, own)
    if not records:
        lost = [one for one in read_records(home, "training", strict=False) if one.identity.data.name == data]
        names = sorted({f"{one.identity.model} ({one.identity.recipe.model})" for one in lost})
        left_out = f"; not shown, as stale or not installed: {', '.join(names)}" if names else ""
        raise NotMeasured(
            f"no training record on {data} to show in {home / 'results' / 'records'}{left_out}",
            then="name a network of your own with --model FILE.py:FUNCTION"
            if names
            else f"carnet-bench train {data}-quick",
        )
    # audit redraws curves-DATA from the records and the installed networks alone
    name = f"own-curves-{data}" if own else f"curves-{data}"
    drawn = draw(records, made_by or origin())
    return write_below(home, {f"reports/{name}.{form}": content for form, content in drawn.items()})


def training_records(data: str, home: Path, own: Sequence[Method] = ()) -> list[TrainingRecord]:
    """Return the training records of a data set that may be shown, by recipe and seed."""
    tabulated = Tabulated({**available(), **{method.name: method for method in own}})
    found = [
        one
        for one in read_records(home, "training", strict=False)
        if one.identity.data.name == data and one in tabulated
    ]
    return sorted(found, key=lambda one: (one.identity.recipe.name, one.identity.recipe.seed, one.id))


def grouped(records: Sequence[TrainingRecord]) -> dict[str, Runs]:
    """Return, by recipe, the runs that differ in their seed only, by what they trained and how."""
    models: dict[str, set[str]] = {}
    alike: dict[str, list[TrainingRecord]] = {}
    budgets: dict[str, set[int]] = {}
    for record in records:
        recipe = record.identity.recipe
        alike.setdefault(json.dumps({**record.stored_identity["recipe"], "seed": 0}), []).append(record)
        models.setdefault(recipe.name, set()).add(recipe.model)
        budgets.setdefault(recipe.name, set()).add(recipe.epochs)
    named: dict[str, Runs] = {}
    for runs in sorted(alike.values(), key=lambda runs: _order(runs[0].identity.recipe)):
        seeds = "" if len(runs) == 1 else f", {len(runs)} seeds"
        recipe = runs[0].identity.recipe
        epochs = f", {recipe.epochs} epochs" if len(budgets[recipe.name]) > 1 else ""
        label = f"{_title(recipe, models[recipe.name])}{epochs}{seeds}"
        of_recipe = named.setdefault(recipe.name, {})
        # recipes of one name that differ in a setting are not one curve
        again = sum(name.startswith(label) for name in of_recipe)
        of_recipe[f"{label} ({again + 1})" if again else label] = runs
    return named


def draw(records: Sequence[TrainingRecord], made_by: Origin) -> dict[str, str | bytes]:
    """Return two panels per recipe, or per few curves of one with many, in every form, and their caption."""
    every = grouped(records)
    order = sorted(every, key=lambda recipe: max(map(_began, every[recipe].values())), reverse=True)
    shown = {recipe: _latest(groups) for recipe, groups in every.items() if recipe in order[:_MOST_RECIPES]}
    left_out = sum(map(len, every.values())) - sum(map(len, shown.values()))
    earlier = [f"{left_out} earlier runs are not shown"] if left_out else []
    data = records[0].identity.data.name
    rows = _rows(shown)
    return render(
        sum(_height_in(groups) for _, groups in rows),
        f"Training on {data}, by recipe: mIoU of the validation split, total loss (Eq. 3), mean of an epoch",
        [*_remarks(shown), *earlier, made_by.line],
        lambda figure: _fill(figure, rows),
        width_in=PAGE_IN,
    )


def _began(runs: Sequence[TrainingRecord]) -> str:
    """Return when the last of some runs was started."""
    return max(map(started, runs))


def _latest(groups: Runs) -> Runs:
    latest = sorted(groups, key=lambda label: _began(groups[label]), reverse=True)[:_MOST]
    return {label: runs for label, runs in groups.items() if label in latest}


def _height_in(groups: Runs) -> float:
    return _PANELS_IN + _ENTRY_IN * -(-len(groups) // _abreast(groups))


def _abreast(labels: Collection[str]) -> int:
    """Return how many columns of a legend fit the page."""
    return max(1, min(_MOST_ABREAST, _ABREAST_CHARACTERS // max(map(len, labels))))


def _rows(recipes: dict[str, Runs]) -> list[tuple[str, Runs]]:
    """Return each row's recipe and curves; the rows of a recipe have about as many curves each."""
    rows = []
    for recipe, groups in recipes.items():
        labels, count = list(groups), -(-len(groups) // _MOST_LINES)
        ends = [len(labels) * row // count for row in range(count + 1)]
        rows += [(recipe, {label: groups[label] for label in labels[a:b]}) for a, b in pairwise(ends)]
    return rows


def _margins(groups: Runs) -> dict[str, float]:
    """Return where a row's panels lie, as `matplotlib.gridspec.GridSpec` takes it."""
    height_in, panel_in = _height_in(groups), (PAGE_IN - _LEFT_IN - _RIGHT_IN - _BETWEEN_IN) / 2
    legend_in = height_in - _PANELS_IN
    return {
        "left": _LEFT_IN / PAGE_IN,
        "right": 1 - _RIGHT_IN / PAGE_IN,
        "top": 1 - _TOP_IN / height_in,
        "bottom": (_BOTTOM_IN + legend_in) / height_in,
        "wspace": _BETWEEN_IN / panel_in,
    }


def _fill(figure: Any, rows: Sequence[tuple[str, Runs]]) -> None:
    # with many rows the solver of a layout ends some 1e-9 of the page elsewhere in every run, so that the
    # files would have other bytes whenever they are rebuilt
    figure.set_layout_engine("none")
    heights = [_height_in(groups) for _, groups in rows]
    panels = figure.subfigures(len(rows), squeeze=False, height_ratios=heights)[:, 0]
    first: dict[str, Any] = {}
    for row, (recipe, groups) in zip(panels, rows, strict=True):
        scores, losses = row.subplots(1, 2, sharex=True, gridspec_kw=_margins(groups))
        for index, (label, runs) in enumerate(groups.items()):
            style = {
                "color": COLOURS[index],
                "linestyle": _LINES[index % len(_LINES)],
                "marker": _MARKERS[index],
            }
            _line(scores, runs, "val_miou", 100.0, {**style, "label": label})
            _line(losses, runs, "loss", 1.0, {**style, "markevery": (index % 4, 4)})
        scores.set_title(f"{recipe}, continued" if recipe in first else recipe)
        scores.set_ylabel("validation mIoU (%)")
        losses.set_ylabel("training loss")
        scores.set_xlim(left=0)
        for axes in (scores, losses):
            axes.set_xlabel("epoch")
        # rows of one recipe are read against each other; the losses are not, for lambda scales them
        if scores is not first.setdefault(recipe, scores):
            scores.sharey(first[recipe])
            scores.autoscale(axis="y")
        entries = scores.get_legend_handles_labels()
        row.legend(*entries, loc="lower left", handlelength=3.0, ncols=_abreast(groups))


def _line(axes: Any, runs: Sequence[TrainingRecord], key: str, scale: float, style: dict[str, Any]) -> None:
    """Draw the mean over the seeds, and a band from the lowest to the highest of them."""
    by_epoch: dict[int, list[float]] = {}
    for entry in (entry for run in runs for entry in run.values.curve):
        if (value := getattr(entry, key)) is not None:
            by_epoch.setdefault(entry.epoch, []).append(scale * value)
    axes.plot(list(by_epoch), [statistics.fmean(values) for values in by_epoch.values()], **style)
    if len(runs) > 1:
        low, high = (list(map(of, by_epoch.values())) for of in (min, max))
        axes.fill_between(list(by_epoch), low, high, color=style["color"], alpha=0.2, linewidth=0)


def _remarks(recipes: dict[str, Runs]) -> Iterator[str]:
    """Yield how to read the curves, and the notes of the records."""
    every = [runs for groups in recipes.values() for runs in groups.values()]
    if any(len(runs) > 1 for runs in every):
        yield "lines: mean over the seeds; bands: from the lowest to the highest seed"
    by_weights: dict[str, list[str]] = {}
    for recipe, groups in recipes.items():
        labels: dict[str, list[str]] = {}
        for label, runs in groups.items():
            labels.setdefault(runs[0].identity.recipe.weights, []).append(label)
        for weights, those in labels.items():
            which = recipe if len(labels) == 1 else f"{recipe} ({'; '.join(those)})"
            by_weights.setdefault(weights, []).append(which)
    for weights, names in by_weights.items():
        yield f"encoder from {'chance' if weights == 'none' else weights}: {', '.join(names)}"
    yield from (note for runs in every for run in runs for note in run.notes)


def _order(recipe: Recipe) -> tuple[str, str, Variant | None, int]:
    """Sort by recipe and model, then from the fewest components to the most, then by epochs."""
    return recipe.name, recipe.model, variant_of(recipe), recipe.epochs


def _title(recipe: Recipe, models: set[str]) -> str:
    """Return the variant in the manner of Table 5, or the model where its name says it all."""
    variant = variant_of(recipe)
    if (
        variant is None
        or variant == Variant(variant.backbone)
        or recipe.model != f"carnet-{variant.backbone}"
    ):
        return recipe.model
    return variant.title if len(models) == 1 else f"{recipe.model} {variant.title}"
