"""Parameters against mIoU as in the paper's Fig. 4: the printed points and those measured here."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass
from typing import Any

from baselines.registry import METHODS
from bench.paper import Row
from bench.report.figure import render
from bench.report.labels import Label, write_labels
from bench.report.origin import Origin
from bench.report.page import title
from bench.reproduce.table_result import Point, Reproduction

_CARNET, _OTHER, _MEASURED, _CONTEXT = "#c62828", "#1f5fa8", "#2e7d32", "#8e5ea2"
_COLOUR = {"carnet": _CARNET, "other": _OTHER, "measured": _MEASURED, "context": _CONTEXT}
_SHAPE = {"carnet": "o", "other": "o", "measured": "D", "context": "s"}
_WIDTH_IN, _TITLE_IN, _AXES_IN, _LABELS_IN = 9.0, 0.4, 4.42, 0.62
_ENTRY_IN, _LINE_IN = 0.18, 0.137
_LEGEND_COLUMNS = 2
_REMARK_CHARACTERS = 165


@dataclass(frozen=True)
class Mark:
    """One point of the plot.

    Attributes
    ----------
    x_params_m, y_miou_percent
        Where; the printed "Params (M)" for a printed point, even where it is a file size.
    label
        Written beside it.
    kind
        ``carnet``, ``other`` (printed), ``measured``, or ``context``: measured and not in the paper's table.
    hollow
        Printed: the number is a file size; measured: on drawn images.
    true_params_m
        The counted parameters of a printed file size, when there is a count; else None.
    """

    x_params_m: float
    y_miou_percent: float
    label: str
    kind: str
    hollow: bool = False
    true_params_m: float | None = None


def marks(reproduction: Reproduction) -> list[Mark]:
    """Return the points of Table 1: the printed rows that have both numbers, then the measured ones."""
    found = [_printed(row, reproduction) for row in reproduction.rows]
    return [mark for mark in found if mark is not None] + [
        Mark(
            point.params_m,
            point.miou_percent,
            f"{_title(point, reproduction)}, {point.data}{' (synthetic)' if point.synthetic else ''}",
            "measured" if point.in_table else "context",
            hollow=point.synthetic,
        )
        for point in reproduction.points
    ]


def without_both(reproduction: Reproduction) -> list[str]:
    """Return the titles of the rows that the plot cannot show, as the paper prints no parameters."""
    shown = ("params", "miou")
    return [row.title for row in reproduction.rows if any(row.cells[name] is None for name in shown)]


def draw(reproduction: Reproduction, origin: Origin) -> dict[str, bytes]:
    """Return the plot as ``png`` and ``svg``; the same input gives the same bytes."""
    points, remarks = marks(reproduction), _remarks(reproduction, origin)
    # legend and remarks grow with what is measured; the plot above them keeps its size
    below_in = _LABELS_IN + _ENTRY_IN * -(-len(_kinds(points)) // _LEGEND_COLUMNS) + _LINE_IN * len(remarks)
    size_in = (_WIDTH_IN, _TITLE_IN + _AXES_IN + below_in + 0.25)
    return render(size_in, "Table 1, params and mIoU", lambda figure: _fill(figure, points, remarks))


def _title(point: Point, reproduction: Reproduction) -> str:
    return f"{point.title} (reconstruction)" if point.row in reproduction.reconstructions else point.title


def _printed(row: Row, reproduction: Reproduction) -> Mark | None:
    params, miou = row.cells["params"], row.cells["miou"]
    if params is None or miou is None:
        return None
    file_size = params.unit == "MiB"
    return Mark(
        float(params.value),
        float(miou.value),
        title(row, reproduction) + (" (msc)" if "msc" in miou.marks else ""),
        METHODS[row.name].family,
        hollow=file_size,
        true_params_m=reproduction.params_m.get(row.name) if file_size else None,
    )


def _remarks(reproduction: Reproduction, origin: Origin) -> list[str]:
    """Return the lines below the plot: what is not shown, what the measured points rest on, who made it."""
    lines = []
    missing = without_both(reproduction)
    if missing:
        lines.append(f"Not shown, as the paper prints no Params: {', '.join(missing)}.")
    by_note: dict[str, list[str]] = {}
    for point in reproduction.points:
        for note in point.notes:
            by_note.setdefault(note, []).append(f"{_title(point, reproduction)} on {point.data}")
    lines += [f"{', '.join(names)}: {note}." for note, names in by_note.items()]
    lines.append(f"† also trained with coarse annotations of Cityscapes. {_sentence(origin.line)}")
    return [part for line in lines for part in textwrap.wrap(line, _REMARK_CHARACTERS)]


def _fill(figure: Any, points: list[Mark], remarks: list[str]) -> None:
    height_in = figure.get_figheight()
    bottom_in = height_in - _TITLE_IN - _AXES_IN
    axes = figure.add_axes((0.085, bottom_in / height_in, 0.89, _AXES_IN / height_in))
    axes.set_xscale("log")
    xs, ys = [point.x_params_m for point in points], [point.y_miou_percent for point in points]
    xs += [point.true_params_m for point in points if point.true_params_m is not None]
    left, right = min(xs) / 1.6, max(xs) * 2.4
    margin = 0.09 * (max(ys) - min(ys))
    axes.set_xlim(left, right)
    axes.set_ylim(min(ys) - margin, max(ys) + margin)
    axes.grid(visible=True, which="major", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if left <= tick <= right]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel('"Params (M)" as printed; for measured points the counted parameters (M). Log scale')
    axes.set_ylabel("mIoU (%)")
    axes.set_title("Table 1: parameters and mIoU, Cityscapes test as printed", fontsize=11, loc="left")
    for spine in ("top", "right"):
        axes.spines[spine].set_visible(False)

    line = sorted((p.x_params_m, p.y_miou_percent) for p in points if p.kind == "carnet")
    axes.plot(*zip(*line, strict=True), color=_CARNET, linewidth=1.0, linestyle="--", alpha=0.6, zorder=1)
    for point in points:
        _point(axes, point)
    figure.legend(
        handles=_legend(points),
        loc="upper left",
        bbox_to_anchor=(0.075, (bottom_in - _LABELS_IN + 0.08) / height_in),
        ncols=_LEGEND_COLUMNS,
        borderaxespad=0,
        fontsize=8,
        frameon=False,
    )
    lengths = [((p.x_params_m, p.y_miou_percent), _end(p)) for p in points if p.true_params_m is not None]
    labels = [
        Label(
            (point.x_params_m, point.y_miou_percent),
            point.label,
            "#333333" if point.kind == "other" else _COLOUR[point.kind],
            first=point.kind == "carnet",
        )
        for point in points
    ]
    write_labels(axes, labels, [*itertools.pairwise(line), *lengths])
    figure.text(0.085, 0.13 / height_in, "\n".join(remarks), fontsize=6.5, color="#555555", linespacing=1.5)


def _point(axes: Any, point: Mark) -> None:
    colour, shape = _COLOUR[point.kind], _SHAPE[point.kind]
    if point.true_params_m is not None:
        ends = (point.x_params_m, point.true_params_m)
        axes.plot(ends, (point.y_miou_percent,) * 2, color=colour, linewidth=0.8, alpha=0.6, zorder=1)
        axes.plot(*_end(point), marker="|", color=colour, markersize=6, zorder=2)
    axes.plot(
        point.x_params_m,
        point.y_miou_percent,
        marker=shape,
        markersize=8 if shape == "o" else 7,
        linestyle="none",
        markerfacecolor="white" if point.hollow else colour,
        markeredgecolor=colour,
        markeredgewidth=1.6,
        zorder=3,
    )


def _end(point: Mark) -> tuple[float, float]:
    """Return where the line from a printed file size to the true count ends."""
    true = point.x_params_m if point.true_params_m is None else point.true_params_m
    return true, point.y_miou_percent


def _legend(points: list[Mark]) -> list[Any]:
    """Return an entry for each kind of point that there is."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - with the rest of matplotlib

    counted = any(point.true_params_m is not None for point in points)
    reaches = "; bar to the true count" if counted else " (MiB or MB)"
    labels = {
        ("carnet", False): "CARNet, printed",
        ("other", False): "other methods, printed",
        ("other", True): f'others whose printed "Params" are a file size{reaches}',
        ("measured", False): "measured here, on the data named",
        ("measured", True): "measured here, on drawn (synthetic) images",
        ("context", False): "not in the paper, for context; measured here",
        ("context", True): "not in the paper, for context; drawn images",
    }
    return [
        Line2D(
            [],
            [],
            marker=_SHAPE[kind],
            color=_COLOUR[kind],
            markerfacecolor="white" if hollow else _COLOUR[kind],
            markeredgewidth=1.6,
            linestyle="none",
            label=labels[kind, hollow],
        )
        for kind, hollow in _kinds(points)
    ]


def _kinds(points: list[Mark]) -> list[tuple[str, bool]]:
    """Return the kinds of points that there are, in the order of the legend."""
    found = {(point.kind, point.hollow) for point in points}
    return [(kind, hollow) for kind in _COLOUR for hollow in (False, True) if (kind, hollow) in found]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
