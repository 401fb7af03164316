"""Parameters against mIoU as in the paper's Fig. 4: the printed points and those measured here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from baselines.registry import METHODS
from bench.paper import Row
from bench.report.figure import COLOURS, render
from bench.report.labels import Label, write_labels
from bench.report.origin import Origin
from bench.report.page import title
from bench.reproduce.table_result import Point, Reproduction
from bench.reproduce.verdict.words import OFF

_OTHER, _CARNET, _MEASURED, _CONTEXT = COLOURS[:4]
_COLOUR = {"carnet": _CARNET, "other": _OTHER, "measured": _MEASURED, "context": _CONTEXT}
_SHAPE = {"carnet": "o", "other": "^", "measured": "D", "context": "s"}
_AXES_IN, _ENTRY_IN = 3.1, 0.11
_TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Mark:
    """One point of the plot.

    Attributes:
        x, y_miou_percent: Place. Of parameters, x is the printed "Params (M)" for a printed point, even where
            that is no count.
        label: Text next to it.
        kind: ``carnet``, ``other`` (printed), ``measured``, or ``context``: measured and not in the paper's
            table.
        hollow: Printed: the number is no count of parameters; measured: on synthetic images.
        true_params_m: The counted parameters where the printed number is no count; else None.
    """

    x: float
    y_miou_percent: float
    label: str
    kind: str
    hollow: bool = False
    true_params_m: float | None = None


def marks(reproduction: Reproduction) -> list[Mark]:
    """Return the points of Table 1: the printed rows that have both numbers, then the measured ones."""
    found = [_printed(row, reproduction) for row in reproduction.rows]
    return [mark for mark in found if mark is not None] + [
        measured_mark(point, point.params_m, reproduction) for point in reproduction.points
    ]


def measured_mark(point: Point, x: float, reproduction: Reproduction) -> Mark:
    """Return what was measured here as a point at a cost."""
    return Mark(
        x,
        point.miou_percent,
        f"{_title(point, reproduction)}, {point.data}{' (synthetic)' if point.synthetic else ''}",
        "measured" if point.in_table else "context",
        hollow=point.synthetic,
    )


def printed_mark(row: Row, x: float, y_miou_percent: float, reproduction: Reproduction) -> Mark:
    """Return a row of the table as a point at a cost."""
    miou = row.cells["miou"]
    label = title(row, reproduction) + (" (msc)" if miou is not None and "msc" in miou.marks else "")
    return Mark(x, y_miou_percent, label, METHODS[row.name].family)


def without_both(reproduction: Reproduction) -> list[str]:
    """Return the titles of the rows that the plot cannot show, as the paper prints no parameters."""
    shown = ("params", "miou")
    return [row.title for row in reproduction.rows if any(row.cells[name] is None for name in shown)]


def draw(reproduction: Reproduction, origin: Origin) -> dict[str, str | bytes]:
    """Return the plot in every form, and its caption; the same input gives the same bytes."""
    points = marks(reproduction)
    # the legend grows with what is measured; the plot above it keeps its size
    return render(
        _AXES_IN + _ENTRY_IN * len(_kinds(points)),
        "Table 1: parameters and mIoU, Cityscapes test as printed",
        [*_remarks(reproduction), origin.line],
        lambda figure: _fill(figure, points),
        shows=points,
    )


def _title(point: Point, reproduction: Reproduction) -> str:
    return f"{point.title} (reconstruction)" if point.row in reproduction.reconstructions else point.title


def _printed(row: Row, reproduction: Reproduction) -> Mark | None:
    params, miou = row.cells["params"], row.cells["miou"]
    if params is None or miou is None:
        return None
    no_count = params.unit == "MiB" or reproduction.results[row.name, "params"].verdict == OFF
    return replace(
        printed_mark(row, float(params.value), float(miou.value), reproduction),
        hollow=no_count,
        true_params_m=reproduction.params_m.get(row.name) if no_count else None,
    )


def _remarks(reproduction: Reproduction) -> Iterator[str]:
    """Yield what is not shown and what the measured points rest on."""
    yield 'horizontal axis: "Params (M)" as printed; for measured points the counted parameters'
    missing = without_both(reproduction)
    if missing:
        yield f"not shown, as the paper prints no Params: {', '.join(missing)}"
    yield from notes_on_points(reproduction)


def notes_on_points(reproduction: Reproduction) -> Iterator[str]:
    """Yield each note on measured points once, behind the points that it is on, and what the marks mean."""
    by_note: dict[str, list[str]] = {}
    for point in reproduction.points:
        for note in point.notes:
            by_note.setdefault(note, []).append(f"{_title(point, reproduction)} on {point.data}")
    yield from (f"{', '.join(names)}: {note}" for note, names in by_note.items())
    yield "† also trained with coarse annotations of Cityscapes; msc: multi-scale testing"


def _fill(figure: Any, points: list[Mark]) -> None:
    axes = figure.add_subplot()
    axes.set_xscale("log")
    xs, ys = [point.x for point in points], [point.y_miou_percent for point in points]
    xs += [point.true_params_m for point in points if point.true_params_m is not None]
    left, right = min(xs) / 1.6, max(xs) * 1.6
    margin = 0.06 * (max(ys) - min(ys))
    axes.set_xlim(left, right)
    axes.set_ylim(min(ys) - margin, max(ys) + margin)
    ticks = [tick for tick in _TICKS if left <= tick <= right]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("parameters (M), logarithmic")
    axes.set_ylabel("mIoU (%)")
    line = sorted((p.x, p.y_miou_percent) for p in points if p.kind == "carnet")
    axes.plot(*zip(*line, strict=True), color=_CARNET, linewidth=0.7, linestyle="--", zorder=1)
    for point in points:
        draw_mark(axes, point)
    figure.legend(handles=_legend(points), loc="outside lower left")
    bars = [((p.x, p.y_miou_percent), _end(p)) for p in points if p.true_params_m is not None]
    write_labels(axes, [label_of(point) for point in points], [*itertools.pairwise(line), *bars])


def label_of(point: Mark) -> Label:
    """Return a point's label; a CARNet of the paper is named by its encoder alone."""
    return Label(
        (point.x, point.y_miou_percent),
        point.label.removeprefix("CARNet-") if point.kind == "carnet" else point.label,
        "#333333" if point.kind == "other" else _COLOUR[point.kind],
    )


