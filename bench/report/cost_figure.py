"""Fig. 4: accuracy against cost, in the paper's form and in true units, with the front of what is printed.

Printed points and measured ones have axes of their own: their accuracies are of different data sets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.files import write_below
from bench.report.figure import COLUMN_IN, PAGE_IN, render
from bench.report.labels import Point as Corner
from bench.report.labels import write_labels
from bench.report.markdown import sentence, table
from bench.report.origin import Origin, origin, sealed
from bench.report.page import number, title
from bench.report.pareto import (
    Mark,
    draw_mark,
    label_of,
    marks,
    measured_mark,
    notes_on_points,
    printed_mark,
    style,
)
from bench.report.trade_off import CostAxis, cost_axes, front, measured_places, printed_places
from bench.reproduce.table_result import Reproduction

NAME = "fig4"
CAPTION = "Accuracy against cost"

_AS_PRINTED = "params-printed"
_PRINTED_IN, _MEASURED_IN, _POINT_IN, _AXIS_IN, _LEGEND_IN = 2.4, 0.28, 0.09, 0.55, 0.32
_WHERE = "Cityscapes test as printed"
_FRONT: dict[str, Any] = {"color": "black", "linewidth": 0.7, "linestyle": ":", "zorder": 1}


@dataclass(frozen=True)
class Panel:
    """One cost: the printed points with their front, and the measured points.

    Attributes:
        axis: The cost.
        printed, measured: Points to draw.
        steps: Corners of the front of the printed points; in the paper's form the line through CARNet's
            versions.
    """

    axis: CostAxis
    printed: tuple[Mark, ...]
    measured: tuple[Mark, ...]
    steps: tuple[Corner, ...]


def write_fig4(table1: Reproduction, home: Path, made_by: Origin | None = None) -> list[Path]:
    """Write ``reports/fig4.*`` and, one column wide, ``reports/fig4-COST.*``; return the files, page first.

    Raises:
        RefusedInput: The disk refuses; the message names the file.
    """
    return write_below(home, fig4_files(table1, made_by or origin()))


def fig4_files(table1: Reproduction, made_by: Origin) -> dict[str, str | bytes]:
    """Return what `write_fig4` writes, by path below the home folder; equal input gives equal bytes."""
    panels = panels_of(table1)
    drawn = {NAME: draw(panels, table1, made_by)}
    drawn |= {f"{NAME}-{panel.axis.name}": draw([panel], table1, made_by) for panel in panels}
    return {
        f"reports/{NAME}.md": sealed(to_markdown(table1, list(drawn), made_by), "<!--", " -->"),
        **{
            f"reports/{stem}.{form}": content
            for stem, files in drawn.items()
            for form, content in files.items()
        },
    }


def panels_of(table1: Reproduction) -> list[Panel]:
    """Return the paper's own form, then true parameters, multiply-adds and frame rates."""
    rows = {row.name: row for row in table1.rows}
    panels = []
    for axis in cost_axes(table1):
        places = printed_places(axis, table1)
        measured = [measured_mark(point, x, table1) for point, (x, _) in measured_places(axis, table1)]
        if axis.name == _AS_PRINTED:
            printed = [one for one in marks(table1) if one.kind in ("carnet", "other")]
            steps = sorted((one.x, one.y_miou_percent) for one in printed if one.kind == "carnet")
        else:
            printed = [printed_mark(rows[row], *place, table1) for row, place in places.items()]
            steps = _corners([places[row] for row in _front(axis, table1)])
        panels.append(Panel(axis, tuple(printed), tuple(measured), tuple(steps)))
    return panels