def draw_mark(axes: Any, point: Mark) -> None:
    """Draw a point, and the bar to the count where the printed number is none."""
    colour = _COLOUR[point.kind]
    if point.true_params_m is not None:
        ends = (point.x, point.true_params_m)
        axes.plot(ends, (point.y_miou_percent,) * 2, color=colour, linewidth=0.6, zorder=1)
        axes.plot(*_end(point), marker="|", color=colour, zorder=2)
    axes.plot(point.x, point.y_miou_percent, **style(point.kind, hollow=point.hollow), zorder=3)


def style(kind: str, *, hollow: bool = False) -> dict[str, Any]:
    """Return how matplotlib draws the points of a kind."""
    colour = _COLOUR[kind]
    face = "white" if hollow else colour
    return {"marker": _SHAPE[kind], "color": colour, "markerfacecolor": face, "linestyle": "none"}


def _end(point: Mark) -> tuple[float, float]:
    """Return where the line from a printed number that is no count to the count ends."""
    true = point.x if point.true_params_m is None else point.true_params_m
    return true, point.y_miou_percent


def _legend(points: list[Mark]) -> list[Any]:
    """Return an entry for each kind of point."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - with the rest of matplotlib

    counted = any(point.true_params_m is not None for point in points)
    labels = {
        ("carnet", False): "CARNet of this encoder, printed",
        ("other", False): "other methods, printed",
        ("other", True): 'others whose "Params" are no count' + ("; bar to the count" if counted else ""),
        ("measured", False): "measured here, on the data named",
        ("measured", True): "measured here, on synthetic images",
        ("context", False): "not in the paper, for context; measured here",
        ("context", True): "not in the paper, for context; synthetic images",
    }
    return [
        Line2D([], [], label=labels[kind, hollow], **style(kind, hollow=hollow))
        for kind, hollow in _kinds(points)
    ]


def _kinds(points: list[Mark]) -> list[tuple[str, bool]]:
    """Return the kinds of points shown, in the order of the legend."""
    found = {(point.kind, point.hollow) for point in points}
    return [(kind, hollow) for kind in _COLOUR for hollow in (False, True) if (kind, hollow) in found]