def draw(panels: Sequence[Panel], table1: Reproduction, made_by: Origin) -> dict[str, str | bytes]:
    """Return one panel one column wide, or several on two columns, in every form, and the caption."""
    across = 1 if len(panels) == 1 else 2
    down = -(-len(panels) // across)
    heights = [_PRINTED_IN, *([_measured_in(panels)] if any(one.measured for one in panels) else [])]
    subject = panels[0].axis.label if across == 1 else "parameters, multiply-adds and frame rates"
    return render(
        down * (sum(heights) + _AXIS_IN) + _LEGEND_IN,
        f"Fig. 4: {CAPTION[0].lower()}{CAPTION[1:]}: {subject[0].lower()}{subject[1:]}",
        [*_remarks(panels, table1), made_by.line],
        lambda figure: _fill(figure, panels, across, heights),
        width_in=COLUMN_IN if across == 1 else PAGE_IN,
        shows=panels,
    )


def to_markdown(table1: Reproduction, stems: Sequence[str], made_by: Origin) -> str:
    """Return the page: each method's costs, those on the front in bold, and the figures."""
    axes = cost_axes(table1)
    places = {axis.name: printed_places(axis, table1) for axis in axes}
    fronts = {axis.name: _front(axis, table1) for axis in axes}
    lines = [
        [
            title(row, table1),
            *(_cell(places[axis.name].get(row.name), bold=row.name in fronts[axis.name]) for axis in axes),
            "-" if (cell := row.cells["miou"]) is None else cell.printed,
        ]
        for row in table1.rows
    ]
    return "\n".join([
        f"# Fig. 4: {CAPTION}",
        "",
        "Bold: on the front of its column, so that no other method is as cheap and as accurate in print.",
        "",
        *table(["Method", *(axis.label for axis in axes), "mIoU as printed (%)"], lines),
        *itertools.chain.from_iterable((f"![{CAPTION}]({stem}.svg)", "") for stem in stems),
        sentence(made_by.line),
        "",
    ])  # fmt: skip


def as_json(table1: Reproduction) -> dict[str, Any]:
    """Return the document of ``reproduce fig4 --json``: printed points with their front, measured points."""
    return {
        "figure": NAME,
        "machine": table1.machine or None,
        "axes": [
            {
                "name": axis.name,
                "label": axis.label,
                "printed": [_point_json(row, *place) for row, place in printed_places(axis, table1).items()],
                "front": _front(axis, table1),
                "measured": [
                    {**_point_json(point.row, *place), "data": point.data, "synthetic": point.synthetic}
                    for point, place in measured_places(axis, table1)
                ],
            }
            for axis in cost_axes(table1)
        ],
    }


def front_lines(table1: Reproduction) -> Iterator[str]:
    """Yield the methods on the front of each cost."""
    titles = {row.name: row.title for row in table1.rows}
    for axis in cost_axes(table1):
        yield f"{axis.label}, front: {', '.join(titles[row] for row in _front(axis, table1))}"


def _front(axis: CostAxis, table1: Reproduction) -> list[str]:
    return front(printed_places(axis, table1), more_is_better=axis.more_is_better)


def _point_json(row: str, cost: float, miou: float) -> dict[str, Any]:
    return {"row": row, "cost": cost, "miou_percent": miou}


def _cell(place: Corner | None, *, bold: bool) -> str:
    if place is None:
        return "-"
    return f"**{number(place[0])}**" if bold else number(place[0])


def _corners(best: Sequence[Corner]) -> list[Corner]:
    """Return the corners of the line below which everything is beaten."""
    found = list(best[:1])
    for (_, before), (cost, accuracy) in itertools.pairwise(best):
        found += [(cost, before), (cost, accuracy)]
    return found


def _measured_in(panels: Sequence[Panel]) -> float:
    return _MEASURED_IN + _POINT_IN * max(len(one.measured) for one in panels)


def _remarks(panels: Sequence[Panel], table1: Reproduction) -> Iterator[str]:
    """Yield what the points are, what is not shown, and what the measured points rest on."""
    yield f"upper axes: mIoU on {_WHERE}; lower axes: mIoU measured here, on the data named"
    names = {panel.axis.name for panel in panels}
    if _AS_PRINTED in names:
        yield 'Params as printed: a hollow mark\'s printed "Params" is no count, a bar leads to the count'
    if names - {_AS_PRINTED}:
        yield "dotted: the front of the printed points, on which no other method is as cheap and as accurate"
    if "fps" in names:
        yield (
            "printed frame rates are of the paper's GPU and of each method's own input size; measured ones "
            f"of {table1.machine}"
        )
    if "macs" in names:
        yield "multiply-adds are counted at the printed input sizes, for measured points too"
    for panel in panels:
        shown = printed_places(panel.axis, table1)
        if missing := [row.title for row in table1.rows if row.name not in shown]:
            yield f"{panel.axis.label}: not known of {', '.join(missing)}"
    yield from notes_on_points(table1)


def _fill(figure: Any, panels: Sequence[Panel], across: int, heights: Sequence[float]) -> None:
    down, rows = -(-len(panels) // across), len(heights)
    found = figure.subplots(down * rows, across, squeeze=False, height_ratios=[*heights] * down)
    figure.legend(handles=_legend(panels), loc="outside lower left", ncols=2 * across, columnspacing=1.0)
    labelled = []
    for index, panel in enumerate(panels):
        upper, *lower = (found[index // across * rows + part][index % across] for part in range(rows))
        every = [one.x for one in (*panel.printed, *panel.measured)]
        every += [one.true_params_m for one in panel.printed if one.true_params_m is not None]
        for axes in (upper, *lower):
            _scale(axes, min(every) / 1.6, max(every) * 1.6)
        upper.set_title(panel.axis.label)
        (lower or [upper])[-1].set_xlabel(f"{panel.axis.quantity}, logarithmic")
        labelled.append((upper, panel.printed, panel.steps))
        _points(upper, panel.printed, "mIoU as printed (%)")
        upper.plot(*zip(*panel.steps, strict=True), **_line(panel))
        for axes in lower:
            upper.tick_params(labelbottom=False)
            _points(axes, panel.measured, "mIoU\n(%)")
            labelled.append((axes, panel.measured, ()))
    for axes, points, steps in labelled:  # when nothing moves any more
        bars = [
            ((one.x, one.y_miou_percent), (one.true_params_m, one.y_miou_percent))
            for one in points
            if one.true_params_m is not None
        ]
        write_labels(axes, [label_of(one) for one in points], [*itertools.pairwise(steps), *bars])


def _scale(axes: Any, left: float, right: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    ticks = [
        tick
        for power in range(-2, 5)
        for first in (1, 2, 5)
        if left <= (tick := first * 10.0**power) <= right
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _points(axes: Any, points: Sequence[Mark], label: str) -> None:
    ys = [one.y_miou_percent for one in points]
    if ys:
        margin = max(0.08 * (max(ys) - min(ys)), 1.0)
        axes.set_ylim(min(ys) - margin, max(ys) + margin)
    else:
        axes.set_yticks([])
        axes.annotate("not measured", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")
    axes.set_ylabel(label)
    for one in points:
        draw_mark(axes, one)


def _line(panel: Panel) -> dict[str, Any]:
    if panel.axis.name != _AS_PRINTED:
        return _FRONT
    return {**_FRONT, "color": style("carnet")["color"], "linestyle": "--"}


def _legend(panels: Sequence[Panel]) -> list[Any]:
    """Return an entry for each kind of point, and the front."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - with the rest of matplotlib

    labels = {
        "carnet": "CARNet of this encoder, printed",
        "other": "other methods, printed",
        "measured": "measured here",
        "context": "measured here, not in the paper",
    }
    kinds = {one.kind for panel in panels for one in (*panel.printed, *panel.measured)}
    found = [Line2D([], [], label=labels[kind], **style(kind)) for kind in labels if kind in kinds]
    if any(panel.axis.name != _AS_PRINTED for panel in panels):
        found.append(Line2D([], [], label="front, printed", **_FRONT))
    return found
